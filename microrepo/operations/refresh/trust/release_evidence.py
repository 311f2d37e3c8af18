"""Reader of the provenance of files that would be kept.

A page says only that a file is attested. Who published it is in its provenance object, which is read
before the file is kept, and remembered in the project's record.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future

import msgspec

from microrepo.model import Evidence, File
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.project_record import Decide, Record
from microrepo.selection.trust.downgrades import TrustRules
from microrepo.state.rows import pack
from microrepo.transfer.tasks import FetchProvenance, ProvenanceOutcome


def with_evidence(
    work: WorkContext, records: Iterable[Record], decide: Decide, rules: TrustRules
) -> list[Record]:
    """Return records in which every attested file that is kept has its evidence.

    If files are refused for it, the provenance of those that replace them is read in turn.

    Args:
        decide: decides which files are kept.
        rules: without any, nothing is read.
    """
    found = list(records)
    if not rules:
        return found
    open_ones = [
        number
        for number, record in enumerate(found)
        if any(file.provenance for file in record.project.files)
    ]
    asked: set[str] = set()
    while open_ones:
        questions = [
            (number, _ask(work, decision.file, stage=rules.keep))
            for number in open_ones
            for decision in decide(found[number].project)
            if decision.keep and _lacks(decision.file, asked)
        ]
        work.reporter.expect_documents(len(questions))
        work.wait_for(future for _, future in questions)
        answers: dict[int, dict[str, Evidence]] = {}
        for number, future in questions:
            outcome = future.result()
            work.reporter.document_done()
            work.report.received_bytes += outcome.fetched_bytes
            asked.add(outcome.filename)
            evidence = outcome.evidence or Evidence(problem=outcome.error)
            answers.setdefault(number, {})[outcome.filename] = evidence
        for number, told in answers.items():
            found[number] = _with(found[number], told)
        open_ones = sorted(answers)
    return found


def _lacks(file: File, asked: set[str]) -> bool:
    return file.provenance is not None and file.filename not in asked and file.evidence is None


def _ask(work: WorkContext, file: File, *, stage: bool) -> Future[ProvenanceOutcome]:
    return work.submit(
        FetchProvenance(file.filename, file.provenance or "", file.digests.sha256, stage=stage)
    )


def _with(record: Record, told: dict[str, Evidence]) -> Record:
    project = record.project
    files = tuple(
        msgspec.structs.replace(file, evidence=told[file.filename])
        if file.filename in told
        else file
        for file in project.files
    )
    project = msgspec.structs.replace(project, files=files)
    return msgspec.structs.replace(record, project=project, document=pack(project))
