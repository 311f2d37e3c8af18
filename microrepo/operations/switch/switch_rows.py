"""Rows of the state for what a switch changes, saved in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.batching import batched
from microrepo.formats.distribution.filenames import package_type_of, python_label
from microrepo.model import Cause, Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.switch.switch_plan import BY_BUNDLE, Entry, SwitchKind, SwitchPlan, owned
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.state import FileRow, HistoryRow, Owner, ProjectRow, pack
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.flat_directory import FlatDirectory, OnDisk

_LAST = "switch"  # key of `meta`: the last switch that was recorded
_AT_ONCE = 300
_CAUSES = {
    SwitchKind.RESTORE: (Cause.RESTORED, Cause.NOT_IN_SNAPSHOT),
    SwitchKind.IMPORT: (Cause.IMPORTED, Cause.NOT_IN_BUNDLE),
}


class ListedProject(Struct, frozen=True):
    """A project of a manifest, with its files."""

    project: ManifestProject
    files: tuple[ManifestFile, ...]


class TargetRows:
    """Makes the rows of files as they are after a switch.

    Args:
        objects: directory of the staged contents.
    """

    def __init__(self, directory: FlatDirectory, objects: Path, plan: SwitchPlan) -> None:
        self._directory = directory
        self._objects = objects
        self._plan = plan
        self._placed = frozenset(file.filename for file in plan.placed)
        self._added = _CAUSES[plan.kind][0]

    def row(self, file: ManifestFile, described: File, known: FileRow | None) -> FileRow | None:
        """Return the row of a file that is in place or about to be; None if it is missing."""
        owner = owner_of(file)
        disk = self._placed_disk(file) or self._directory.stat(file.filename)
        if disk is None:
            return None
        if file.filename not in self._placed:
            if known is not None and known.present:
                if not known.is_ours and self._plan.owner is None:
                    owner = Owner.PERSON
                return msgspec.structs.replace(known, version=file.version, owner=owner)
            if self._plan.owner is None:
                owner = Owner.PERSON  # only somebody who uses the directory can have put it there
        is_ours = self._plan.owner is not None or file.filename in self._placed
        return FileRow(
            file.filename,
            NormalizedName(file.project),
            file.version,
            described.url,
            disk.size_bytes,
            described.digests,
            present=True,
            mtime_ns=disk.mtime_ns,
            cause=self._cause(file, is_ours=is_ours),
            detail=self._plan.name if is_ours else "",
            owner=owner,
        )

    def _cause(self, file: ManifestFile, *, is_ours: bool) -> Cause:
        if file.owner == BY_BUNDLE:
            return Cause.IMPORTED  # the next import or restore may delete it
        return self._added if is_ours else Cause.ADOPTED

    def _placed_disk(self, file: ManifestFile) -> OnDisk | None:
        """Return size and time of a staged content; where links fail, it may be in place by now."""
        if file.filename not in self._placed:
            return None
        try:
            status = (self._objects / file.sha256).stat()
        except FileNotFoundError:
            return None
        return OnDisk(status.st_size, status.st_mtime_ns)


class SwitchRows:
    """Records what a switch changes.

    Args:
        objects: directory of the staged contents.
        run: number of the run.
    """

    def __init__(self, holdings: Holdings, objects: Path, plan: SwitchPlan, run: int) -> None:
        self._state = holdings.state
        self._target_rows = TargetRows(holdings.directory, objects, plan)
        self._plan = plan
        self._run = run
        self._placed = frozenset(file.filename for file in plan.placed)
        self._added, self._gone = _CAUSES[plan.kind]

    def record(self, target: Iterable[Entry]) -> None:
        """Record the switch, once, in one transaction.

        Args:
            target: entries of the target, in their order.
        """
        plan, state = self._plan, self._state
        if state.meta(_LAST) == plan.token:
            return
        changed = frozenset(plan.projects)
        with state.transaction():
            listed: set[str] = set()
            for batch in batched(_projects_of(target, changed, plan.owner), _AT_ONCE):
                self._record_projects(batch)
                listed.update(one.project.project for one in batch)
            self._delete()
            self._forget(changed - listed)
            state.publication.mark(plan.projects)
            for key, value in plan.meta.items():
                if value is None:
                    state.delete_meta(key)
                else:
                    state.set_meta(key, value)
            state.set_meta(_LAST, plan.token)

    def _record_projects(self, batch: Sequence[ListedProject]) -> None:
        state = self._state
        names = [one.project.project for one in batch]
        known, documents = state.projects(names), state.documents(names)
        records = {
            one.project.project: record_of(one, documents.get(one.project.project)) for one in batch
        }
        rows = [row_of(one.project, known.get(one.project.project)) for one in batch]
        files = self._rows(batch, records)
        described = {file.filename: file for one in records.values() for file in one.files}
        shown = {one.project.project: one.project.display_name for one in batch}
        state.save_projects(rows)
        state.save_documents((name, pack(record)) for name, record in records.items())
        state.save_files(files)
        state.publication.forget_found(row.filename for row in files if row.is_ours)
        state.publication.save_found(
            FoundRow(
                row.filename,
                row.project,
                row.size or 0,
                row.mtime_ns,
                shown[row.project],
                msgspec.structs.replace(described[row.filename], url=""),
            )
            for row in files
            if not row.is_ours
        )
        state.add_history(
            self._change(row, "add", self._added) for row in files if row.filename in self._placed
        )

    def _rows(
        self, batch: Sequence[ListedProject], records: Mapping[str, Project]
    ) -> list[FileRow]:
        known = self._state.files_named(file.filename for one in batch for file in one.files)
        rows = []
        for one in batch:
            described = {file.filename: file for file in records[one.project.project].files}
            for file in one.files:
                row = self._target_rows.row(
                    file, described[file.filename], known.get(file.filename)
                )
                rows += [row] if row else []
        return rows

    def _delete(self) -> None:
        leaving = self._plan.leaving
        names = [file.filename for file in leaving]
        self._state.delete_files(names)
        self._state.publication.forget_found(names)
        self._state.add_history(
            HistoryRow(
                self._run,
                file.project,
                file.filename,
                "delete",
                self._gone,
                self._plan.name,
                file.disk.size_bytes,
                file.sha256,
            )
            for file in leaving
            if file.disk is not None
        )

    def _forget(self, names: Iterable[str]) -> None:
        """Forget the projects of which nothing is left."""
        for batch in batched(sorted(names), _AT_ONCE):
            holding = {row.project for row in self._state.files(batch)}
            holding |= {NormalizedName(row.project) for row in self._state.publication.found(batch)}
            self._state.forget_projects(name for name in batch if name not in holding)

    def _change(self, row: FileRow, action: str, cause: Cause) -> HistoryRow:
        return HistoryRow(
            self._run,
            row.project,
            row.filename,
            action,
            cause,
            self._plan.name,
            row.size,
            row.digests.sha256,
        )


def _projects_of(
    target: Iterable[Entry], names: frozenset[str], owner: Owner | None
) -> Iterator[ListedProject]:
    for name, entries in groupby(target, key=lambda entry: entry.project):
        if name not in names:
            continue
        first, *files = entries
        if isinstance(first, ManifestProject):
            owned_files = (owned(file, owner) for file in files)
            yield ListedProject(
                first, tuple(file for file in owned_files if isinstance(file, ManifestFile))
            )


def row_of(project: ManifestProject, known: ProjectRow | None) -> ProjectRow:
    """Return the row of a project that the next refresh asks its source about.

    Without a serial, an unchanged serial at the source does not settle it.
    """
    return ProjectRow(
        NormalizedName(project.project),
        project.display_name,
        status=project.status,
        source=known.source if known else "",
        page_time=known.page_time if known else None,
    )


def record_of(listed: ListedProject, known: Project | None) -> Project:
    """Return the record of a project as a manifest describes it.

    Args:
        known: the stored record, for what a manifest does not describe.
    """
    project = listed.project
    before = {file.filename: file for file in known.files} if known else {}
    files = tuple(_file_of(file, before.get(file.filename)) for file in listed.files)
    record = known or Project(NormalizedName(project.project), project.display_name)
    return msgspec.structs.replace(
        record,
        display_name=project.display_name,
        serial=project.serial,
        status=project.status,
        status_reason=project.status_reason or None,
        files=files,
        versions=tuple(dict.fromkeys(file.version for file in files)),
        rejected=(),
    )


def owner_of(file: ManifestFile) -> Owner:
    """Return who put a file of a manifest there; a person if the owner is of a newer microrepo."""
    known = {owner.value: owner for owner in Owner}
    return known.get(file.owner, Owner.PERSON) if file.owner else Owner.SOURCE


def _file_of(entry: ManifestFile, known: File | None) -> File:
    if known is None or known.digests.sha256 not in {None, entry.sha256}:
        known = File(
            entry.filename,
            "",
            entry.version,
            package_type_of(entry.filename) or "unknown",
            python_version=python_label(entry.filename),
        )
    digests = Digests(sha256=entry.sha256)
    return msgspec.structs.replace(
        known,
        version=entry.version,
        size=entry.size_bytes,
        digests=digests.completed_by(known.digests) if known.digests.sha256 else digests,
        requires_python=entry.requires_python or None,
        upload_time=entry.upload_time or None,
        yanked=entry.yanked is not False,
        yanked_reason=entry.yanked if isinstance(entry.yanked, str) else None,
    )
