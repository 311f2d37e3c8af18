"""Files of a release, as the source lists them and as the destination receives them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.clock import now
from microrepo.errors import FailedCommand, StorageOperationError
from microrepo.formats.version_numbers import same_version, version_order
from microrepo.model import Cause, File, Project
from microrepo.operations.copy.channel import Channel
from microrepo.operations.copy.hash_cache import HashCache
from microrepo.operations.mirror.mirror_records import MirrorRequest, UniquePackageLocation
from microrepo.operations.mirror.release_metadata import Marks, make_marks, overlay_marks
from microrepo.operations.mirror.release_template import Template
from microrepo.plan import Wanted
from microrepo.reporting import Reporter
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import Policy
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import RedirectOutcome, RedirectWheel, metadata_of

_SHOWN_VERSIONS = 5


class Shared(Struct, frozen=True):
    """Values that all releases of one call share."""

    order: MirrorRequest
    policy: Policy
    reporter: Reporter
    hashes: HashCache | None
    cancel: threading.Event


class ReleaseFiles:
    """Selects the files of the release from its project's record, and redirects them on request.

    Attributes:
        project: the record with only the release's files, once read.
        label: the user's label, else that of the source.
        wanted: files to mirror.
        redirected: redirected requirements, as text.
    """

    def __init__(
        self, channel: Channel, release: UniquePackageLocation, shared: Shared, template: Template
    ) -> None:
        self._channel = channel
        self._template = template
        self._release = release
        self._shared = shared
        self._staged: list[Path] = []
        self.project: Project | None = None
        self.label = shared.order.label
        self.wanted: list[Wanted] = []
        self.redirected: list[str] = []

    def __call__(self, project: Project) -> list[Wanted]:
        """Return the files of the release.

        Raises:
            FailedCommand: the release does not exist, or the filters skip all its files.
            StorageOperationError: a wheel to rewrite cannot be downloaded.
        """
        version, where = self._release.version, self._release.repository
        files = tuple(file for file in project.files if same_version(file.version, version))
        if not files:
            raise FailedCommand(
                f"{project.name} {version}: release not found at {where}{_others(project)}"
            )
        if self._channel.sources.is_local:
            directory = Path(self._channel.endpoints.source.simple_root)
            project, files, label = overlay_marks(directory, project, files)
            self.label = self.label or label
        elif self._shared.order.tags and self._channel.sources.tells_no_status:
            status, reason = self._channel.sources.status_of(project.name)
            project = msgspec.structs.replace(project, status=status, status_reason=reason)
        self.project = msgspec.structs.replace(project, files=files, versions=(files[0].version,))
        decisions = select(self.project, self._shared.policy, now())
        kept = [Wanted(project.name, one.file) for one in decisions if one.keep]
        if not kept:
            rules = ", ".join(sorted({one.cause.value for one in decisions}))
            raise FailedCommand(f"{project.name} {version}: no file kept ({rules})")
        if self._shared.order.redirect_dependencies:
            kept = self._redirect(kept)
        self.wanted = [self._from_template(item) for item in kept]
        return self.wanted

    def _from_template(self, item: Wanted) -> Wanted:
        """Use files of the template with identical content under another name."""
        path = self._template.same_as(item.file)
        if path is None or self._channel.sources.is_local:
            return item
        file = msgspec.structs.replace(item.file, url=path.resolve().as_uri())
        return msgspec.structs.replace(item, file=file)

    def _redirect(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        pool = self._channel.pool()
        futures = {
            item.file.filename: pool.submit(run_task, _redirecting(item.file))
            for item in wanted
            if item.file.filename.endswith(".whl")
        }
        done = []
        for item in wanted:
            future = futures.get(item.file.filename)
            outcome = future.result() if future is not None else None
            done.append(item if outcome is None else self._with_copy(item, outcome))
        return done

    def _with_copy(self, item: Wanted, outcome: object) -> Wanted:
        assert isinstance(outcome, RedirectOutcome)  # noqa: S101 - that is what was asked for
        if outcome.error:
            raise StorageOperationError(f"{item.file.filename}: {outcome.error}")
        if not outcome.path:
            return item
        path = Path(outcome.path)
        self._staged.append(path)
        for was, is_now in outcome.requirements:
            self.redirected.append(f"{item.file.filename}: {was} -> {is_now}")
        file = msgspec.structs.replace(
            item.file,
            url=path.as_uri(),
            digests=outcome.digests,
            size=outcome.size_bytes,
            core_metadata=False,
            core_metadata_sha256=None,
            provenance=None,
        )
        return msgspec.structs.replace(item, file=file, cause=Cause.REDIRECTED)

    def marks(self) -> Marks | None:
        """Return the release metadata, None before the release was read."""
        if self.project is None:
            return None
        return make_marks(
            self.project,
            self._release.repository,
            tuple(item.file for item in self.wanted),
            label=self.label,
            redirected=tuple(self.redirected),
        )

    def redirected_files(self) -> list[str]:
        """Return the names of files that differ from the source's."""
        return [item.file.filename for item in self.wanted if item.cause is Cause.REDIRECTED]

    def close(self) -> None:
        """Delete the rewritten copies."""
        for path in self._staged:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _others(project: Project) -> str:
    versions = sorted(
        {file.version for file in project.files if file.version.isprintable()}, key=version_order
    )
    if not versions:
        return "; it has no files there"
    return f"; it has {', '.join(versions[-_SHOWN_VERSIONS:])}"


def _redirecting(file: File) -> RedirectWheel:
    return RedirectWheel(metadata_of(file))
