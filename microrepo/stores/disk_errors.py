"""Messages for errors of a file system, with what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from microrepo.errors import MicrorepoError

_NAMED = {
    errno.EMLINK: "the file system allows no more entries in this folder (EMLINK); use one without "
    "that limit, such as XFS, Btrfs or ext4 with dir_nlink",
    errno.EDQUOT: "the disk quota for bytes or files is used up (EDQUOT); raise it, or select fewer files",
    errno.EROFS: "the file system is read-only (EROFS): it is mounted so, or an error made it so",
    errno.ENAMETOOLONG: "the name or the path is too long for this file system (ENAMETOOLONG)",
    errno.EFBIG: "the file is too large for this file system (EFBIG)",
}


def disk_words(error: OSError, path: str | Path | None = None) -> str:
    """Return the meaning of a file system error.

    Args:
        path: a path on that file system, if the error does not have one.
    """
    if error.errno == errno.ENOSPC:
        return _full_words(path or error.filename)
    named = _NAMED.get(error.errno or 0)
    return named or error.strerror or str(error)


def placing_error(filename: str, error: Exception) -> str:
    """Return why a file could not be given its place, without its name."""
    if isinstance(error, FileExistsError):
        return "another file got this name in the meantime"
    if isinstance(error, MicrorepoError):
        return error.why(filename)
    return disk_words(error) if isinstance(error, OSError) else str(error)


def _full_words(path: str | Path | None) -> str:
    if path is not None and _has_no_inodes(Path(path)):
        return (
            "the file system has no inodes left, though it may have room (ENOSPC): remove files, "
            "or recreate the file system with more inodes"
        )
    # A large directory can be full by itself: ext4 without `large_dir` reports the same.
    return (
        "no space left (ENOSPC): the file system is full, or, if `df` shows room, a directory "
        "cannot take more names"
    )


def _has_no_inodes(path: Path) -> bool:
    for place in (path, *path.parents):
        try:
            status = os.statvfs(place)
        except OSError:
            continue
        return status.f_files > 0 and status.f_favail == 0
    return False
