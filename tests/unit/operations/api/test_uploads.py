"""Uploads of the library: into a directory, or to the form of an index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.api.distributions import Distribution
from microrepo.operations.api.uploads import UploadEndpoint
from microrepo.operations.copy.endpoints import EndpointText
from tests.support.packages import build_wheel
from tests.support.receiver import Receiver, status

WHEEL = build_wheel("foo", "1.0")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def distribution(tmp_path: Path) -> Distribution:
    (tmp_path / "mine").mkdir()
    return Distribution(WHEEL.write_to(tmp_path / "mine"))


def endpoint(config: Config, where: str) -> UploadEndpoint:
    return UploadEndpoint(config, EndpointText(where))


def test_into_a_directory(config: Config, distribution: Distribution, tmp_path: Path) -> None:
    to = endpoint(config, str(tmp_path / "new"))
    assert [to.upload(distribution).status for _ in range(2)] == ["uploaded", "present"]
    copy = tmp_path / "new" / WHEEL.filename
    assert not copy.samefile(distribution.path)
    copy.write_bytes(b"another")
    assert to.upload(distribution).status == "refused"
    assert copy.read_bytes() == b"another"


def test_to_an_index(config: Config, distribution: Distribution, receiver: Receiver) -> None:
    to = endpoint(config, receiver.upload_url)
    assert [to.upload(distribution).status for _ in range(2)] == ["uploaded", "present"]
    assert (receiver.digests(), len(receiver.forms)) == ({WHEEL.filename: WHEEL.sha256}, 1)
    receiver.files["foo"][WHEEL.filename] = b"another"
    assert to.upload(distribution).status == "refused"
    to.close()


def test_an_index_that_refuses(
    config: Config, distribution: Distribution, receiver: Receiver
) -> None:
    receiver.faults.append(status(400, b"a reason"))
    to = endpoint(config, receiver.upload_url)
    assert to.upload(distribution).status == "refused"
    to.close()


def test_there_is_no_default(config: Config, distribution: Distribution) -> None:
    with pytest.raises(ConfigError):
        endpoint(config, "pypi").upload(distribution)
