"""Working directory of a copy: files on their way, and partial downloads."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from microrepo.operations.copy.endpoints import Endpoints
from microrepo.stores.flat_directory import FlatDirectory


class WorkingDirectory:
    """The directory that files pass through: the destination itself, or one in the cache.

    A dry run gets a directory for its own needs elsewhere. The lock is left to the caller.

    Args:
        endpoints: of the copy.
        dry_run: change nothing.

    Raises:
        RepositoryError: the directory is unfit, or cannot be written to.
    """

    def __init__(self, endpoints: Endpoints, *, dry_run: bool) -> None:
        is_directory = endpoints.destination.kind == "directory"
        where = Path(endpoints.destination.url) if is_directory else _cache(endpoints)
        self._passes_on = not is_directory
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        if dry_run:
            self._scratch = tempfile.TemporaryDirectory(prefix="microrepo-")
            self.directory = FlatDirectory(where, Path(self._scratch.name))
            self.directory.prepare_scratch()
            return
        self.directory = FlatDirectory(where)
        self._is_made = not where.exists()
        self._is_new = not self.directory.control.exists()
        self.directory.prepare()

    def tidy(self, *, is_done: bool) -> None:
        """Leave only the files, and what a copy that broke off has fetched in part.

        The lock is still held: another copy that was turned away by it makes its own directories
        again. A directory that became a repository stays one.

        Args:
            is_done: the copy ended well, so that nothing waits to be sent on.
        """
        if self._scratch is not None:
            self._scratch.cleanup()
        elif is_done and self._passes_on:
            shutil.rmtree(self.directory.path, ignore_errors=True)
        elif self._is_new and self._is_bare():
            shutil.rmtree(self.directory.control, ignore_errors=True)
            if self._is_made:
                with suppress(OSError):  # files have come to it
                    self.directory.path.rmdir()

    def _is_bare(self) -> bool:
        return not self.directory.state_file.exists() and not any(self.directory.partial.iterdir())


def _cache(endpoints: Endpoints) -> Path:
    """Return where files wait on their way to an index: the same place for each run."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    name = hashlib.sha256(endpoints.destination.url.encode()).hexdigest()[:16]
    return Path(base) / "microrepo" / f"copy-{name}"
