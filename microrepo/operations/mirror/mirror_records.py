"""Records of the release mirror: its arguments and its results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from microrepo.errors import FailedCommand, StorageOperationError
from microrepo.model import Action
from microrepo.operations.records.report import RunReport
from microrepo.selection.environments.environment import Environment


class UniquePackageLocation(Struct, frozen=True):
    """A release and its repository.

    Attributes:
        package_name: as requested, or normalised for a dependency.
        version: as requested, or as the source spells it.
        repository: the source, without credentials.
    """

    package_name: str
    version: str
    repository: str


Route = Callable[[UniquePackageLocation], str]
DestinationCallback = Callable[[UniquePackageLocation], Awaitable[str]]


class MirrorRequest(Struct, frozen=True):
    """A request to mirror a release.

    Attributes:
        name, version: the release.
        dependencies: also mirror dependencies, for `environments` (default: the running Python).
        tags: also copy release metadata.
        label: the user's label.
        resume: read the destination's files if it lists no digests.
        template_version: release at the destination to reuse content from.
        redirect_dependencies: rewrite direct-URL requirements to the index.
        max_concurrent: releases to copy at once.
        dry_run: only make the plan.
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
    """Result for one release.

    Attributes:
        status: ``copied``, ``present`` (the destination had it), ``planned`` (dry run), ``left``
            (its repository is its destination), ``refused`` (a precondition failed and nothing was
            transferred) or ``failed`` (network or files).
        files: files of the release, after the filters; the destination had `already` of them.
        copied: files that arrived, `copied_bytes` in total; in a dry run, files to copy.
        from_template_bytes: bytes that came from the template version instead of the source.
        redirected: redirected requirements, by file.
        marks: release metadata that the destination now has.
        marks_left: release metadata that it cannot store.
        words: why the release was refused or failed.
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


class MirrorReport(RunReport, frozen=True, kw_only=True):
    """What the mirroring of a release did.

    Attributes:
        releases: in the order in which they ended; the one that was asked for comes last.
        missing: projects that are needed and that the source does not have.
    """

    source: str
    releases: tuple[ReleaseReport, ...] = ()
    missing: tuple[str, ...] = ()

    def raise_for_releases(self) -> None:
        """Raise the error of releases that are not at the destination.

        Raises:
            StorageOperationError: network or files failed for one of them.
            FailedCommand: a precondition of one of them failed.
        """
        for status, kind in (("failed", StorageOperationError), ("refused", FailedCommand)):
            words = [one.words for one in self.releases if one.status == status]
            if words:
                raise kind("; ".join(words))
