"""Where the files of a copy pass through, and what keeps two copies out of each other's way."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from microrepo.operations.ends import Ends
from microrepo.operations.session import held_lock
from microrepo.repositories.directory import FlatDirectory


@contextlib.contextmanager
def working_place(ends: Ends, *, dry_run: bool) -> Iterator[FlatDirectory]:
    """Yield the directory that files pass through: the destination itself, or one in the cache.

    It is locked, except in a dry run, which gets a directory for its own needs elsewhere. What a
    copy that broke off has fetched in part stays for the next one; else only the files do.

    Raises:
        Locked: another copy to the same destination is under way on this machine.
        RepositoryError: the directory is unfit, or cannot be written to.
    """
    where = Path(ends.destination.url) if ends.destination.kind == "directory" else _cache(ends)
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="microrepo-") as scratch:
            directory = FlatDirectory(where, Path(scratch))
            directory.prepare_scratch()
            yield directory
        return
    directory = FlatDirectory(where)
    is_new = not directory.control.exists()
    directory.prepare()
    with held_lock(directory):
        is_done = False
        try:
            yield directory
            is_done = True
        finally:
            # Another copy that was turned away by the lock makes its own directories again.
            if is_done and ends.destination.kind == "upload":
                shutil.rmtree(directory.path, ignore_errors=True)
            elif is_new and not any(directory.partial.iterdir()):
                shutil.rmtree(directory.control, ignore_errors=True)


def _cache(ends: Ends) -> Path:
    """Return where files wait on their way to an index: the same place for each run."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    name = hashlib.sha256(ends.destination.url.encode()).hexdigest()[:16]
    return Path(base) / "microrepo" / f"copy-{name}"
