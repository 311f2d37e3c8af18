"""Placement of a file in a directory: hard link, reflink or verified copy, atomically.

A hard link shares its inode, so it needs no verification; a copy is verified while it is written.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from microrepo.errors import DigestMismatch
from microrepo.model import Digests, LocalFile
from microrepo.stores.hard_links import CANNOT_LINK
from microrepo.stores.hashing import hash_file, new_hasher
from microrepo.stores.plain_files import open_plain_file, replace_file

_FICLONE = 0x40049409  # ioctl_ficlone(2): the files share their blocks
_READ_BYTES = 1 << 20


class Sharing(Struct, frozen=True, gc=False):
    """How a local file may be put in place.

    Attributes:
        link: share the content if the file system can.
        replace: replace an existing file.
        may_copy: copy the file if its content cannot be shared; otherwise that is an error.
        verify: read the content even if it is shared, because it is unverified.
    """

    link: bool = True
    replace: bool = False
    may_copy: bool = True
    verify: bool = False


def place_file(
    source: Path, directory: Path, filename: str, digests: Digests, sharing: Sharing
) -> LocalFile:
    """Put a local file into a directory atomically.

    Args:
        directory: where the file goes.
        filename: its name there.
        digests: known digests; a copy is compared with the strongest.
        sharing: how it may be put in place.

    Returns:
        Name, size, time and digests: those known, and the one computed if the file was read.

    Raises:
        FileExistsError: the name exists and must not be replaced.
        DigestMismatch: the content differs from the digests.
        OSError: the file cannot be read or written.
    """
    target = directory / filename
    if sharing.link and sharing.verify:
        digests = _verified(source, filename, digests)
    if sharing.link and not sharing.replace and _link(source, target):
        return _look(target, filename, digests)
    temporary = directory / f".{secrets.token_hex(8)}.part"
    try:
        if not (sharing.link and _link(source, temporary)):
            if not (sharing.may_copy or _is_shared(source, temporary)):
                raise OSError(errno.EXDEV, "on another file system, cannot be linked", str(source))
            digests = _copy(source, temporary, filename, digests, share=sharing.link)
        _finish(temporary, target, replace=sharing.replace)
    finally:
        with suppress(OSError):
            temporary.unlink()
    return _look(target, filename, digests)


def _verified(source: Path, filename: str, digests: Digests) -> Digests:
    """Read a file; return its digests, the computed one among them."""
    algorithm, expected = digests.strongest() or ("sha256", "")
    computed = hash_file(source, (algorithm,))
    found = getattr(computed, algorithm)
    if expected and found != expected:
        raise DigestMismatch(filename, algorithm, expected, found)
    return digests.completed_by(computed)


def can_share(source: Path, directory: Path) -> bool:
    """Return whether a directory (or its nearest existing parent) can share a file's content."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    temporary = directory / f".{secrets.token_hex(8)}.part"
    try:
        return _link(source, temporary) or _is_shared(source, temporary)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            temporary.unlink()


def _is_shared(source: Path, target: Path) -> bool:
    """Return whether the two files can share their blocks; leave no file behind."""
    try:
        with open_plain_file(source) as reading, target.open("xb", buffering=0) as writing:
            return _reflink(reading.fileno(), writing.fileno())
    finally:
        with suppress(OSError):
            target.unlink()


def _link(source: Path, target: Path) -> bool:
    try:
        # A link to a symbolic link would dangle in its new directory.
        os.link(source.resolve() if source.is_symlink() else source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        return False
    return True


def _finish(temporary: Path, target: Path, *, replace: bool) -> None:
    """Rename a complete file, replacing another one only on request."""
    if replace or not _link(temporary, target):
        if not replace and target.exists():  # no links here: check first
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        replace_file(str(temporary), str(target))


def _copy(source: Path, target: Path, filename: str, digests: Digests, *, share: bool) -> Digests:
    """Copy a file durably with its time; return the verified digests."""
    strongest = digests.strongest() or ("sha256", "")
    hasher = new_hasher(strongest[0])
    with open_plain_file(source) as reading, target.open("xb", buffering=0) as writing:
        shared = share and _reflink(reading.fileno(), writing.fileno())
        while piece := reading.read(_READ_BYTES):
            hasher.update(piece)
            view = memoryview(piece)
            while view and not shared:
                view = view[writing.write(view) :]
        status = os.fstat(reading.fileno())
        os.utime(writing.fileno(), ns=(status.st_mtime_ns, status.st_mtime_ns))
        os.fsync(writing.fileno())
    found = hasher.hexdigest()
    if strongest[1] and found != strongest[1]:
        raise DigestMismatch(filename, strongest[0], strongest[1], found)
    return Digests(**{strongest[0]: found})


def _reflink(reading: int, writing: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(writing, _FICLONE, reading)
    except (ImportError, OSError):
        return False
    return True


def _look(path: Path, filename: str, digests: Digests) -> LocalFile:
    status = path.stat()
    return LocalFile(filename, status.st_size, status.st_mtime_ns, digests=digests)
