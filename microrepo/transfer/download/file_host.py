"""File host: another host for the source's files, tried first under the same paths.

Its content is verified by listed digests. Files without a digest come from the source, unless the
fallback is off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from microrepo.model import Digests, Outcome
from microrepo.transfer.tasks import FetchFile, FetchMetadata, MetadataOutcome

# A host that is down would cost retries for each file: after this many slow failures in a row, the
# worker stops using it.
_SLOW_S = 2.0
_PATIENCE = 3


class FileHost:
    """Host that is tried first.

    Args:
        root: URL that replaces scheme and host.
        fallback: download from the source after a failure.
    """

    def __init__(self, root: str, *, fallback: bool) -> None:
        self._root = root.rstrip("/")
        self._fallback = fallback
        self._slow_failures = 0

    def url_for(self, url: str) -> str:
        """Return the URL of the same file at this host; other schemes than http(s) stay."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"}:
            return url
        return f"{self._root}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def fetch(self, task: FetchFile, fetch: Callable[[FetchFile], Outcome]) -> Outcome:
        """Download a file from here, or from its source, with the failure here in `note`."""
        url = self.url_for(task.url)
        if not self._is_asked(url, task.url, verifiable=task.digests != Digests()):
            return fetch(task)
        started = time.monotonic()
        first = fetch(msgspec.structs.replace(task, url=url))
        self._remember(failed=not first.ok, seconds=time.monotonic() - started)
        if first.ok or not self._fallback:
            return first
        second = fetch(task)
        return msgspec.structs.replace(
            second,
            fetched_bytes=first.fetched_bytes + second.fetched_bytes,
            error=second.error and f"{second.error} (the file host: {first.error})",
            note=first.error,
        )

    def find(
        self, task: FetchMetadata, find: Callable[[FetchMetadata], MetadataOutcome]
    ) -> MetadataOutcome:
        """Find the metadata of a distribution here, or at its source."""
        url = self.url_for(task.url)
        verifiable = task.has_metadata and task.metadata_sha256 is not None
        if task.here or not self._is_asked(url, task.url, verifiable=verifiable):
            return find(task)
        started = time.monotonic()
        first = find(msgspec.structs.replace(task, url=url))
        self._remember(failed=bool(first.error), seconds=time.monotonic() - started)
        if not first.error or not self._fallback:
            return first
        second = find(task)
        fetched_bytes = first.fetched_bytes + second.fetched_bytes
        return msgspec.structs.replace(second, fetched_bytes=fetched_bytes)

    def _is_asked(self, url: str, original: str, *, verifiable: bool) -> bool:
        if url == original:
            return False
        return not self._fallback or (verifiable and self._slow_failures < _PATIENCE)

    def _remember(self, *, failed: bool, seconds: float) -> None:
        # A race of threads is harmless here: one failure more or less does not matter.
        self._slow_failures = self._slow_failures + 1 if failed and seconds > _SLOW_S else 0
