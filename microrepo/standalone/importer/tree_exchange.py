"""Exchange of directories: the pages of a repository are replaced in one step."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # renameat2(2)
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


def exchange_directories(new: str, target: str) -> None:
    """Give a new directory the name of an existing one, which gets the new one's name.

    Readers see the old or the new one. On file systems or systems without such an exchange, the
    name is missing for the moment between two renames.

    Args:
        new: complete directory, on the same file system.
        target: its final name; may be missing.

    Raises:
        OSError: it cannot be renamed.
    """
    if not os.path.lexists(target):
        os.rename(new, target)
        return
    if _exchange(new, target):
        return
    aside = f"{new}.old"
    os.rename(target, aside)
    try:
        os.rename(new, target)
    except OSError:
        os.rename(aside, target)
        raise
    os.rename(aside, new)


def _exchange(first: str, second: str) -> bool:
    """Exchange two names atomically; return False where that is not supported."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    paths = (os.fsencode(first), os.fsencode(second))
    if rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), first, None, second)


def link_tree(source: str, target: str) -> None:
    """Make a directory with hard links to all files of another one, or with copies.

    Writers that replace files change only their own tree then. Symbolic links are left out.

    Raises:
        OSError: a file can be neither linked nor copied.
    """
    os.makedirs(target, exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            path = os.path.join(target, entry.name)
            if entry.is_symlink():
                continue
            if entry.is_dir():
                link_tree(entry.path, path)
            elif entry.is_file():
                _link_or_copy(entry.path, path)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(source, target)


def remove_tree(path: str) -> None:
    """Delete a directory with everything in it; it may be missing."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def sync_everything(path: str) -> None:
    """Make all data written to the file system of a path durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None or syncfs(descriptor) != 0:
            os.sync()
    except TypeError:  # a system without such a library
        pass
    finally:
        os.close(descriptor)
