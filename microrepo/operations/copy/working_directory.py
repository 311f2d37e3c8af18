"""Working directory of a copy, for files in transit and partial downloads."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from microrepo.config.schema import Config
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.run.switch_completion import complete_switch
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock


class WorkingDirectory:
    """Directory for files in transit: the destination itself, or one in the cache.

    A dry run gets a temporary directory. The caller takes the lock, with `in_use`.

    Args:
        dry_run: change nothing.

    Raises:
        RepositoryError: the directory is unsuitable or not writable, or a dry run would plan for a
            state between two.
    """

    def __init__(self, endpoints: Endpoints, *, dry_run: bool) -> None:
        is_directory = endpoints.destination.kind == "directory"
        where = Path(endpoints.destination.url) if is_directory else _cache(endpoints)
        self._passes_on = not is_directory
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        if dry_run:
            FlatDirectory(where).refuse_begun_switch()
            self._scratch = tempfile.TemporaryDirectory(prefix="microrepo-")
            self.directory = FlatDirectory(where, Path(self._scratch.name))
            self.directory.prepare_scratch()
            return
        self.directory = FlatDirectory(where)
        self._is_made = not where.exists()
        self._is_new = not self.directory.control.exists()
        self.directory.prepare()

    @contextmanager
    def in_use(self, config: Config) -> Iterator[None]:
        """Hold the lock; a switch that a killed run began in the destination is completed first.

        Raises:
            Locked: another run uses the directory.
            RepositoryError: the switch cannot be completed.
        """
        if self._scratch is not None:
            yield
            return
        complete_switch(config, self.directory)
        with held_lock(self.directory):
            self.directory.refuse_begun_switch()  # killed just now
            yield

    def tidy(self, *, is_done: bool) -> None:
        """Delete everything except files and partial downloads of an interrupted copy.

        The lock is still held; a copy that waits for it creates its directories again. A directory
        that became a repository stays one.

        Args:
            is_done: the copy succeeded, so no file waits for upload.
        """
        if self._scratch is not None:
            self._scratch.cleanup()
        elif is_done and self._passes_on:
            shutil.rmtree(self.directory.path, ignore_errors=True)
        elif self._is_new and self._is_bare():
            shutil.rmtree(self.directory.control, ignore_errors=True)
            if self._is_made:
                with suppress(OSError):  # files have arrived in it
                    self.directory.path.rmdir()

    def _is_bare(self) -> bool:
        return not self.directory.state_file.exists() and not any(self.directory.partial.iterdir())


def _cache(endpoints: Endpoints) -> Path:
    """Return the cache directory for uploads to an index, the same for each run."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    name = hashlib.sha256(endpoints.destination.url.encode()).hexdigest()[:16]
    return Path(base) / "microrepo" / f"copy-{name}"
