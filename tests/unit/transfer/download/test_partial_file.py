"""Files on their way: nothing has its name before it is whole and verified."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import msgspec
import pytest

from microrepo.errors import DigestMismatch, SizeMismatch
from microrepo.model import Digests
from microrepo.transfer.download.partial_file import (
    ByteCounter,
    PartialFile,
    Place,
    partial_name,
    put_in_place,
)
from microrepo.transfer.tasks import FetchFile

BODY = b"content" * 1000
DIGESTS = Digests(hashlib.sha256(BODY).hexdigest())
TASK = FetchFile("foo-1.0.zip", "u", DIGESTS, len(BODY), upload_ns=5_000_000_000)


def begun(place: Place, content: bytes = b"", task: FetchFile = TASK) -> PartialFile:
    partial = PartialFile(task, place)
    partial.append(content)
    return partial


def test_a_whole_file_gets_its_name(place: Place) -> None:
    partial = begun(place, BODY)
    assert partial.is_complete()
    partial.verify()
    assert list(Path(place.directory).iterdir()) == []
    status = put_in_place(partial, place)
    partial.close()
    (path,) = Path(place.directory).iterdir()
    assert (path.name, path.read_bytes()) == (TASK.filename, BODY)
    assert (path.stat().st_mtime_ns, stat.S_IMODE(path.stat().st_mode)) == (5_000_000_000, 0o640)
    assert path.stat().st_ino == status.st_ino
    assert list(Path(place.partial).iterdir()) == []


def test_another_attempt_goes_on_from_the_bytes_that_came(place: Place) -> None:
    begun(place, BODY[:100]).close()
    Path(place.partial, partial_name(TASK)).chmod(0o600)
    partial = begun(place, BODY[100:])
    assert (partial.resumed, partial.received) == (True, len(BODY))
    partial.verify()
    put_in_place(partial, place)
    partial.close()
    (path,) = Path(place.directory).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("content", "error"),
    [(BODY[:-1], SizeMismatch), (BODY + b"x", SizeMismatch), (b"x" * len(BODY), DigestMismatch)],
)
def test_wrong_content_is_told(place: Place, content: bytes, error: type[Exception]) -> None:
    partial = begun(place, content)
    with pytest.raises(error):
        partial.verify()
    partial.close()


def test_too_many_old_bytes_are_given_up(place: Place) -> None:
    begun(place, BODY + b"more").close()
    partial = begun(place)
    assert (partial.received, partial.resumed, partial.restarted) == (0, False, True)
    partial.close()


def test_a_restart_forgets_what_came(place: Place) -> None:
    partial = begun(place, b"wrong")
    partial.restart()
    partial.append(BODY)
    assert partial.verify().sha256 == DIGESTS.sha256
    partial.discard()
    assert list(Path(place.partial).iterdir()) == []
    partial.close()


def test_beside_a_rare_digest_sha256_is_computed(place: Place) -> None:
    rare = Digests(sha3_256=hashlib.sha3_256(BODY).hexdigest())
    partial = begun(place, BODY, msgspec.structs.replace(TASK, digests=rare))
    found = partial.verify()
    assert (found.sha3_256, found.sha256) == (rare.sha3_256, DIGESTS.sha256)
    partial.close()


def test_names_tell_content_and_file_apart() -> None:
    other_file = msgspec.structs.replace(TASK, filename="bar-1.0.zip")
    other_content = msgspec.structs.replace(TASK, digests=Digests("0" * 64))
    names = {partial_name(one) for one in (TASK, other_file, other_content)}
    assert len(names) == 3
    assert partial_name(msgspec.structs.replace(TASK, url="v")) == partial_name(TASK)
    nameless = msgspec.structs.replace(TASK, digests=Digests())
    assert partial_name(nameless) != partial_name(nameless)


def test_a_counter_passes_bytes_on() -> None:
    outer = ByteCounter()
    inner = ByteCounter(outer)
    inner(3)
    inner(4)
    assert (inner.total, outer.total) == (7, 7)
