"""Files: open and read files below the repository, with one look at the disk for each."""

from __future__ import annotations

import os
import stat
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    Signature = tuple[int, int, int, int] | None

if TYPE_CHECKING:
    Checks = tuple[tuple[str, Signature], ...]

_OPEN_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _name, 0)


def signature(path: str) -> Signature:
    """Return a value that changes whenever a file or directory does; None for a missing one."""
    try:
        return signature_of(os.stat(path))
    except (OSError, ValueError):
        return None


def signature_of(status: os.stat_result) -> Signature:
    """Return the signature of a file whose status is known."""
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def unchanged(checks: Checks) -> bool:
    """Return whether all files and directories still have the signatures they had."""
    return all(signature(path) == known for path, known in checks)


def inside(root: str, path: str) -> str:
    """Return the real path of a file below `root`; empty if it is outside or has a hidden part."""
    real = os.path.realpath(path)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        return ""
    parts = real[len(root) :].split(os.sep)
    return "" if any(part.startswith(".") for part in parts) else real


def open_below(root: str, path: str) -> tuple[int, os.stat_result] | None:
    """Return a descriptor and the status of a regular file below `root`; None for all else."""
    real = inside(root, path)
    try:
        fd = os.open(real, _OPEN_FLAGS) if real else -1
    except OSError:
        return None
    if fd < 0:
        return None
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode):
        return fd, status
    os.close(fd)
    return None


def read_below(root: str, path: str, max_bytes: int) -> tuple[bytes, Signature]:
    """Return content and signature of a file below `root`; no content if it cannot be read."""
    opened = open_below(root, path)
    if opened is None:
        return b"", signature(path)
    fd, status = opened
    with os.fdopen(fd, "rb") as stream:
        return _read_bounded(stream, max_bytes), signature_of(status)


def read_file(path: str, max_bytes: int) -> bytes:
    """Return the content of a file, empty if it cannot be read or is larger than `max_bytes`."""
    try:
        with open(path, "rb") as stream:
            return _read_bounded(stream, max_bytes)
    except OSError:
        return b""


def _read_bounded(stream: IO[bytes], max_bytes: int) -> bytes:
    try:
        data = stream.read(max_bytes + 1)
    except OSError:
        return b""
    return b"" if len(data) > max_bytes else data


def rfc3339(epoch_ns: int) -> str:
    """Return a time as the Simple API has it (PEP 700): UTC, microseconds, Z."""
    seconds, rest = divmod(epoch_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}Z"
