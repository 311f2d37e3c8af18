"""Looking at projects: their records from the source or the state, and what is decided on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future

import msgspec
from msgspec import Struct

from microrepo.errors import StateCorrupt
from microrepo.formats.times import shift
from microrepo.model import FACTS, Decision, Digests, File, NormalizedName, Project
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.refresh.change_detection import Visit
from microrepo.operations.refresh.doubtful_answers import doubt_of
from microrepo.operations.run.project_sources import Sources
from microrepo.plan import Wanted
from microrepo.selection.rules.affected_releases import affecting, describe
from microrepo.selection.rules.decisions import reconsider_at, select
from microrepo.selection.rules.policy import Policy, fingerprint_for
from microrepo.state import ProjectRow, State, unpack
from microrepo.state.rows import pack
from microrepo.transfer.tasks import FetchProject, ProjectOutcome

_FIRST_RETRY_DAYS = 5 / (24 * 60)
_LAST_RETRY_DAYS = 1.0

Asked = list[tuple[Visit, "Future[ProjectOutcome]"]]
Decide = Callable[[Project], tuple[Decision, ...]]


class Rules(Struct, frozen=True):
    """The policy with its fingerprint, which is costly to make.

    Attributes:
        credulous: believe answers that are older or far shorter than what is known.
    """

    policy: Policy
    base: str
    credulous: bool = False

    def fingerprint(self, name: NormalizedName) -> str:
        """Return the digest of the rules as they concern one project."""
        return fingerprint_for(name, self.base, self.policy)


class Record(Struct, frozen=True):
    """A project's record as it is now.

    Attributes:
        project: the record.
        row: what is remembered of the project from here on, files aside.
        document: the packed record when it is not what the state holds already.
        before: what was remembered so far.
    """

    project: Project
    row: ProjectRow
    document: bytes | None
    before: ProjectRow | None

    @property
    def is_new(self) -> bool:
        """Return whether record or rules differ from what the state knew."""
        return (
            self.before is None
            or self.document is not None
            or self.before.policy != self.row.policy
        )


class Looked(Struct, frozen=True):
    """A record and what was decided on its files."""

    record: Record
    decisions: tuple[Decision, ...]

    @property
    def project(self) -> Project:
        """The record's project."""
        return self.record.project

    def wanted(self) -> Iterator[Wanted]:
        """Yield the files to keep."""
        for decision in self.decisions:
            if decision.keep:
                yield Wanted(self.project.name, decision.file, decision.cause, decision.detail)


