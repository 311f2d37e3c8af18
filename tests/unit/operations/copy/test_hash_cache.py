"""Digests that are remembered between runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microrepo.errors import ConfigError, RepositoryError
from microrepo.model import Digests
from microrepo.operations.copy.hash_cache import HashCache

DIGESTS = Digests("a" * 64, "b" * 64, None)


def test_what_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file, path = tmp_path / "file", tmp_path / "cache.json"
    file.write_bytes(b"one")
    cache = HashCache(path)
    seen = cache.look(file)
    assert seen is not None
    assert seen.digests is None
    cache.remember(seen, DIGESTS)
    cache.save()
    again = HashCache(path).look(file)
    assert again is not None
    assert again.digests == DIGESTS
    os.utime(file, ns=(1, 1))
    changed = HashCache(path).look(file)
    assert changed is not None
    assert changed.digests is None
    assert HashCache(path).look(tmp_path / "absent") is None
    assert sorted(one.name for one in tmp_path.iterdir()) == ["cache.json", "file"]


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    HashCache(tmp_path / "cache.json").save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"\x80\x04N.", b"[]", b'{"format": 2, "files": {}}', b'{"format": 1, "files": {"a": 3}}'],
)
def test_another_file_is_refused_and_left_alone(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cache.json"
    path.write_bytes(body)
    with pytest.raises(ConfigError, match="is not a hash cache"):
        HashCache(path)
    assert path.read_bytes() == body
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    cache = HashCache(tmp_path / "folder" / "cache.json")
    seen = cache.look(file)
    assert seen is not None
    cache.remember(seen, DIGESTS)
    (tmp_path / "folder").write_bytes(b"a file is in the way")
    with pytest.raises(RepositoryError, match="hash cache cannot be written"):
        cache.save()
    with pytest.raises(RepositoryError, match="hash cache cannot be read"):
        HashCache(tmp_path)
