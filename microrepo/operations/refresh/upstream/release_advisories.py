"""Reader of advisories for kept releases.

A project's document has those for its latest release; each other release has its own document. They
are requested when needed, stored in the project's record, and requested again after a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future

import msgspec

from microrepo.formats.times import shift
from microrepo.model import Decision, Project, Vulnerability
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.project_record import Decide, Record
from microrepo.operations.run.project_sources import Sources
from microrepo.selection.rules.affected_releases import affecting
from microrepo.state.rows import pack
from microrepo.transfer.tasks import AdvisoriesOutcome, FetchAdvisories

_FRESH_DAYS = 1.0


def advised(
    sources: Sources, work: WorkContext, records: Iterable[Record], decide: Decide
) -> list[Record]:
    """Return records with the advisories for all kept releases.

    If releases are refused, the advisories for their replacements are requested in turn.

    Args:
        decide: decides which files are kept.
    """
    originals = list(records)
    found = [without_guesses(record, work.now) for record in originals]
    changed: set[int] = set()
    failed: set[int] = set()
    silent: list[str] = []
    open_ones = [n for n, record in enumerate(found) if record.project.info.version is not None]
    while open_ones:
        asked = [
            (number, version, _ask(sources, work, found[number], version))
            for number in open_ones
            for version in _unknown(found[number].project, decide(found[number].project))
        ]
        work.wait_for(future for _, _, future in asked)
        for number, version, future in asked:
            answer, before = future.result(), originals[number].project
            if answer.error:
                silent.append(answer.error)
                if answer.transient:
                    failed.add(number)
                guessing = msgspec.structs.replace(before, advisories={})
                answer = AdvisoriesOutcome(affecting(guessing, version))
            found[number] = _with(found[number], version, answer.vulnerabilities, work.now)
        open_ones = sorted({number for number, _, _ in asked})
        changed.update(open_ones)
    if silent:
        work.report.warn(
            f"the source has no advisories for {len(silent)} releases (first: {silent[0]}), so "
            "those of later releases apply to them"
        )
    return [
        _stored(record) if n in changed - failed else record if n in changed else originals[n]
        for n, record in enumerate(found)
    ]


def without_guesses(record: Record, now: str) -> Record:
    """Return a record without advisories for releases that were not requested lately.

    Deciding by it finds the releases whose advisories are needed.
    """
    project = record.project
    if project.advised_at is not None and shift(project.advised_at, _FRESH_DAYS) > now:
        return record
    described = project.info.version
    known = {described: project.vulnerabilities} if described is not None else {}
    fresh = msgspec.structs.replace(project, advisories=known, advised_at=None)
    return msgspec.structs.replace(record, project=fresh)


def _unknown(project: Project, decisions: Sequence[Decision]) -> list[str]:
    """Return the kept releases whose advisories are unknown."""
    known = {project.info.version, *project.advisories}
    kept = dict.fromkeys(one.file.version for one in decisions if one.keep)
    return [version for version in kept if version not in known]


def _ask(
    sources: Sources, work: WorkContext, record: Record, version: str
) -> Future[AdvisoriesOutcome]:
    owner = sources.owner(record.project.name)
    task = FetchAdvisories(record.project.name, version, owner.candidates)
    return work.submit(task)


def _with(record: Record, version: str, found: tuple[Vulnerability, ...], now: str) -> Record:
    project = record.project
    advisories = {**project.advisories, version: found}
    replaced = msgspec.structs.replace(
        project, advisories=advisories, advised_at=project.advised_at or now
    )
    return msgspec.structs.replace(record, project=replaced)


def _stored(record: Record) -> Record:
    return msgspec.structs.replace(record, document=pack(record.project))
