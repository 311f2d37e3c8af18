"""Reader of project records, from responses or the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from microrepo.errors import StateCorrupt
from microrepo.model import NormalizedName, Project
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.refresh.upstream.change_detection import Visit
from microrepo.operations.refresh.upstream.doubtful_answers import doubt_of
from microrepo.operations.refresh.upstream.project_questions import Asked, ProjectQuestions
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.refresh.upstream.record_merge import (
    as_kept,
    with_first_seen,
    without_unread_evidence,
)
from microrepo.operations.refresh.upstream.retry_times import with_failure
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.state import ProjectRow, State, unpack
from microrepo.state.rows import pack
from microrepo.transfer.tasks import ProjectOutcome


class RecordReader:
    """Reads the records of projects, from responses of the sources or from the state.

    Attributes:
        gone: requested projects that the source does not know.
    """

    def __init__(self, state: State, sources: Sources, work: WorkContext, rules: Rules) -> None:
        self._state = state
        self._sources = sources
        self._work = work
        self._rules = rules
        self._questions = ProjectQuestions(
            state,
            sources,
            work,
            credulous=rules.credulous,
            keeps_sources=rules.refuses_substitutes,
        )
        self._keeps_advisories = rules.policy.asks_advisories
        self._keeps_provenance = bool(rules.policy.trust)
        policy = rules.policy
        self._notes_first_seen = policy.min_age_days and policy.min_age_unknown == "first-seen"
        self.gone: list[NormalizedName] = []

    def ask(self, visits: Sequence[Visit]) -> Asked:
        """Queue the requests of a batch for the workers."""
        return self._questions.ask(visits)

    def read(self, visits: Sequence[Visit], asked: Asked) -> Iterator[Record]:
        """Yield a record for each visit that has one, from a response or the state."""
        state, report = self._state, self._work.report
        names = [visit.name for visit in visits]
        rows = state.projects(names)
        self._work.wait_for(future for _, future in asked)
        answers = {visit.name: future.result() for visit, future in asked}
        stored = state.packed_documents(names)
        needed = self._rules.policy.facts_needed
        if needed:
            answers.update(self._questions.ask_for_facts(visits, needed, answers, stored))
        failed: list[ProjectRow] = []
        for visit in visits:
            answer, row = answers.get(visit.name), rows.get(visit.name)
            report.projects += 1
            report.asked += answer is not None
            if answer is not None and answer.status in {"missing", "failed"}:
                failed.extend(self._note_failure(answer, row))
                continue
            document = self._completed(answer, stored.get(visit.name))
            if document is not None and document != stored.get(visit.name):
                report.fetched += 1
                record = self._record(visit, unpack(document), answer, row, document)
                yield self._doubted(record, stored.get(visit.name))
            elif visit.name in stored:
                try:
                    project = unpack(stored[visit.name])
                except StateCorrupt as error:
                    failed.append(_without_record(visit, row, error, report))
                    continue
                report.unchanged += 1
                yield self._record(visit, project, answer, row, None)
        if failed and not report.dry_run:
            with state.transaction():
                state.save_projects(failed)

    def _completed(self, answer: ProjectOutcome | None, stored: bytes | None) -> bytes | None:
        """Return the record in a response with what was known before, None without a new one."""
        document = answer.document if answer else None
        if document is not None and stored is not None:
            document = as_kept(
                document,
                stored,
                keeps_advisories=self._keeps_advisories,
                keeps_provenance=self._keeps_provenance,
            )
        if not self._notes_first_seen:
            return document
        return with_first_seen(document or stored, stored, self._work.now)

    def _doubted(self, record: Record, stored: bytes | None) -> Record:
        """Return the record to use: the previous one for a doubtful response."""
        before = record.before
        if stored is None or before is None or self._rules.credulous:
            return record
        if before.source not in {"", record.row.source}:
            return record
        try:
            known = unpack(stored)
        except StateCorrupt:
            return record
        rows = self._state.files([before.name])
        held = {row.filename for row in rows if row.present and row.is_ours}
        doubt = doubt_of(record.project, record.row.page_time, known, before, held, self._work.now)
        if doubt is None:
            return record
        self._work.report.failed.append(Failure(before.name, doubt.why))
        row = msgspec.structs.replace(before, doubted_at=doubt.since, etag=None)
        row = msgspec.structs.replace(row, policy=record.row.policy, source=record.row.source)
        packed = pack(doubt.project)
        return Record(
            doubt.project,
            with_failure(row, doubt.why, self._work.now),
            None if packed == stored else packed,
            before,
        )

    def _note_failure(self, answer: ProjectOutcome, row: ProjectRow | None) -> Iterator[ProjectRow]:
        name = NormalizedName(answer.name)
        if answer.status == "missing":
            _warn_of_reservation(self._sources, name, self._work.report)
            self.gone.append(name)
            if row is None:
                return
        else:
            self._work.report.failed.append(Failure(name, answer.error))
            self._work.report.unreachable += answer.unreachable
        yield with_failure(row or ProjectRow(name, name), answer.error, self._work.now)

    def _record(
        self,
        visit: Visit,
        project: Project,
        answer: ProjectOutcome | None,
        row: ProjectRow | None,
        document: bytes | None,
    ) -> Record:
        _warn_of_entries(project, self._work.report)
        if self._keeps_provenance:
            project = without_unread_evidence(project)
        source = answer.source if answer else (row.source if row else "")
        if row is not None:
            _warn_of_source(self._sources, row, source, self._work.report)
        return Record(
            project,
            ProjectRow(
                name=project.name,
                display_name=project.display_name,
                serial=_serial_on_record(visit, project, answer, self._work.report),
                etag=answer.etag if answer else (row.etag if row else None),
                status=project.status,
                policy=self._rules.fingerprint(project.name),
                checked_at=self._work.now if answer else (row.checked_at if row else None),
                failures=row.failures if row else 0,
                source=source,
                page_time=answer.page_time if answer else (row.page_time if row else None),
            ),
            document,
            row,
        )


def _without_record(
    visit: Visit, row: ProjectRow | None, error: StateCorrupt, report: ReportBuilder
) -> ProjectRow:
    """Report a damaged stored record, and make the next run request it again."""
    report.failed.append(Failure(visit.name, f"{error}; the next run requests it again"))
    row = row or ProjectRow(visit.name, visit.name)
    return msgspec.structs.replace(row, serial=None, etag=None, complete=False, retry_at=None)


def _warn_of_entries(project: Project, report: ReportBuilder) -> None:
    if project.rejected:
        count, first = len(project.rejected), project.rejected[0]
        more = f" (and {count - 1} more)" if count > 1 else ""
        report.warn(f"{project.name}: an entry cannot be used: {first}{more}")


def _warn_of_source(sources: Sources, row: ProjectRow, now: str, report: ReportBuilder) -> None:
    """Warn if a project comes from another source: intended, or somebody took its name."""
    if row.source != now and row.source in sources.names():
        report.warn(f"{row.name}: now comes from {now} instead of {row.source}")


def _warn_of_reservation(sources: Sources, name: NormalizedName, report: ReportBuilder) -> None:
    """Warn that a missing project was not requested elsewhere, because its name is reserved."""
    owner = sources.owner(name)
    if owner.refused:
        asked, refused = (
            " and ".join(map(sources.name, numbers))
            for numbers in (owner.candidates, owner.refused)
        )
        report.warn(
            f"{name}: not found at {asked}; its name is reserved, so it was not requested from {refused}"
        )


def _serial_on_record(
    visit: Visit, project: Project, answer: ProjectOutcome | None, report: ReportBuilder
) -> int | None:
    """Return the serial up to which a project is known; None requests it again in the next run."""
    if answer is not None and answer.lacks_status:
        report.warn(f"{project.name}: its status could not be read; the next run requests it again")
        return None
    if visit.serial is not None and (project.serial is None or answer is None):
        return visit.serial
    return project.serial
