"""Eviction of releases when the selection is larger than the budget. Pure.

Whole releases go, those that came out longest ago first. Releases are compared only by age, not by
what else is there: so a larger budget keeps all that a smaller one kept, and what went in one run is
what would go first in the next.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from microrepo.formats.version_numbers import version_order
from microrepo.model import NormalizedName

# Nobody knows when it came out: it goes after all others.
UNKNOWN_NS = 2**63 - 1


class HeldFile(Struct, frozen=True, gc=False):
    """A file that is wanted, as far as eviction looks at it.

    Attributes:
        released_ns: when it was uploaded, nanoseconds since 1970; `UNKNOWN_NS` if nobody knows.
        fixed: it must not go: something requires it.
    """

    filename: str
    version: str
    size_bytes: int
    released_ns: int = UNKNOWN_NS
    fixed: bool = False


class HeldRelease(Struct, frozen=True, order=True, gc=False):
    """A release that is wanted, in the order in which releases go.

    Attributes:
        released_ns: when its first file was uploaded.
        fixed: it must not go.
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
    """Put the wanted files of a project together as releases; the newest one is fixed.

    Args:
        project: its name.
        files: those that are wanted.
        is_pinned: tells whether a version is pinned.
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
    """All releases that are wanted, and what they take together.

    Args:
        limit_bytes: what they may take.

    Attributes:
        total_bytes: what those take that have not gone.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.total_bytes = 0
        self._held: dict[tuple[NormalizedName, str], HeldRelease] = {}
        self._versions: dict[NormalizedName, list[str]] = {}
        self._queue: list[HeldRelease] = []

    def put(self, project: NormalizedName, releases: Sequence[HeldRelease]) -> None:
        """Say what is wanted of a project, in place of what was said of it before."""
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
        """Let releases go until the rest fits, and return them; all that may go if it never does.

        Those that were returned before and not put back are not returned again.
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
