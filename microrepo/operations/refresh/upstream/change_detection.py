"""Change detection: the source's list compared with the state. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.model import NormalizedName
from microrepo.state import KnownProject


class Visit(Struct, frozen=True, gc=False):
    """One project to check.

    Attributes:
        name: normalised.
        ask: request it from the source; False uses the stored record.
        serial: serial in the source's list, None without serials.
    """

    name: NormalizedName
    ask: bool
    serial: int | None = None


class Changes(Struct, frozen=True):
    """Projects that a refresh must process.

    Attributes:
        visits: projects to check, sorted by name.
        gone: known projects that the source's list no longer has.
        unrequested: known projects that are no longer requested.
        waiting: failing projects whose retry time has not come.
    """

    visits: tuple[Visit, ...]
    gone: tuple[NormalizedName, ...] = ()
    unrequested: tuple[NormalizedName, ...] = ()
    waiting: int = 0


class Circumstances(Struct, frozen=True):
    """Further conditions for checking a known project.

    Attributes:
        now: the present, normalised.
        fingerprint: digest of the rules, by project name.
        touched: projects with files on disk that differ from their records.
        force: check everything.
        source_of: returns the name of a listed project's source; None with a single source.
        outdated: the list is older than that of an earlier run.
    """

    now: str
    fingerprint: Callable[[NormalizedName], str]
    touched: frozenset[str] = frozenset()
    force: bool = False
    source_of: Callable[[str], str] | None = None
    outdated: bool = False


def changes_by_list(
    listed: dict[str, int | None],
    known: Iterable[KnownProject],
    about: Circumstances,
    excluded: Callable[[NormalizedName], bool],
) -> Changes:
    """Compare a whole index with the state.

    Args:
        listed: display name -> serial; emptied, so that a whole index is not in memory twice.
        known: all projects of the state.
        about: further conditions.
        excluded: returns whether the configuration excludes a project.
    """
    visits: list[Visit] = []
    unmatched: dict[str, KnownProject] = {}
    unrequested: list[NormalizedName] = []
    waiting = 0
    absent = object()
    for row in known:
        serial = listed.pop(row[1], absent)
        if serial is absent:
            unmatched[row[0]] = row
            continue
        name = NormalizedName(row[0])
        if excluded(name):
            unrequested.append(name)
            continue
        visit, waits = _look_again(row, serial, about)  # type: ignore[arg-type]
        waiting += waits
        if visit is not None:
            visits.append(visit)
    seen = {visit.name for visit in visits}
    for display_name, serial_now in listed.items():
        name = canonicalize_name(display_name)
        if name in seen:
            continue
        respelled = unmatched.pop(name, None)  # a known project in another spelling
        if excluded(name):
            unrequested.extend([name] if respelled else [])
            continue
        seen.add(name)
        if respelled is None:
            visits.append(Visit(name, ask=True, serial=serial_now))
            continue
        visit, waits = _look_again(respelled, serial_now, about)
        waiting += waits
        if visit is not None:
            visits.append(visit)
    listed.clear()
    visits.sort(key=lambda visit: visit.name)
    gone = tuple(NormalizedName(name) for name in sorted(unmatched))
    return Changes(tuple(visits), gone, tuple(unrequested), waiting)


def _look_again(
    row: KnownProject, serial: int | None, about: Circumstances
) -> tuple[Visit | None, bool]:
    """Return the visit that a known project needs, and whether it must wait."""
    name, _, known_serial, complete, policy, retry_at, reconsider_at, source = row
    normalized = NormalizedName(name)
    same = serial is not None and serial == known_serial
    if about.outdated and serial is not None and known_serial is not None:
        same = serial <= known_serial  # the record is newer than the list
    if same and source and about.source_of is not None:
        # Serials of two sources cannot be compared.
        same = about.source_of(name) == source
    if about.force or not same:
        if retry_at and retry_at > about.now and not about.force:
            return None, True
        return Visit(normalized, ask=True, serial=serial), False
    same_rules = policy == about.fingerprint(normalized)
    settled = complete and same_rules and not is_due(reconsider_at, about.now)
    if settled and name not in about.touched:
        return None, False
    if retry_at and retry_at > about.now and name not in about.touched:
        return None, True
    return Visit(normalized, ask=False, serial=serial), False


def is_due(reconsider_at: str | None, now: str) -> bool:
    """Return whether the time has come that changes a selection by itself."""
    return reconsider_at is not None and reconsider_at <= now


def changes_by_name(
    requested: Iterable[NormalizedName], known: Iterable[KnownProject], *, only_these: bool
) -> Changes:
    """Check each requested project, whatever the state records.

    Args:
        requested: normalised names.
        known: all projects of the state.
        only_these: ignore other projects instead of listing them as unrequested.
    """
    names = set(requested)
    visits = tuple(Visit(name, ask=True) for name in sorted(names))
    unrequested: tuple[NormalizedName, ...] = ()
    if not only_these:
        unrequested = tuple(NormalizedName(row[0]) for row in known if row[0] not in names)
    return Changes(visits, unrequested=unrequested)
