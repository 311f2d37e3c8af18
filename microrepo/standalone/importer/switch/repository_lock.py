"""Lock of a repository, the one that microrepo holds: one run at a time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator

from microrepo.standalone.importer.control_files import CONTROL_FOLDER

try:
    import fcntl
except ImportError:  # not on this system
    fcntl = None  # type: ignore[assignment]


class RepositoryLocked(Exception):
    """Another run holds the lock; the text names it."""


@contextlib.contextmanager
def hold_repository(repository: str) -> Iterator[None]:
    """Hold the lock of a repository, whose control folder is made if it is missing.

    Raises:
        RepositoryLocked: another run holds it.
        OSError: the repository cannot be written to.
    """
    control = os.path.join(repository, CONTROL_FOLDER)
    os.makedirs(control, exist_ok=True)
    holder = os.path.join(control, "lock.holder")
    descriptor = _locked(os.path.join(control, "lock"), holder, repository)
    try:
        with contextlib.suppress(OSError), open(holder, "w", encoding="utf-8") as stream:
            json.dump({"process": os.getpid(), "host": socket.gethostname()}, stream)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(holder)
        os.close(descriptor)


def _locked(path: str, holder: str, repository: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one who held it may have deleted it meanwhile.
            if os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise RepositoryLocked(
                f"{repository}: locked by another run{_holder_name(holder)}. Try again when it has "
                "finished."
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _holder_name(holder: str) -> str:
    try:
        with open(holder, encoding="utf-8") as stream:
            values = json.load(stream)
        return f" (process {int(values['process'])} on {values['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
