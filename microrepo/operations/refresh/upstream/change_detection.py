"""Projects that a refresh has to check: the source's list compared with the state. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.model import NormalizedName
from microrepo.state import KnownProject


class Visit(Struct, frozen=True, gc=False):
    """One project to look at.

    Attributes:
        name: normalised.
        ask: the source has to be asked; else the stored record will do.
        serial: what the source's list announced, None when it announces none.
    """

    name: NormalizedName
    ask: bool
    serial: int | None = None


class Changes(Struct, frozen=True):
    """What a refresh has to do, project by project.

    Attributes:
        visits: projects to look at, in the order of their names.
        gone: known projects that the source's list no longer has.
        unrequested: known projects that the configuration no longer asks for.
        waiting: failing projects whose time has not come.
    """

    visits: tuple[Visit, ...]
    gone: tuple[NormalizedName, ...] = ()
    unrequested: tuple[NormalizedName, ...] = ()
    waiting: int = 0


class Circumstances(Struct, frozen=True):
    """What else decides whether a known project is looked at again.

    Attributes:
        now: the present, normalised.
        fingerprint: of the rules, by project name.
        touched: projects some of whose files on disk are not as recorded.
        force: look at everything.
        source_of: name of the source that a listed project comes from; None if that says nothing.
        outdated: the list is older than one of an earlier run.
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
        listed: display name -> serial; it is emptied, since a whole index should not be held twice.
        known: all projects of the state.
        about: circumstances.
        excluded: tells projects that the configuration leaves out.
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
        respelled = unmatched.pop(name, None)  # a known project under another spelling
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
    """Return the visit that a known and listed project needs, and whether it has to wait."""
    name, _, known_serial, complete, policy, retry_at, reconsider_at, source = row
    normalized = NormalizedName(name)
    same = serial is not None and serial == known_serial
    if about.outdated and serial is not None and known_serial is not None:
        same = serial <= known_serial  # what is known is newer than what the list knows
    if same and source and about.source_of is not None:
        # Serials of two sources have nothing to do with each other.
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
    requested: Iterable[NormalizedName],
    known: Iterable[KnownProject],
    *,
    only_these: bool,
) -> Changes:
    """Look at each requested project, whatever is known of it.

    Args:
        requested: normalised names.
        known: all projects of the state.
        only_these: leave projects that were not requested alone, instead of listing them as
            unrequested.
    """
    names = set(requested)
    visits = tuple(Visit(name, ask=True) for name in sorted(names))
    unrequested: tuple[NormalizedName, ...] = ()
    if not only_these:
        unrequested = tuple(NormalizedName(row[0]) for row in known if row[0] not in names)
    return Changes(visits, unrequested=unrequested)
