"""File digests: SHA-256 of the files in a directory, computed at once or in the background."""

from __future__ import annotations

import hashlib
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from microrepo.standalone.server.disk.files import signature

if TYPE_CHECKING:
    from microrepo.standalone.server.disk.files import Signature


class FileDigests:
    """Remembers the digest of each file until the file changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: dict[str, tuple[Signature, str]] = {}
        self._waiting: set[str] = set()
        self._queue: SimpleQueue[tuple[str, Signature]] = SimpleQueue()
        self._hasher: threading.Thread | None = None

    def known(self, path: str, found: Signature) -> str:
        """Return the digest of a file with this signature, empty if it was not computed yet."""
        was, digest = self._digests.get(path, (None, ""))
        return digest if was == found else ""

    def compute(self, path: str, found: Signature) -> str:
        """Return the digest of a file, empty if it cannot be read or changes meanwhile."""
        digest = hashlib.sha256()
        try:
            with open(path, "rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
        except OSError:
            return ""
        # A file that changed while it was read would keep a digest it never had.
        if signature(path) != found:
            return ""
        self._digests[path] = (found, digest.hexdigest())
        return digest.hexdigest()

    def compute_later(self, path: str, found: Signature) -> None:
        """Have the digest computed by the background thread."""
        with self._lock:
            if path in self._waiting:
                return
            self._waiting.add(path)
            if self._hasher is None:
                self._hasher = threading.Thread(target=self._compute_forever, daemon=True)
                self._hasher.start()
        self._queue.put((path, found))

    def keep_only(self, paths: set[str]) -> None:
        """Forget the files that are gone."""
        for path in self._digests.keys() - paths:
            self._digests.pop(path, None)

    def _compute_forever(self) -> None:
        while True:
            path, found = self._queue.get()
            self.compute(path, found)
            self._waiting.discard(path)
