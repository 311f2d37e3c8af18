"""Content from a store that several repositories share, before it is downloaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from microrepo.errors import ScanFailed, ScanRefused
from microrepo.model import Outcome
from microrepo.stores.content_store import ContentStore
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.tasks import FetchFile

_log = logging.getLogger(__name__)


class StoredContent:
    """Takes files from a store, and adds downloaded ones to it.

    A store that cannot be read or written costs downloads, nothing else.

    Args:
        path: directory of the store; "" for none.
        place: the target directory.
    """

    def __init__(self, path: str, place: Place) -> None:
        self._store = ContentStore(Path(path)) if path else None
        self._place = place

    def fetch(self, task: FetchFile, download: Callable[[FetchFile], Outcome]) -> Outcome:
        """Return the outcome of one file, from the store if it has the content."""
        store, sha256 = self._store, task.digests.sha256
        if store is None:
            return download(task)
        stored = self._take(store, task, sha256) if sha256 else None
        if stored is not None:
            return stored
        outcome = download(task)
        if outcome.ok:
            self._add(store, outcome)
        return outcome

    def _take(self, store: ContentStore, task: FetchFile, sha256: str) -> Outcome | None:
        scanner = self._place.scanner
        try:
            if scanner is not None and store.has(sha256):
                scanner.check(str(store.place(sha256)), task.filename, sha256)
            local = store.take(sha256, Path(self._place.directory), task.filename)
        except (ScanFailed, ScanRefused) as error:
            return Outcome(task.filename, ok=False, error=error.why(task.filename))
        except OSError as error:
            _log.warning("store %s: cannot be used: %s", store.path, error)
            return None
        if local is None:
            return None
        return Outcome(
            task.filename,
            ok=True,
            size_bytes=local.size_bytes or 0,
            mtime_ns=local.mtime_ns,
            digests=local.digests,
            reused_bytes=local.size_bytes or 0,
        )

    def _add(self, store: ContentStore, outcome: Outcome) -> None:
        sha256 = outcome.digests.sha256
        if not sha256:
            return
        try:
            store.add(Path(self._place.directory, outcome.filename), sha256)
        except OSError as error:
            _log.warning("store %s: %s was not added: %s", store.path, outcome.filename, error)
