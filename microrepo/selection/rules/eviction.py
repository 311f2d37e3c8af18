"""Eviction of releases if the selection exceeds the budget. Pure.

Whole releases are evicted, oldest upload first. Only the age counts, so a larger budget keeps
everything that a smaller one keeps, and successive runs agree.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from microrepo.formats.version_numbers import version_order
from microrepo.model import NormalizedName

# Upload time unknown: evicted after all others.
UNKNOWN_NS = 2**63 - 1


class HeldFile(Struct, frozen=True, gc=False):
    """A selected file, as eviction needs it.

    Attributes:
        released_ns: upload time, nanoseconds since 1970; `UNKNOWN_NS` if unknown.
        fixed: it must not be evicted, because something requires it.
    """

    filename: str
    version: str
    size_bytes: int
    released_ns: int = UNKNOWN_NS
    fixed: bool = False


class HeldRelease(Struct, frozen=True, order=True, gc=False):
    """A selected release; sorts in the order of eviction.

    Attributes:
        released_ns: upload time of its first file.
        fixed: it must not be evicted.
    """

    released_ns: int
    project: NormalizedName
    version: str
    size_bytes: int
    fixed: bool
    filenames: tuple[str, ...]


def releases_of(
    project: NormalizedName, files: Iterable[HeldFile], is_pinned: Callable[[str], bool]
) -> tuple[HeldRelease, ...]:
    """Group the selected files of a project by release; the newest release is fixed.

    Args:
        files: the selected files.
        is_pinned: returns whether a version is pinned.
    """
    by_version: dict[str, list[HeldFile]] = {}
    for file in files:
        by_version.setdefault(file.version, []).append(file)
    newest = max(by_version, key=version_order, default=None)
    return tuple(
        HeldRelease(
            released_ns=min(file.released_ns for file in group),
            project=project,
            version=version,
            size_bytes=sum(file.size_bytes for file in group),
            fixed=version == newest or any(f.fixed for f in group) or is_pinned(version),
            filenames=tuple(sorted(file.filename for file in group)),
        )
        for version, group in by_version.items()
    )


class Ledger:
    """All selected releases, and their total size.

    Args:
        limit_bytes: maximum total size.

    Attributes:
        total_bytes: size of the releases that are not evicted.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.total_bytes = 0
        self._held: dict[tuple[NormalizedName, str], HeldRelease] = {}
        self._versions: dict[NormalizedName, list[str]] = {}
        self._queue: list[HeldRelease] = []

    def put(self, project: NormalizedName, releases: Sequence[HeldRelease]) -> None:
        """Replace the selected releases of a project."""
        for version in self._versions.pop(project, ()):
            self._drop((project, version))
        for release in releases:
            self._held[project, release.version] = release
            self.total_bytes += release.size_bytes
            if not release.fixed:
                heapq.heappush(self._queue, release)
        if releases:
            self._versions[project] = [release.version for release in releases]

    def evict(self) -> list[HeldRelease]:
        """Evict releases until the rest fits, or all that may be evicted; return them.

        Releases that were returned before are not returned again, unless they are put back.
        """
        gone = []
        while self.total_bytes > self.limit_bytes and self._queue:
            release = heapq.heappop(self._queue)
            key = release.project, release.version
            if self._held.get(key) is release:
                self._drop(key)
                gone.append(release)
        return gone

    def _drop(self, key: tuple[NormalizedName, str]) -> None:
        release = self._held.pop(key, None)
        if release is not None:
            self.total_bytes -= release.size_bytes
