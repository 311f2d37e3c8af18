"""Cool-down: when a file is old enough, and which releases need not wait, because they fix a flaw."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from microrepo.formats.advisories.known_advisories import Advisory
from microrepo.formats.times import shift
from microrepo.formats.version_numbers import same_version
from microrepo.model import Cause, Decision, File, NormalizedName


class HeldBack(Struct, frozen=True):
    """A release that is too young, and when the first of its files is old enough."""

    project: NormalizedName
    version: str
    due_at: str


def age_begins_at(file: File, *, with_first_seen: bool) -> str | None:
    """Return the time from which the age of a file counts, None if it is unknown.

    Args:
        with_first_seen: without an upload time, the time at which it was first seen counts.
    """
    return file.upload_time or (file.seen_at if with_first_seen else None)


def due_at(decision: Decision, min_age_days: float) -> str | None:
    """Return when a file that is too young becomes old enough; None for other files."""
    begins_at = age_begins_at(decision.file, with_first_seen=True)
    if decision.cause is not Cause.TOO_YOUNG or begins_at is None:
        return None
    return shift(begins_at, min_age_days)


def held_back(
    name: NormalizedName, decisions: Iterable[Decision], min_age_days: float
) -> list[HeldBack]:
    """Return the releases of a project that are too young."""
    found: dict[str, str] = {}
    for one in decisions:
        due = due_at(one, min_age_days) if min_age_days else None
        if due is not None:
            found[one.file.version] = min(due, found.get(one.file.version, due))
    return [HeldBack(name, version, due) for version, due in found.items()]


def is_security_fix(version: str, advisories: Iterable[Advisory], held: Iterable[str]) -> bool:
    """Return whether an advisory names a release as the fix for a held one, or for what it replaced.

    Only the release that an advisory names counts, and none after it: otherwise anybody who can
    publish could pass by a flaw of an old release.

    Args:
        advisories: those about the project.
        held: its releases in the repository.
    """
    every, present = tuple(advisories), tuple(held)
    if any(one.is_malware and one.affects(version) for one in every):
        return False
    is_held = any(same_version(version, one) for one in present)
    naming = [one for one in every if not one.is_malware and one.affected.names_fix(version)]
    if is_held and naming:
        return True  # it was let pass, and what it fixes is no longer held
    return any(
        one.affects(text) and any(same_version(version, fix) for fix in one.affected.fixes(text))
        for one in naming
        for text in present
    )
