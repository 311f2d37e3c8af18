"""Lock of a repository: one run at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from microrepo.errors import Locked, RepositoryError
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.plain_files import read_plain_file


class Holder(Struct, frozen=True):
    """The process that holds the lock."""

    process: int
    host: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"

    def is_alive(self) -> bool:
        """Return whether the process runs, if this machine can tell."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            return True
        return True


def holder_of(directory: FlatDirectory) -> Holder | None:
    """Return the holder of the lock, None if it cannot be read; the lock is not touched."""
    try:
        content = read_plain_file(directory.control / "lock.holder")
        return msgspec.json.decode(content, type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


@contextmanager
def held_lock(directory: FlatDirectory) -> Iterator[None]:
    """Hold a directory's lock.

    Raises:
        Locked: another run holds it.
        RepositoryError: the directory cannot be locked.
    """
    lock = FileLock(directory.lock_file, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holding = holder_of(directory)
        raise Locked(directory.path, str(holding) if holding else "") from None
    except OSError as error:
        raise RepositoryError(directory.path, f"cannot be locked: {disk_words(error)}") from error
    holder = directory.control / "lock.holder"
    with suppress(OSError):
        holder.unlink(missing_ok=True)  # a link would be followed, a FIFO would block
        with holder.open("xb") as stream:
            stream.write(msgspec.json.encode(Holder(os.getpid(), socket.gethostname())))
    try:
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()
