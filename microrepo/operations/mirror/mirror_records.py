"""Records of the release mirror: its arguments and its results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from microrepo.errors import FailedCommand, StorageOperationError
from microrepo.model import Action
from microrepo.operations.records.report import Failure
from microrepo.selection.environments.environment import Environment


class UniquePackageLocation(Struct, frozen=True):
    """A release and where it is.

    Attributes:
        package_name: as asked for, or normalised for a dependency.
        version: as asked for, or as the source writes it.
        repository: the source, without credentials.
    """

    package_name: str
    version: str
    repository: str


Route = Callable[[UniquePackageLocation], str]
DestinationCallback = Callable[[UniquePackageLocation], Awaitable[str]]


class MirrorRequest(Struct, frozen=True):
    """What is to be mirrored, and how.

    Attributes:
        name, version: the release.
        dependencies: with what it needs, in `environments` (the running Python without any).
        tags: the release's marks go along.
        label: a mark of the user's own.
        resume: read what the destination holds where it announces no digests.
        template_version: another release at the destination that this one shares content with.
        redirect_dependencies: direct-URL requirements lead to the index.
        max_concurrent: releases that are under way at a time.
        dry_run: print-ready plan only.
    """

    name: str
    version: str
    dependencies: bool = False
    environments: tuple[Environment, ...] = ()
    tags: bool = False
    label: str | None = None
    resume: bool = False
    template_version: str | None = None
    redirect_dependencies: bool = False
    max_concurrent: int = 20
    dry_run: bool = False


class ReleaseReport(Struct, frozen=True):
    """What became of one release.

    Attributes:
        status: ``copied``, ``present`` (all of it was there), ``planned`` (dry run), ``left``
            (its repository is its destination), ``refused`` (a precondition does not hold, and
            nothing of it was sent) or ``failed`` (network or files).
        files: that the release has, after the filters; `already` of them were there.
        copied: files that arrived, `copied_bytes` in all; in a dry run what would be sent.
        from_template_bytes: bytes that came from the template version instead of the source.
        redirected: per file and requirement what was redirected.
        marks: that the destination now knows.
        marks_left: that it cannot take.
        words: why it was refused or failed.
        plan: the actions, in a dry run.
    """

    name: str
    version: str
    destination: str
    status: str
    files: int = 0
    already: int = 0
    copied: int = 0
    copied_bytes: int = 0
    from_template_bytes: int = 0
    redirected: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    marks_left: tuple[str, ...] = ()
    words: str = ""
    plan: tuple[Action, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether all files and metadata reached the destination."""
        return self.status not in {"refused", "failed"} and not self.marks_left


class MirrorReport(Struct, frozen=True):
    """What the mirroring of a release did.

    Attributes:
        exit_code: as the command line returns it.
        releases: in the order in which they ended; the one that was asked for comes last.
        missing: projects that are needed and that the source does not have.
        failed: requirements that cannot be met, and why.
        warnings: what else a person should know.
    """

    operation: str
    source: str
    exit_code: int
    started_at: str
    seconds: float
    dry_run: bool = False
    releases: tuple[ReleaseReport, ...] = ()
    missing: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()

    def raise_for_releases(self) -> None:
        """Raise what became of releases that are not at the destination.

        Raises:
            StorageOperationError: network or files failed for one of them.
            FailedCommand: a precondition of one of them does not hold.
        """
        for status, kind in (("failed", StorageOperationError), ("refused", FailedCommand)):
            words = [one.words for one in self.releases if one.status == status]
            if words:
                raise kind("; ".join(words))
