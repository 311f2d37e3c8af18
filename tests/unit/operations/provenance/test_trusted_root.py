"""Trusted roots: read from a file, or the one that sigstore brings."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.provenance.attestation_verifier import verifier_of
from microrepo.operations.provenance.trusted_root import read_trusted_root
from tests.unit.operations.provenance.conftest import root_of


def test_the_file_of_the_setting_is_read() -> None:
    path = root_of("sigstage.dev")
    root = read_trusted_root(Config(trusted_root=str(path)))
    assert (root.path, root.sha256) == (path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert root.logs
    assert root.certificate_logs


def test_without_the_setting_it_is_that_of_sigstore() -> None:
    expected = root_of("sigstore.dev")
    assert read_trusted_root(Config()).path == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"no JSON", "not a trusted root"),
        (b"{}", "not a trusted root"),
        (b" " * ((1 << 20) + 1), "too large"),
    ],
)
def test_a_file_that_is_no_root_is_a_mistake_in_the_settings(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    root_of("sigstore.dev")
    path = tmp_path / "root.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        read_trusted_root(Config(trusted_root=str(path)))


def test_a_root_that_sigstore_does_not_take_is_one_too(tmp_path: Path) -> None:
    root_of("sigstore.dev")
    path = tmp_path / "root.json"
    path.write_bytes(b'{"tlogs": [], "ctlogs": []}')
    with pytest.raises(ConfigError, match="not a trusted root"):
        verifier_of(Config(provenance="verify", trusted_root=str(path)))
