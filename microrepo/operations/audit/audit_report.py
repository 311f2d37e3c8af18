"""Records of an audit."""

from __future__ import annotations

from msgspec import Struct

from microrepo.exit_codes import ExitCode
from microrepo.formats.advisories.known_advisories import reports_malware
from microrepo.model import NormalizedName, Vulnerability


class CheckedRelease(Struct, frozen=True):
    """A release that was compared with the advisories.

    Attributes:
        advisories: what affects it, each flaw once, malware first.
        held_fix: the next release in the repository that nothing affects, "" without one.
        known_fix: the next such release that the source lists and a refresh can download, "" without
            one, or if `held_fix` is not later.
        goals: goals of the last refresh that need it.
    """

    project: NormalizedName
    version: str
    advisories: tuple[Vulnerability, ...] = ()
    held_fix: str = ""
    known_fix: str = ""
    goals: tuple[str, ...] = ()

    @property
    def is_malware(self) -> bool:
        """Whether an advisory reports it as malware."""
        return any(map(reports_malware, self.advisories))


class AuditReport(Struct, frozen=True):
    """Result of an audit.

    Attributes:
        advisories_as_of: time of the advisories.
        releases: all releases that were compared, by project and version.
        missing: requirements that are not met, and why.
        warnings: what makes the result doubtful.
    """

    repository: str
    advisories_as_of: str
    releases: tuple[CheckedRelease, ...]
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def affected(self) -> tuple[CheckedRelease, ...]:
        """The releases that advisories affect, malware first."""
        found = (one for one in self.releases if one.advisories)
        return tuple(sorted(found, key=lambda one: not one.is_malware))

    @property
    def exit_code(self) -> int:
        """0 if nothing is affected and everything is met, else 3."""
        return ExitCode.INCOMPLETE if self.affected or self.missing else ExitCode.DONE
