"""The lock of a repository: one run at a time, whoever starts it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from microrepo.errors import Locked, RepositoryError
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import FlatDirectory


@contextmanager
def held_lock(directory: FlatDirectory) -> Iterator[None]:
    """Hold a directory's lock.

    Raises:
        Locked: another run holds it.
        RepositoryError: it cannot be locked.
    """
    lock = FileLock(directory.lock_file, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Locked(directory.path, _holder(directory)) from None
    except OSError as error:
        raise RepositoryError(directory.path, f"cannot be locked: {disk_words(error)}") from error
    holder = directory.control / "lock.holder"
    with suppress(OSError):
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _holder(directory: FlatDirectory) -> str:
    try:
        return (directory.control / "lock.holder").read_text(encoding="utf-8")[:100]
    except (OSError, UnicodeDecodeError):
        return ""
