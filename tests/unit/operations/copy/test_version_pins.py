"""Pins of a buildout configuration, from a file of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.copy.version_pins import read_versions_file
from tests.support.faults import Status
from tests.support.server import PyPIServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "versions.cfg"
    path.write_text("[versions]\nfoo = 1.0\nBar = 2.0\n")
    return path


def test_a_path_and_a_url_are_the_same(config: Config, path: Path) -> None:
    found = read_versions_file(config, str(path))
    assert found == ("foo==1.0", "Bar==2.0")
    assert read_versions_file(config, path.as_uri()) == found


def test_a_byte_order_mark_is_read(config: Config, path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_versions_file(config, str(path))) == 2


def test_a_file_that_is_not_there(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_versions_file(config, str(tmp_path / "nothing.cfg"))


def test_a_server_that_refuses(config: Config, pypi: PyPIServer) -> None:
    pypi.fault("*", Status(404))
    with pytest.raises(Exception, match="404"):
        read_versions_file(config, f"{pypi.url}/versions.cfg")
