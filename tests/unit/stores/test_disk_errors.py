"""What a full or broken file system is called."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from microrepo.stores.disk_errors import disk_words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMLINK, "no more entries in this folder"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.ENOSPC, "no space left"),
        (errno.EACCES, os.strerror(errno.EACCES)),
    ],
)
def test_each_is_named(number: int, words: str, tmp_path: Path) -> None:
    assert words in disk_words(
        OSError(number, os.strerror(number), str(tmp_path / "not" / "there"))
    )
    assert words in disk_words(OSError(number, os.strerror(number)), tmp_path)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / ("x" * 300)).touch()
    assert "ENAMETOOLONG" in disk_words(caught.value)


def test_an_error_without_a_number() -> None:
    assert disk_words(OSError("odd")) == "odd"
