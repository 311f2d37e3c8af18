"""The records that travel between the stages."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from microrepo.model import Action, ActionKind, Cause, Decision, Digests, File, Project

SHA256, BLAKE2B, MD5 = "a" * 64, "b" * 64, "c" * 32
FILE = File(
    "bär-1.0.zip", "https://f.example/x", "1.0", "sdist", Digests(SHA256), 10, yanked_reason="y"
)


@pytest.mark.parametrize(
    ("digests", "expected"),
    [
        pytest.param(Digests(SHA256, BLAKE2B, MD5), ("sha256", SHA256), id="all"),
        pytest.param(Digests(None, BLAKE2B, MD5), ("blake2b_256", BLAKE2B), id="no sha256"),
        pytest.param(Digests(md5=MD5), ("md5", MD5), id="md5 alone"),
        pytest.param(Digests(md5=MD5, sha512="d"), ("sha512", "d"), id="sha512 before md5"),
        pytest.param(Digests(md5=MD5, sha1="d"), ("sha1", "d"), id="sha1 before md5"),
        pytest.param(Digests(SHA256, sha512="d"), ("sha256", SHA256), id="sha256 before sha512"),
        pytest.param(Digests(sha256="", md5=MD5), ("md5", MD5), id="empty is none"),
        pytest.param(Digests(), None, id="none"),
    ],
)
def test_strongest_digest(digests: Digests, expected: tuple[str, str] | None) -> None:
    assert digests.strongest() == expected


@pytest.mark.parametrize(
    "record",
    [
        FILE,
        Project("foo", "Foo", files=(FILE,), versions=("1.0",)),  # type: ignore[arg-type]
        Decision(FILE, False, Cause.YANKED, "bad"),
        Action(ActionKind.DELETE, "x", "foo", Cause.UNWANTED, replaced=True),
    ],
    ids=lambda record: type(record).__name__,
)
def test_records_travel_between_processes_and_as_json(record: msgspec.Struct) -> None:
    assert pickle.loads(pickle.dumps(record)) == record
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        FILE.size = 5  # type: ignore[misc]


def test_every_public_name_can_be_loaded():
    """The table of lazily loaded names leads to something."""
    import microrepo

    missing = [name for name in microrepo.__all__ if not hasattr(microrepo, name)]
    assert not missing
