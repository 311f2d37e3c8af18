"""Pages of a directory with a mirrored release and its metadata."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.formats.distribution.filenames import project_of
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.copy.channel import Channel
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.records.report import ReportBuilder
from microrepo.plan import same_content
from microrepo.publish.links import links_of
from microrepo.publish.project.found_files import DescribeFile, describe, is_distribution
from microrepo.reporting import Reporter
from microrepo.state import ProjectRow, State, open_state, pack
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.flat_directory import FlatDirectory


def has_pages(directory: FlatDirectory) -> bool:
    """Return whether a directory is a microrepo repository with pages."""
    return directory.state_file.exists() and directory.place("simple").is_dir()


def publish_release(
    channel: Channel, project: Project, files: Sequence[File], reporter: Reporter, *, tags: bool
) -> None:
    """List the files of a release on the pages of its new directory.

    Files that a refresh of that directory keeps are listed as its own source lists them.

    Args:
        channel: channel to the directory, whose lock this thread holds.
        reporter: receives warnings.
        tags: also write the project's status and serial, if no refresh knows the project.

    Raises:
        RepositoryError: the state or the pages cannot be written.
    """
    directory = channel.directory
    state, warning = open_state(directory.state_file)
    try:
        if warning:
            reporter.say(f"warning: {warning}")
        report = ReportBuilder("mirror", str(directory.path), now())
        config = _publishing(channel.config, directory)
        holdings = Holdings(state, directory, links_of(config, state, decides=False))
        work = WorkContext(channel.pool, report, reporter)
        _save_found(state, directory, files, reporter)
        if tags:
            _save_project(state, project, files)
        RepositoryPages(config, holdings, work).update([project.name])
    finally:
        state.close()


def _publishing(config: Config, directory: FlatDirectory) -> Config:
    return msgspec.structs.replace(
        config,
        repository=str(directory.path),
        simple=True,
        server=directory.place("server.py").exists(),
    )


def _save_found(
    state: State, directory: FlatDirectory, files: Sequence[File], reporter: Reporter
) -> None:
    held = state.files_named(file.filename for file in files)
    names = [name for name in {project_of(file.filename) for file in files} if name]
    known = {row.filename: row for row in state.publication.found(names)}
    rows = []
    for file in files:
        row = held.get(file.filename)
        if row is not None and row.present:
            continue
        found = _found(directory, file, known.get(file.filename))
        if isinstance(found, FoundRow):
            rows.append(found)
        else:
            reporter.say(f"warning: {found}; no page lists it")
    with state.transaction():
        state.publication.forget_found(row.filename for row in rows)
        state.publication.save_found(rows)


def _found(directory: FlatDirectory, file: File, known_row: FoundRow | None) -> FoundRow | str:
    """Return a file with its metadata, or why no page can list it; read only new files."""
    if not is_distribution(file.filename):
        return f"{file.filename}: not the name of a distribution that an index can list"
    row = _unchanged(directory, known_row)
    if row is None:
        description = describe(DescribeFile(str(directory.path), file.filename))
        if description.row is None:
            return f"{file.filename}: {description.problem}"
        row = description.row
    known = row.file
    if same_content(file.digests, known.digests) is False:
        raise RepositoryError(directory.path, f"{file.filename}: changed while it was mirrored")
    marked = msgspec.structs.replace(
        known,
        digests=Digests(known.digests.sha256, file.digests.blake2b_256, file.digests.md5),
        upload_time=file.upload_time or known.upload_time,
    )
    # A directory without records cannot say that a file is no longer yanked.
    if file.yanked or not file.url.startswith("file:"):
        marked = msgspec.structs.replace(
            marked, yanked=file.yanked, yanked_reason=file.yanked_reason
        )
    return msgspec.structs.replace(row, file=marked)


def _unchanged(directory: FlatDirectory, row: FoundRow | None) -> FoundRow | None:
    disk = None if row is None else directory.stat(row.filename)
    return row if row is not None and disk is not None and disk.matches(row) else None


def _save_project(state: State, project: Project, files: Sequence[File]) -> None:
    name = NormalizedName(project.name)
    earlier = state.projects([name]).get(name)
    if earlier is not None and earlier.policy:
        return  # a refresh keeps it
    row = ProjectRow(name, project.display_name, project.serial, status=project.status)
    record = msgspec.structs.replace(project, files=tuple(files))
    with state.transaction():
        state.save_projects([row])
        state.save_documents([(name, pack(record))])
