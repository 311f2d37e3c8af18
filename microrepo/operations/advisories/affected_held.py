"""Held releases that advisories affect, with the goals that need them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from microrepo.batching import batched
from microrepo.formats.advisories.known_advisories import KnownAdvisories, reports_malware
from microrepo.formats.version_numbers import version_order
from microrepo.model import NormalizedName, Vulnerability
from microrepo.operations.apply.holdings import Holdings
from microrepo.selection.rules.affected_releases import describe
from microrepo.state import FileRow, State

_NAMES_AT_ONCE = 500
_SHOWN_GOALS = 5


class AffectedRelease(Struct, frozen=True):
    """A release in a repository that advisories affect.

    Attributes:
        advisories: each flaw once.
        rows: its files.
        goals: goals of the last refresh that need one of them.
    """

    project: NormalizedName
    version: str
    advisories: tuple[Vulnerability, ...]
    rows: tuple[FileRow, ...]
    goals: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the release with its advisories, and what needs it."""
        shown = "; ".join(map(describe, self.advisories))
        text = f"{self.project} {self.version}: {shown}"
        if self.goals:
            more = len(self.goals) - _SHOWN_GOALS
            goals = ", ".join(self.goals[:_SHOWN_GOALS]) + (f" and {more} more" if more > 0 else "")
            text += f"; needed by {goals}"
        return text


def held_versions(
    state: State, known: KnownAdvisories, *, all_rows: bool
) -> dict[NormalizedName, tuple[str, ...]]:
    """Return the held releases of projects that advisories are about.

    Args:
        all_rows: listed files count, too, as in a repository that keeps none.
    """
    found: defaultdict[NormalizedName, dict[str, None]] = defaultdict(dict)
    for batch in batched(sorted(known.names()), _NAMES_AT_ONCE):
        for row in state.files(batch):
            if row.present or all_rows:
                found[row.project][row.version] = None
    return {name: tuple(versions) for name, versions in found.items()}


def affected_held(
    holdings: Holdings, known: KnownAdvisories, *, malware: bool
) -> Iterator[AffectedRelease]:
    """Yield the releases that the repository holds and advisories affect, by project and version.

    Args:
        malware: those reported as malware, by these advisories; else the vulnerable ones.
    """
    state = holdings.state
    # Far fewer projects have advisories than a mirror of a whole index has projects.
    names = known.names_with_malware() if malware else known.names()
    for batch in batched(sorted(names), _NAMES_AT_ONCE):
        rows = [row for row in state.files(batch) if holdings.holds(row)]
        for release, advisories in affected_rows(rows, known):
            counted = tuple(one for one in advisories if reports_malware(one) is malware)
            if counted:
                yield AffectedRelease(
                    release[0].project,
                    release[0].version,
                    counted,
                    release,
                    goals_of(state, [row.filename for row in release]),
                )


def affected_rows(
    rows: Iterable[FileRow], known: KnownAdvisories
) -> Iterator[tuple[tuple[FileRow, ...], tuple[Vulnerability, ...]]]:
    """Yield the files of each affected release, with the advisories."""
    releases: defaultdict[tuple[NormalizedName, str], list[FileRow]] = defaultdict(list)
    for row in rows:
        releases[row.project, row.version].append(row)
    for name, version in sorted(releases, key=lambda one: (one[0], version_order(one[1]))):
        found = known.affecting(name, version)
        if found:
            yield tuple(releases[name, version]), found


def goals_of(state: State, filenames: Collection[str]) -> tuple[str, ...]:
    """Return the goals of the last refresh that need one of the files."""
    return tuple(sorted({one.goal for name in filenames for one in state.requirers(name)}))
