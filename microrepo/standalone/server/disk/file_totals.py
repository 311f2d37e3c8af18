"""File totals: counts and sizes of a directory, kept up to date in the background."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from microrepo.standalone.server.disk.files import signature
from microrepo.standalone.server.labels import file_kind
from microrepo.standalone.server.names import SIDECAR_SUFFIXES, is_servable
from microrepo.standalone.server.people.views import Totals

if TYPE_CHECKING:
    from microrepo.standalone.server.disk.files import Signature

_RECENT_FILES = 200


class FileTotals:
    """Counts the files of a directory again after a change, for at most a tenth of the time."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: tuple[float, Signature, Totals] = (0.0, None, Totals(0, 0, 0, 0.0))
        self._counting = threading.Lock()

    def get(self) -> Totals:
        """Return the totals; those of a large directory may be older or still missing."""
        count_again_s, was, _ = self._known
        changed = signature(self._root) != was and time.monotonic() > count_again_s
        if changed and self._counting.acquire(blocking=False):
            counter = threading.Thread(target=self._count, daemon=True)
            counter.start()
            counter.join(timeout=0.5)
        return self._known[2]

    def _count(self) -> None:
        started_s, found = time.monotonic(), signature(self._root)
        # Where the directory is gone, the pages that need it say so.
        with suppress(OSError):
            totals = count_files(self._root)
            took_s = time.monotonic() - started_s
            self._known = (started_s + 11 * took_s, found, totals)
        self._counting.release()


def count_files(root: str) -> Totals:
    """Return counts and sizes of the distributions in a directory, by kind, and the newest."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    recent: list[tuple[float, str]] = []
    with os.scandir(root) as entries:
        for entry in entries:
            if not is_servable(entry.name) or entry.name.endswith(SIDECAR_SUFFIXES):
                continue
            try:
                found = entry.stat()
            except OSError:
                continue
            kind = file_kind(entry.name)
            counts[kind] += 1
            sizes[kind] += found.st_size
            heapq.heappush(recent, (found.st_mtime, entry.name))
            if len(recent) > _RECENT_FILES:
                heapq.heappop(recent)
    kinds = tuple((kind, counts[kind], size) for kind, size in sizes.most_common())
    newest = tuple((name, changed_s) for changed_s, name in sorted(recent, reverse=True))
    changed_s = os.stat(root).st_mtime
    return Totals(0, sum(counts.values()), sum(sizes.values()), changed_s, kinds, newest)