class Records:
    """Reads the records of projects, noting those that cannot be had.

    Attributes:
        gone: projects that were asked for and that the source does not know.
    """

    def __init__(self, state: State, sources: Sources, work: WorkContext, rules: Rules) -> None:
        self._state = state
        self._sources = sources
        self._work = work
        self._rules = rules
        self._keeps_advisories = rules.policy.vulnerabilities != "ignore"
        self.gone: list[NormalizedName] = []

    def ask(self, visits: Sequence[Visit]) -> Asked:
        """Queue the questions of a batch at the workers."""
        asked = [visit for visit in visits if visit.ask]
        known = self._state.projects(visit.name for visit in asked)
        self._work.reporter.expect_documents(len(asked))
        queued: Asked = []
        for visit in asked:
            future = self._ask_owner(visit, known.get(visit.name))
            future.add_done_callback(lambda _: self._work.reporter.document_done())
            queued.append((visit, future))
        return queued

    def _ask_owner(self, visit: Visit, row: ProjectRow | None) -> Future[ProjectOutcome]:
        """Ask the source that owns a project; nobody as long as it is not known whose it is."""
        sources = self._sources
        owner = sources.owner(visit.name)
        if owner.unknown is not None:
            future: Future[ProjectOutcome] = Future()
            first = sources.name(owner.unknown)
            why = f"not asked for, since {first} may have it: {sources.problem(owner.unknown)}"
            future.set_result(ProjectOutcome(visit.name, "failed", error=why))
            return future
        first = sources.name(owner.candidates[0])
        etag = row.etag if row is not None and row.source in {"", first} else None
        return self._work.submit(FetchProject(visit.name, etag, visit.serial, owner.candidates))

    def read(self, visits: Sequence[Visit], asked: Asked) -> Iterator[Record]:
        """Yield a record for each visit that has one, from the answers or from the state."""
        state, report = self._state, self._work.report
        names = [visit.name for visit in visits]
        rows = state.projects(names)
        self._work.wait_for(future for _, future in asked)
        answers = {visit.name: future.result() for visit, future in asked}
        stored = state.packed_documents(names)
        if self._rules.policy.facts_needed:
            answers.update(self._ask_for_facts(visits, answers, stored))
        failed: list[ProjectRow] = []
        for visit in visits:
            answer, row = answers.get(visit.name), rows.get(visit.name)
            report.projects += 1
            report.asked += answer is not None
            if answer is not None and answer.status in {"missing", "failed"}:
                failed.extend(self._note_failure(answer, row))
                continue
            document = answer.document if answer else None
            if document is not None and visit.name in stored and self._keeps_advisories:
                document = _unless_told_more(document, stored[visit.name])
            if document is not None and visit.name in stored:
                document = _with_known_pythons(document, stored[visit.name])
            if document is not None and document != stored.get(visit.name):
                report.fetched += 1
                record = self._record(visit, unpack(document), answer, row, document)
                yield self._doubted(record, stored.get(visit.name))
            elif visit.name in stored:
                try:
                    project = unpack(stored[visit.name])
                except StateCorrupt as error:
                    failed.append(self._forget_record(visit, row, error))
                    continue
                report.unchanged += 1
                yield self._record(visit, project, answer, row, None)
        if failed and not report.dry_run:
            with state.transaction():
                state.save_projects(failed)

    def _doubted(self, record: Record, stored: bytes | None) -> Record:
        """Return the record that counts: of an answer that is not believed, the one before."""
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

    def _ask_for_facts(
        self,
        visits: Sequence[Visit],
        answers: Mapping[NormalizedName, ProjectOutcome],
        stored: Mapping[str, bytes],
    ) -> dict[NormalizedName, ProjectOutcome]:
        """Ask anew, and unconditionally, for records that are too old to tell what rules read."""
        needed = self._rules.policy.facts_needed
        lacking = []
        for visit in visits:
            answer = answers.get(visit.name)
            same = answer is None or answer.status == "unchanged"
            if same and visit.name in stored and _facts_of(stored[visit.name]) < needed:
                lacking.append(visit)
        queued = [(visit, self._ask_owner(visit, None)) for visit in lacking]
        self._work.wait_for(future for _, future in queued)
        return {visit.name: future.result() for visit, future in queued}

    def _note_failure(self, answer: ProjectOutcome, row: ProjectRow | None) -> Iterator[ProjectRow]:
        name = NormalizedName(answer.name)
        if answer.status == "missing":
            self.gone.append(name)
            if row is None:
                return
        else:
            self._work.report.failed.append(Failure(name, answer.error))
            self._work.report.unreachable += answer.unreachable
        yield with_failure(row or ProjectRow(name, name), answer.error, self._work.now)

    def _forget_record(
        self, visit: Visit, row: ProjectRow | None, error: StateCorrupt
    ) -> ProjectRow:
        """Report a stored record that is damaged, and see to it that the next run asks anew."""
        self._work.report.failed.append(Failure(visit.name, f"{error}; the next run asks anew"))
        row = row or ProjectRow(visit.name, visit.name)
        return msgspec.structs.replace(row, serial=None, etag=None, complete=False, retry_at=None)

    def _record(
        self,
        visit: Visit,
        project: Project,
        answer: ProjectOutcome | None,
        row: ProjectRow | None,
        document: bytes | None,
    ) -> Record:
        if project.rejected:
            count, first = len(project.rejected), project.rejected[0]
            more = f" (and {count - 1} more)" if count > 1 else ""
            self._work.report.warn(f"{project.name}: an entry cannot be used: {first}{more}")
        source = answer.source if answer else (row.source if row else "")
        if row is not None:
            self._tell_of_another_source(row, source)
        serial = project.serial
        if visit.serial is not None and (serial is None or answer is None):
            serial = visit.serial
        return Record(
            project,
            ProjectRow(
                name=project.name,
                display_name=project.display_name,
                serial=serial,
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

    def _tell_of_another_source(self, row: ProjectRow, source: str) -> None:
        """Warn of a project that changes hands: that may be meant, or somebody took its name."""
        if row.source != source and row.source in self._sources.names():
            self._work.report.warn(
                f"{row.name}: comes from {source} now, no longer from {row.source}"
            )


def _facts_of(document: bytes) -> int:
    try:
        return unpack(document).facts
    except StateCorrupt:
        return FACTS  # that is said where the record is read


def _unless_told_more(document: bytes, stored: bytes) -> bytes:
    """Return the stored record where a new one is the same but for advisories on releases."""
    try:
        before = unpack(stored)
    except StateCorrupt:
        return document
    if before.advised_at is None:
        return document
    project = msgspec.structs.replace(
        unpack(document), advisories=before.advisories, advised_at=before.advised_at
    )
    return stored if pack(project) == stored else document


def _with_known_pythons(document: bytes, stored: bytes) -> bytes:
    """Return a new record with the Requires-Python that wheels themselves told before."""
    project = unpack(document)
    if not project.silent_on_python:
        return document
    try:
        before = unpack(stored)
    except StateCorrupt:
        return document
    told = {_content_key(one): one.requires_python for one in before.files}
    files = tuple(
        msgspec.structs.replace(one, requires_python=told.get(_content_key(one)))
        if one.requires_python is None
        else one
        for one in project.files
    )
    return pack(msgspec.structs.replace(project, files=files))


def _content_key(file: File) -> tuple[object, ...]:
    """Return what two records share if they mean the same content, as far as the source says."""
    if file.digests == Digests():
        return file.filename, file.url, file.size
    return file.filename, file.digests


def with_failure(row: ProjectRow, error: str, now: str) -> ProjectRow:
    """Return the row of a project that failed once more.

    The run after the first failure tries again; from the second on each doubles the pause.
    """
    failures = row.failures + 1
    delay_days = min(_LAST_RETRY_DAYS, _FIRST_RETRY_DAYS * 2 ** min(failures - 2, 20))
    return msgspec.structs.replace(
        row,
        complete=False,
        checked_at=now,
        error=error,
        failures=failures,
        retry_at=shift(now, delay_days) if failures > 1 else None,
    )


def look(
    report: ReportBuilder,
    rules: Rules,
    records: Iterable[Record],
    decide: Decide,
    *,
    goals_are_reported: bool = False,
) -> list[Looked]:
    """Decide on the files of records, count what rules left out, report what ends empty.

    Args:
        report: of the run.
        rules: what is wanted.
        records: of the projects.
        decide: what is kept of each.
        goals_are_reported: a requested project without files is a goal that is reported as such.
    """
    looked = []
    for record in records:
        decisions = decide(record.project)
        empty = _count(report, record.project, decisions, rules)
        if empty and goals_are_reported:
            report.emptied[record.project.name] = empty
        elif empty:
            why = f"no file is left ({empty}); see `microrepo explain`" if decisions else empty
            report.failed.append(Failure(record.project.name, why))
        if rules.policy.vulnerabilities != "ignore":
            _note_advisories(report, record.project, decisions)
        row = msgspec.structs.replace(
            record.row, reconsider_at=reconsider_at(decisions, rules.policy)
        )
        looked.append(Looked(msgspec.structs.replace(record, row=row), decisions))
    return looked


def _note_advisories(
    report: ReportBuilder, project: Project, decisions: Iterable[Decision]
) -> None:
    """Report the advisories on releases that are kept."""
    if not (project.vulnerabilities or project.advisories):
        return
    for version in dict.fromkeys(one.file.version for one in decisions if one.keep):
        for advisory in affecting(project, version):
            report.vulnerable.append(f"{project.name} {version}: {describe(advisory)}")


def deciding_by(rules: Rules, now: str) -> Decide:
    """Return the plain way to decide: each project by itself."""

    def decide(project: Project) -> tuple[Decision, ...]:
        return select(project, rules.policy, now)

    return decide


def _count(
    report: ReportBuilder, project: Project, decisions: tuple[Decision, ...], rules: Rules
) -> str:
    """Count what rules left out; return why a requested project ends without a file, "" if not."""
    causes = Counter(decision.cause for decision in decisions if not decision.keep)
    counts = {cause.value: count for cause, count in causes.items()}
    report.rejected.update(counts)
    if len(decisions) > causes.total():
        return ""
    report.without_files += 1
    if rules.policy.requested is None or project.name not in rules.policy.requested:
        return ""  # of a whole index that is nothing special, and would be said thousands of times
    if not decisions:
        return "the source lists no files"
    return ", ".join(f"{count} by {reason}" for reason, count in sorted(counts.items()))
