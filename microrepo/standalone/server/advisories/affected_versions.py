"""Affected versions: whether an entry of `affected` in the OSV format means a release (PEP 440)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from microrepo.standalone.server.versions import MAX_VERSION_LENGTH, version_key

EVENT_KINDS = ("introduced", "fixed", "last_affected", "limit")
# Of events at one version, the later of these decides.
_EVENT_RANK = {kind: rank for rank, kind in enumerate(EVENT_KINDS)}
_EVENT_KEY = lru_cache(maxsize=1 << 16)(version_key)


class RangeEvent(NamedTuple):
    """One event of a range; `place` is the sort key of its version."""

    place: tuple[Any, ...]
    rank: int
    version: str

    @property
    def kind(self) -> str:
        """The kind: ``introduced``, ``fixed``, ..."""
        return EVENT_KINDS[self.rank]


class AffectedVersions:
    """The versions that advisories name: listed ones, and ranges between events.

    A local version counts as the release it was built from. A legacy version is older than all
    others.

    Args:
        versions: the listed ones.
        ranges: events of each range, as pairs of kind and version.
    """

    def __init__(
        self, versions: Iterable[str], ranges: Iterable[Iterable[tuple[str, str]]]
    ) -> None:
        self._listed = frozenset(map(_EVENT_KEY, versions))
        self._ranges = [sorted(map(_placed, events)) for events in ranges]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is named."""
        return not (self._listed or any(self._ranges))

    def contains(self, version: str) -> bool:
        """Return whether a release is affected."""
        public, plus, _ = version.partition("+")
        if _EVENT_KEY(version) in self._listed or (plus and _EVENT_KEY(public) in self._listed):
            return True
        return any(_is_between(events, version) for events in self._ranges)

    def names_fix(self, version: str) -> bool:
        """Return whether a range names a release as fixed."""
        key = _EVENT_KEY(version)
        return any(
            one.kind == "fixed" and one.place == key for events in self._ranges for one in events
        )

    def fixes(self, version: str) -> list[str]:
        """Return the first fixed version after an affected release, in each range that has it.

        If only the list has the release, all later fixed versions are returned.
        """
        key = _EVENT_KEY(version)
        having = [events for events in self._ranges if _is_between(events, version)]
        found: dict[str, None] = {}
        for events in having or self._ranges:
            later = [one for one in events if one.kind == "fixed" and one.place > key]
            found.update((one.version, None) for one in (later[:1] if having else later))
        return sorted(found, key=_EVENT_KEY)


def _placed(event: tuple[str, str]) -> RangeEvent:
    """Return an event in its place; a range that begins at 0 has no first version."""
    kind, version = event
    begins = kind == "introduced" and version == "0"
    return RangeEvent(() if begins else _EVENT_KEY(version), _EVENT_RANK[kind], version)


def _is_between(events: Sequence[RangeEvent], version: str) -> bool:
    """Return whether a version is affected by the events of one range, which are in their order."""
    key, public = _EVENT_KEY(version), _EVENT_KEY(version.partition("+")[0])
    found = False
    for event in events:
        if event.kind == "introduced":
            found = found or key >= event.place
        elif event.kind == "last_affected":
            found = found and public <= event.place
        else:
            found = found and key < event.place
    return found


def read_versions(affected: Iterable[Any]) -> AffectedVersions:
    """Return the versions that entries of `affected` name; what is malformed names none."""
    listed: list[str] = []
    ranges: list[list[tuple[str, str]]] = []
    for entry in affected:
        values = entry if isinstance(entry, dict) else {}
        listed += filter(_is_version, _items(values.get("versions")))
        ranges += [_events(found) for found in _items(values.get("ranges"))]
    return AffectedVersions(listed, ranges)


def _events(found: Any) -> list[tuple[str, str]]:
    """Return the events of a range of versions; none of a range of commits."""
    if not isinstance(found, dict) or found.get("type") not in ("ECOSYSTEM", "SEMVER"):
        return []
    return [
        (kind, version)
        for event in _items(found.get("events"))
        if isinstance(event, dict)
        for kind, version in event.items()
        if kind in _EVENT_RANK and _is_version(version) and version != "*"
    ]


def _is_version(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_VERSION_LENGTH


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
