"""Plain files: read without FIFOs and devices, and put where something else was."""

from __future__ import annotations

import errno
import logging
import os
import stat
from io import FileIO
from pathlib import Path

_log = logging.getLogger(__name__)


def open_plain_file(path: Path) -> FileIO:
    """Open a file for reading, without a buffer.

    Raises:
        OSError: it does not exist, or is not a plain file; reading a FIFO would block.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123 - a descriptor has no path


def read_plain_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: as for `open_plain_file`.
    """
    with open_plain_file(path) as file:
        return file.readall()


def write_plain_file(path: Path, content: bytes) -> None:
    """Write a small file that need not survive a crash; what is not a file there is renamed.

    Raises:
        OSError: it cannot be written.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        put_aside_odd(path, "not-a-file")
    path.write_bytes(content)


def prepare_own_folder(path: Path) -> None:
    """Create a folder of microrepo's; a link, or what is not a folder there, is renamed.

    Through a link, files of somebody else would be replaced.

    Raises:
        OSError: it cannot be created.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        put_aside_odd(path, "not-a-directory")
    path.mkdir(parents=True, exist_ok=True)


def replace_file(temporary: str, target: str) -> None:
    """Give a complete file its name; a directory that has the name is renamed, with a warning.

    Raises:
        OSError: it cannot be renamed.
    """
    try:
        os.replace(temporary, target)  # noqa: PTH105 - downloads and pages come by here
    except IsADirectoryError:
        put_aside_odd(Path(target), "not-a-file")
        os.replace(temporary, target)  # noqa: PTH105


def put_aside_odd(path: Path, suffix: str) -> None:
    """Rename a path that has a name of microrepo's, and warn about it.

    Raises:
        OSError: it cannot be renamed.
    """
    names = (f"{path.name}.{suffix}{number}" for number in ("", *range(2, 100)))
    aside = next(other for name in names if not os.path.lexists(other := path.with_name(name)))
    path.rename(aside)
    what = "a file" if suffix == "not-a-file" else "a directory"
    _log.warning("%s: was not %s; it was renamed to %s", path, what, aside.name)
