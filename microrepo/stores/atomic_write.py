"""Atomic writes: readers see the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import IO

from microrepo.stores.durability import sync_path
from microrepo.stores.plain_files import replace_file


class Replacement:
    """A file written in pieces under a temporary name, and renamed when complete.

    Args:
        path: final path; its directory must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self.stream: IO[bytes] = self._temporary.open("wb")

    @property
    def temporary(self) -> Path:
        """Where the content is until it is put in place."""
        return self._temporary

    def put_in_place(self) -> None:
        """Make the content durable, then rename it into place."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        replace_file(str(self._temporary), str(self._path))

    def __enter__(self) -> Replacement:  # noqa: PYI034 - typing has no Self in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.stream.close()
        self._temporary.unlink(missing_ok=True)


def umask() -> int:
    """Return this process's umask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def public_mode() -> int:
    """Return the mode of public files: 0666 minus the umask."""
    return 0o666 & ~umask()


def write_atomically(
    path: Path, data: bytes, mode: int, *, overwrite: bool = True, follow: bool = True
) -> None:
    """Write a file atomically and durably, via a temporary file in the same directory.

    Args:
        path: the file; missing directories are created. For a symlink, its target is written.
        overwrite: replace an existing file.
        follow: write to the target of a symlink; False replaces the link.

    Raises:
        FileExistsError: the path exists and `overwrite` is off.
        OSError: the file cannot be written; an existing file is unchanged.
    """
    target = Path(os.path.realpath(path)) if follow else path  # a link to itself is replaced
    _make_directory(target.parent)
    # The dot makes cron, systemd and directory listings ignore a leftover.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        if not overwrite:
            _link(temporary, target)
        else:
            replace_file(temporary, str(target))
    finally:
        Path(temporary).unlink(missing_ok=True)
    # Some network file systems refuse this; the content is already durable.
    with contextlib.suppress(OSError):
        sync_path(target.parent)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        # For callers, FileExistsError means that the file itself exists.
        raise NotADirectoryError(
            errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory)
        ) from error


def _link(temporary: str, target: Path) -> None:
    """Give the file its name unless it exists, without a race with other writers."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some network file systems have no links, so check first.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.replace(temporary, target)  # noqa: PTH105
