"""Mirror of one release: completely, or with the reason why not."""

from __future__ import annotations

import msgspec
from packaging.utils import canonicalize_name

from microrepo.errors import (
    Cancelled,
    ConfigError,
    FailedCommand,
    MicrorepoError,
    StorageOperationError,
)
from microrepo.model import ActionKind
from microrepo.operations.copy.channel import Channel
from microrepo.operations.copy.copy_report import CopyReport, copy_report
from microrepo.operations.copy.copy_run import CopyOptions, CopyRun
from microrepo.operations.mirror.mirror_records import ReleaseReport, UniquePackageLocation
from microrepo.operations.mirror.release_files import ReleaseFiles, Shared
from microrepo.operations.mirror.release_metadata import Marks, write_marks
from microrepo.operations.mirror.release_pages import has_pages, publish_release
from microrepo.operations.mirror.release_template import Template, find_template
from microrepo.reporting import Reporter
from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar

# Errors before any transfer; all others are errors of the network or the disk.
_PRECONDITIONS = (FailedCommand, ConfigError)


def mirror_release(
    channel: Channel, release: UniquePackageLocation, shared: Shared
) -> ReleaseReport:
    """Mirror one release; errors are returned in the report.

    Args:
        channel: an open channel, in use.
        shared: values that all releases share.

    Raises:
        Cancelled: `cancel` was set.
    """
    try:
        return _mirror(channel, release, shared)
    except Cancelled:
        raise
    except _PRECONDITIONS as error:
        return _ended(channel, release, "refused", str(error))
    except (MicrorepoError, OSError) as error:
        return _ended(channel, release, "failed", str(error))


def _ended(
    channel: Channel, release: UniquePackageLocation, status: str, words: str
) -> ReleaseReport:
    where = channel.endpoints.destination.name
    return ReleaseReport(release.package_name, release.version, where, status, words=words)


def _mirror(channel: Channel, release: UniquePackageLocation, shared: Shared) -> ReleaseReport:
    order, template = shared.order, Template()
    if order.template_version is not None and release.package_name == order.name:
        template = find_template(channel, order.name, order.template_version)
    choice = ReleaseFiles(channel, release, shared, template)
    try:
        return _carry(channel, release, shared, choice, template)
    finally:
        choice.close()


def _carry(
    channel: Channel,
    release: UniquePackageLocation,
    shared: Shared,
    choice: ReleaseFiles,
    template: Template,
) -> ReleaseReport:
    order = shared.order
    manner = CopyOptions(
        dry_run=order.dry_run,
        cancel=shared.cancel,
        whole=True,
        read_held=order.resume,
        hashes=shared.hashes,
        template_for=template.wheel_like,
    )
    run = CopyRun(channel, manner, shared.reporter, "mirror")
    run.choose = choice
    run.copy_projects([canonicalize_name(release.package_name)])
    copied = copy_report(run.report, channel.endpoints)
    _check(copied, release, resume=order.resume)
    report = _report(channel, release, copied, choice)
    marks = choice.marks() if order.tags else None
    if channel.endpoints.destination.kind == "upload":
        return msgspec.structs.replace(report, marks_left=marks.words() if marks else ())
    if not order.dry_run:
        _finish(channel, choice, marks, shared.reporter)
    return msgspec.structs.replace(report, marks=marks.words() if marks else ())


def _finish(
    channel: Channel, choice: ReleaseFiles, marks: Marks | None, reporter: Reporter
) -> None:
    """Write the record and the pages of a release in a directory."""
    directory = channel.directory
    for filename in choice.redirected_files():
        make_sidecar(MakeSidecar(str(directory.path), filename))
    if marks is not None:
        write_marks(directory.path, marks)
    if choice.project is None or not (marks is not None or has_pages(directory)):
        return
    files = [item.file for item in choice.wanted]
    with channel.publishing:
        publish_release(channel, choice.project, files, reporter, tags=marks is not None)


def _check(copied: CopyReport, release: UniquePackageLocation, *, resume: bool) -> None:
    """Raise the error that prevented a complete copy.

    Raises:
        FailedCommand: nothing was transferred.
        StorageOperationError: the copy is incomplete.
    """
    what = f"{release.package_name} {release.version}"
    if copied.missing:
        raise FailedCommand(f"{what}: project not found at {release.repository}")
    names = ", ".join(failure.what for failure in copied.conflicts)
    if copied.conflicts and not copied.totals.conflict:
        raise StorageOperationError(
            f"{what}: files at {copied.destination} changed during the copy: {names}"
        )
    if copied.conflicts:
        hint = "" if resume else " (or no digests to compare; --resume reads the files)"
        raise FailedCommand(f"{what}: {copied.destination} has different content for {names}{hint}")
    if copied.refused:
        raise StorageOperationError(f"{what}: {copied.refused}")
    if copied.failed:
        words = "; ".join(f"{failure.what}: {failure.why}" for failure in copied.failed)
        raise StorageOperationError(f"{what}: {words}")


def _report(
    channel: Channel, release: UniquePackageLocation, copied: CopyReport, choice: ReleaseFiles
) -> ReleaseReport:
    status = "copied" if copied.copied else "present"
    files, size = copied.copied, copied.copied_bytes
    if copied.dry_run:
        to_send = [a for a in copied.plan if a.kind is ActionKind.DOWNLOAD]
        status = "planned" if to_send else "present"
        files, size = len(to_send), sum(action.size_bytes for action in to_send)
    return ReleaseReport(
        release.package_name,
        release.version,
        channel.endpoints.destination.name,
        status,
        files=len(choice.wanted),
        already=copied.totals.adopt + copied.already,
        copied=files,
        copied_bytes=size,
        from_template_bytes=copied.reused_bytes,
        redirected=tuple(choice.redirected),
        plan=copied.plan,
    )
