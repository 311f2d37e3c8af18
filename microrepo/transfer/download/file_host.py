"""Another host for the same files: asked first, under the same path; the source's own is behind it.

What it sends is trusted as far as announced digests reach. Content without one is asked for at the
source, unless there is no way back to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from microrepo.model import Digests, Outcome
from microrepo.transfer.tasks import FetchFile, FetchMetadata, MetadataOutcome

# A host that is down would cost each file its retries: after this many failures in a row that took
# longer than a refusal takes, this worker asks it no more.
_SLOW_S = 2.0
_PATIENCE = 3


class FileHost:
    """Where files are asked for first.

    Args:
        root: URL that takes the place of scheme and host.
        fallback: ask the source for what cannot be had there.
    """

    def __init__(self, root: str, *, fallback: bool) -> None:
        self._root = root.rstrip("/")
        self._fallback = fallback
        self._slow_failures = 0

    def url_for(self, url: str) -> str:
        """Return the address of the same file at this host; others than http(s) stay."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"}:
            return url
        return f"{self._root}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def fetch(self, task: FetchFile, fetch: Callable[[FetchFile], Outcome]) -> Outcome:
        """Fetch a file from here, else from its source; `note` then says what went wrong here."""
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
        """Find the metadata of a distribution here, else at its source."""
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
        # Threads may race here: one failure more or less does not matter.
        self._slow_failures = self._slow_failures + 1 if failed and seconds > _SLOW_S else 0
