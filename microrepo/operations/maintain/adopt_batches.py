"""The files of another program's tree on their way into the repository, batch by batch."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec

from microrepo.cause_texts import action_text
from microrepo.errors import MicrorepoError
from microrepo.model import (
    Action,
    ActionKind,
    Cause,
    Digests,
    File,
    LocalFile,
    NormalizedName,
    Project,
)
from microrepo.operations.maintain.adopt_examination import (
    Examined,
    by_project,
    examine,
    one_of_each,
)
from microrepo.operations.records.report import Failure
from microrepo.operations.run.session import Session
from microrepo.plan import Totals, Wanted, check_space, make_plan
from microrepo.repositories.foreign.tree_layouts import Candidate, Layout, candidates
from microrepo.repositories.foreign.tree_records import TreeRecords
from microrepo.repositories.foreign.tree_survey import Survey
from microrepo.state import FileRow, Owner, ProjectRow, change_of, pack
from microrepo.state.publication import FoundRow
from microrepo.stores.hashing import hash_file
from microrepo.stores.placement import can_share, place_file

_BATCH_FILES = 400
_Records = Mapping[NormalizedName, "Project | None"]


class Counts:
    """What was found and taken so far; see `operations.maintain.adopt.AdoptReport`."""

    def __init__(self) -> None:
        self.found = 0
        self.found_bytes = 0
        self.linked = 0
        self.linked_bytes = 0
        self.copied = 0
        self.recorded = 0
        self.already = 0


class Adoption:
    """One taking over while it runs.

    Args:
        session: the run.
        layout: of the tree.
        copy: copy what cannot be linked.
    """

    def __init__(self, session: Session, layout: Layout, *, copy: bool) -> None:
        self.counts = Counts()
        self._session = session
        self._layout = layout
        self._copy = copy
        self._records = TreeRecords(layout)
        self._links = True

    def carry_out(self) -> None:
        """Take the whole tree, or set the report's `refused`."""
        session, counts = self._session, self.counts
        layout = self._layout
        session.reporter.say(f"{layout.path}: {layout.name}; looking through it")
        with closing(Survey(candidates(layout, self._repository_inside(), self._skip))) as found:
            counts.found, counts.found_bytes = found.count, found.size_bytes
            session.report.refused = self._refusal(found)
            if not session.report.refused:
                self._take_all(found)
        session.report.totals = Totals(adopt=counts.linked + counts.recorded)

    def _take_all(self, found: Survey) -> None:
        session = self._session
        session.reporter.expect_bytes(found.size_bytes)
        with ThreadPoolExecutor(max_workers=session.config.processes or 1) as threads:
            try:
                for batch in by_project(found, _BATCH_FILES):
                    self._take(batch, threads)
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _repository_inside(self) -> Path | None:
        repository = self._session.directory.path
        if not repository.exists() or repository.samefile(self._layout.files):
            return None
        return repository

    def _skip(self, path: str, why: str) -> None:
        self._session.report.failed.append(Failure(_shown(path), why))

    def _refusal(self, found: Survey) -> str:
        """Say why nothing can be taken; "" when it can."""
        session = self._session
        outside = next((one for one in found if not self._is_target(one)), None)
        if outside is None:
            return ""
        self._links = can_share(Path(outside.path), session.directory.path)
        if self._links:
            return ""
        if not self._copy:
            return (
                f"{self._layout.path} and {session.directory.path} lie on different file systems, "
                "so files cannot be linked; name a repository beside the tree, or add --copy"
            )
        if not session.directory.exists():
            return ""
        size_bytes = sum(c.size_bytes for c in found if session.on_disk(c.filename) is None)
        free_bytes, there = session.directory.free_bytes(), session.state.present_bytes()
        return str(check_space(size_bytes, there, free_bytes, session.limits()) or "")

    def _is_target(self, candidate: Candidate) -> bool:
        """Tell whether a file lies in the repository already, or is linked there."""
        try:
            return self._session.directory.file(candidate.filename).samefile(candidate.path)
        except OSError:
            return False

    # --- one batch ------------------------------------------------------------------------------

    def _take(self, batch: Sequence[Candidate], threads: ThreadPoolExecutor) -> None:
        session = self._session
        rows = session.state.files_named({one.filename for one in batch})
        fresh = [one for one in batch if not self._is_known(one, rows.get(one.filename))]
        skipped_bytes = sum(c.size_bytes for c in batch) - sum(c.size_bytes for c in fresh)
        session.reporter.add_bytes(skipped_bytes)
        self.counts.already += len({c.filename for c in batch} - {c.filename for c in fresh})
        records = {name: self._records.project(name) for name in {one.project for one in fresh}}
        examined = list(threads.map(_Reader(session, self._layout, records), fresh))
        session.report.failed.extend(
            Failure(_shown(one.candidate.path), one.problem) for one in examined if one.file is None
        )
        sound = [one for one in examined if one.file is not None]
        chosen, conflicts = one_of_each(sound, self._is_target)
        session.report.conflicts.extend(Failure(name, why) for name, why in conflicts)
        self._carry(chosen, rows, records, threads)

    def _is_known(self, candidate: Candidate, row: FileRow | None) -> bool:
        """Tell whether the repository has a file with the size and the time of this one."""
        return (
            row is not None
            and (row.size, row.mtime_ns) == (candidate.size_bytes, candidate.mtime_ns)
            and self._session.is_intact(row)
        )

    def _carry(
        self,
        chosen: Sequence[Examined],
        rows: Mapping[str, FileRow],
        records: _Records,
        threads: ThreadPoolExecutor,
    ) -> None:
        session = self._session
        by_name = {one.candidate.filename: one for one in chosen}
        wanted = [Wanted(c.candidate.project, c.file) for c in chosen if c.file is not None]
        there = threads.map(lambda one: self._there(one, rows.get(one.candidate.filename)), chosen)
        present = {local.filename: local for local in there if local is not None}
        new: list[Action] = []
        for action in make_plan(wanted, present, prune=False):
            one = by_name[action.filename]
            if action.kind is ActionKind.CONFLICT:
                why = f"{one.candidate.path}: {action_text(action)}"
                session.report.conflicts.append(Failure(action.filename, why))
            elif self._is_ours_already(action, rows.get(action.filename)):
                self.counts.already += 1
            else:
                new.append(action)
        if session.report.dry_run:
            session.report.plan += new
            arrived = [_expected(by_name[action.filename]) for action in new]
        else:
            placed = threads.map(lambda a: self._placed(a, by_name, present), new)
            arrived = [local for local in placed if local is not None]
        self._count(arrived, present)
        if arrived and not session.report.dry_run:
            self._record([(by_name[local.filename], local) for local in arrived], records)

    def _is_ours_already(self, action: Action, row: FileRow | None) -> bool:
        return action.kind is ActionKind.ADOPT and row is not None and self._session.is_intact(row)

    def _there(self, one: Examined, row: FileRow | None) -> LocalFile | None:
        """Return what lies in the repository under a file's name, with digests to compare by."""
        name, session = one.candidate.filename, self._session
        disk = session.directory.stat(name)
        if disk is None or one.file is None:
            return None
        if self._is_target(one.candidate):
            digests = one.file.digests
        elif row is not None and session.is_intact(row) and row.digests.sha256:
            digests = row.digests
        else:
            try:
                digests = hash_file(session.directory.file(name), ("sha256",))
            except OSError:  # a directory, or not readable: a conflict in any case
                digests = Digests(sha256="unknown")
        return LocalFile(name, disk.size_bytes, disk.mtime_ns, digests=digests)

    def _placed(
        self, action: Action, by_name: Mapping[str, Examined], present: Mapping[str, LocalFile]
    ) -> LocalFile | None:
        """Link or copy a file to its place; None when that failed."""
        if action.kind is ActionKind.ADOPT:
            return present[action.filename]
        source, digests = by_name[action.filename].candidate.path, _of(by_name, action).digests
        try:
            return place_file(
                Path(source),
                self._session.directory.path,
                action.filename,
                digests,
                link=True,
                replace=False,
                may_copy=self._copy,
            )
        except (MicrorepoError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            self._session.report.failed.append(
                Failure(_shown(source), f"not taken: {why or error}")
            )
            return None

    def _count(self, arrived: Iterable[LocalFile], present: Mapping[str, LocalFile]) -> None:
        for local in arrived:
            if local.filename in present:
                self.counts.recorded += 1
                continue
            self.counts.linked += 1
            self.counts.linked_bytes += local.size_bytes or 0
            self.counts.copied += not self._links

    # --- writing down ---------------------------------------------------------------------------

    def _record(self, arrived: Sequence[tuple[Examined, LocalFile]], records: _Records) -> None:
        """Write down what is in place, once the directory's names for it are durable."""
        session, state = self._session, self._session.state
        session.directory.sync()
        rows = [self._row(one, local) for one, local in arrived]
        with state.transaction():
            state.save_files(rows)
            state.add_history(
                change_of(row, session.run, "adopt", row.cause, row.detail) for row in rows
            )
            known = state.projects({row.project for row in rows})
            # Stored records decide anew on what is there now.
            state.save_projects(
                msgspec.structs.replace(row, complete=False) for row in known.values()
            )
            if self._layout.is_mirror:
                self._record_projects(arrived, records, known)
            else:
                state.publication.save_found(_found(one, local) for one, local in arrived)

    def _row(self, one: Examined, local: LocalFile) -> FileRow:
        assert one.file is not None  # noqa: S101 - only sound files arrive
        return FileRow(
            filename=local.filename,
            project=one.candidate.project,
            version=one.file.version,
            url=one.file.url,
            size=local.size_bytes,
            digests=one.file.digests,
            present=True,
            mtime_ns=local.mtime_ns,
            cause=Cause.ADOPTED,
            detail=self._layout.name if self._layout.is_mirror else "",
            owner=Owner.MIRROR if self._layout.is_mirror else Owner.PERSON,
        )

    def _record_projects(
        self,
        arrived: Sequence[tuple[Examined, LocalFile]],
        records: _Records,
        known: Container[str],
    ) -> None:
        """Have the next refresh look at the projects of a mirror; until then its records count."""
        state = self._session.state
        files: dict[NormalizedName, list[File]] = {}
        for one, _ in arrived:
            if one.file is not None:
                files.setdefault(one.candidate.project, []).append(one.file)
        projects = [
            records.get(name) or _project_of(name, files[name])
            for name in files
            if name not in known
        ]
        state.save_projects(ProjectRow(p.name, p.display_name, status=p.status) for p in projects)
        state.save_documents((project.name, pack(project)) for project in projects)


class _Reader:
    """Reads one file; called in threads."""

    def __init__(self, session: Session, layout: Layout, records: _Records) -> None:
        self._session = session
        self._layout = layout
        self._listed = {
            (name, file.filename): file
            for name, project in records.items()
            if project is not None
            for file in project.files
        }

    def __call__(self, one: Candidate) -> Examined:
        found = examine(self._layout, one, self._listed.get((one.project, one.filename)))
        self._session.reporter.add_bytes(one.size_bytes)
        return found


def _shown(path: str) -> str:
    """Return a path for people: on one line, whatever characters it has."""
    return path if path.isprintable() else repr(path)[1:-1]


def _of(by_name: Mapping[str, Examined], action: Action) -> File:
    file = by_name[action.filename].file
    assert file is not None  # noqa: S101 - only sound files are planned
    return file


def _expected(one: Examined) -> LocalFile:
    return LocalFile(one.candidate.filename, one.candidate.size_bytes, one.candidate.mtime_ns)


def _found(one: Examined, local: LocalFile) -> FoundRow:
    assert one.file is not None  # noqa: S101 - only sound files arrive
    project = one.candidate.project
    size = local.size_bytes or 0
    return FoundRow(local.filename, project, size, local.mtime_ns, project, one.file)


def _project_of(name: NormalizedName, files: Sequence[File]) -> Project:
    versions = tuple(dict.fromkeys(file.version for file in files))
    return Project(name, name, files=tuple(files), versions=versions)
