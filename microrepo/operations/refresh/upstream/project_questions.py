"""Requests to sources for projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from microrepo.model import NormalizedName
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.change_detection import Visit
from microrepo.operations.refresh.upstream.record_merge import facts_of
from microrepo.operations.run.project_sources import Sources
from microrepo.selection.reservations import ProjectOrigin
from microrepo.state import ProjectRow, State
from microrepo.transfer.tasks import FetchProject, ProjectOutcome

Question = tuple[Visit, "Future[ProjectOutcome]"]
Asked = list[Question]


class ProjectQuestions:
    """Requests the records of projects, each from its source.

    Args:
        credulous: accept answers that are older than the known ones.
        keeps_sources: request a known project only from its source, or from one before that.
    """

    def __init__(
        self,
        state: State,
        sources: Sources,
        work: WorkContext,
        *,
        credulous: bool = False,
        keeps_sources: bool = False,
    ) -> None:
        self._credulous = credulous
        self._keeps_sources = keeps_sources
        self._state = state
        self._sources = sources
        self._work = work

    def ask(self, visits: Sequence[Visit]) -> Asked:
        """Queue the requests of a batch for the workers."""
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
        """Request a project from its source; fail if its source is unknown."""
        sources = self._sources
        owner = sources.owner(visit.name)
        why = "" if owner.unknown is None else f"skipped, because {sources.doubt(owner.unknown)}"
        if owner.is_merged:
            return self._work.submit(self._merged_task(visit, owner.candidates, row))
        candidates = owner.candidates
        if self._keeps_sources and row is not None and not owner.is_reserved:
            candidates = _not_after(sources, candidates, row.source)
        if not candidates:
            return _failed(visit, why or self._why_refused(owner, row))
        first = sources.name(candidates[0])
        known = row if row is not None and row.source in {"", first} else None
        etag, serial = (known.etag, known.serial) if known is not None else (None, None)
        return self._work.submit(
            FetchProject(visit.name, etag, visit.serial, candidates, serial, elsewhere=why)
        )

    def _why_refused(self, owner: ProjectOrigin, row: ProjectRow | None) -> str:
        """Return why a project is not requested from the sources that may have it."""
        names = " and ".join(map(self._sources.name, owner.candidates or owner.refused))
        if row is None or not owner.candidates:
            return f"not requested from {names}, by `reserved_names`; no other source lists it"
        return (
            f"not requested from {names}, because it came from {row.source}, which does not list it "
            "any more; `refresh --replace` accepts the other source"
        )

    def _merged_task(
        self, visit: Visit, numbers: tuple[int, ...], row: ProjectRow | None
    ) -> FetchProject:
        """Return the request for a project that several sources share."""
        is_known = row is not None and row.source == self._sources.origin_name(numbers)
        etag = row.etag if row is not None and is_known and not self._credulous else None
        return FetchProject(visit.name, etag, sources=numbers, is_merged=True)

    def ask_for_facts(
        self,
        visits: Sequence[Visit],
        needed: int,
        answers: Mapping[NormalizedName, ProjectOutcome],
        stored: Mapping[str, bytes],
    ) -> dict[NormalizedName, ProjectOutcome]:
        """Request records again, unconditionally, if they lack facts that rules need."""
        lacking = []
        for visit in visits:
            answer = answers.get(visit.name)
            same = answer is None or answer.status == "unchanged"
            if same and visit.name in stored and facts_of(stored[visit.name]) < needed:
                lacking.append(visit)
        queued = [(visit, self._ask_owner(visit, None)) for visit in lacking]
        self._work.wait_for(future for _, future in queued)
        return {visit.name: future.result() for visit, future in queued}


def _not_after(sources: Sources, numbers: Sequence[int], name: str) -> tuple[int, ...]:
    """Return the sources that are not after the one of a name; all if that is not a source."""
    last = next((n for n, one in enumerate(sources.settings) if one.name == name), None)
    return tuple(number for number in numbers if last is None or number <= last)


def _failed(visit: Visit, why: str) -> Future[ProjectOutcome]:
    future: Future[ProjectOutcome] = Future()
    future.set_result(ProjectOutcome(visit.name, "failed", error=why))
    return future
