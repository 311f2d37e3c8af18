"""Digests: every algorithm, of streams and of files, as hashlib computes them."""

import hashlib
import os
from pathlib import Path

import pytest

from microrepo.model import Digests
from microrepo.stores.hashing import ContentHasher, hash_file

CONTENT = b"x" * ((1 << 20) + 7)
ALL = Digests(
    hashlib.sha256(CONTENT).hexdigest(),
    hashlib.blake2b(CONTENT, digest_size=32).hexdigest(),
    hashlib.md5(CONTENT).hexdigest(),
)


def test_a_file_longer_than_one_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert hash_file(path) == ALL
    assert hash_file(path, ("md5",)) == Digests(md5=ALL.md5)


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_pieces_of_any_size(size: int) -> None:
    hasher = ContentHasher(("sha256", "blake2b_256"))
    for start in range(0, len(CONTENT), size if size > 1 else 999_983):
        hasher.update(CONTENT[start : start + (size if size > 1 else 999_983)])
    assert hasher.digests() == Digests(ALL.sha256, ALL.blake2b_256)


def test_known_digests_are_completed_and_never_replaced() -> None:
    known, found = Digests(sha256="a"), Digests("b", "c")
    assert known.completed_by(found) == Digests("a", "c")
    assert found.completed_by(known) == found


def test_a_fifo_is_an_error_not_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a plain file"):
        hash_file(tmp_path / "fifo")
