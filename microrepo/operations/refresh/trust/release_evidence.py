"""Reader of the provenance of files that would be kept.

A page says only that a file is attested. Who published it is in its provenance object, which is read
before the file is kept, and remembered in the project's record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from microrepo.model import Evidence, File
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.provenance.evidence_check import EvidenceCheck
from microrepo.operations.refresh.upstream.project_record import Decide, Record
from microrepo.selection.trust.downgrades import TrustRules
from microrepo.state.rows import pack
from microrepo.transfer.tasks import FetchProvenance, ProvenanceOutcome


def with_evidence(
    work: WorkContext,
    records: Iterable[Record],
    decide: Decide,
    rules: TrustRules,
    check: EvidenceCheck | None = None,
) -> list[Record]:
    """Return records in which every attested file that is kept has its evidence.

    If files are refused for it, the provenance of those that replace them is read in turn.

    Args:
        decide: decides which files are kept.
        rules: without any, nothing is read.
        check: verifies the evidence.
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
        kept = [
            (number, decision.file)
            for number in open_ones
            for decision in decide(found[number].project)
            if decision.keep and decision.file.filename not in asked
        ]
        known = {one.filename: _checked(one, check) for _, one in kept if one.evidence is not None}
        wanted = [(number, file) for number, file in kept if _lacks(file, known, check)]
        told = {**known, **_ask(work, [file for _, file in wanted], rules, check)}
        asked.update(file.filename for _, file in kept)
        open_ones = []
        for number in sorted({number for number, _ in kept}):
            record = _with(found[number], told)
            if record.project != found[number].project:
                found[number] = record
                open_ones.append(number)
    return found


def _checked(file: File, check: EvidenceCheck | None) -> File:
    return file if check is None else check.checked(file)


def _lacks(file: File, known: Mapping[str, File], check: EvidenceCheck | None) -> bool:
    """Return whether the provenance of a file must be read from the source."""
    if file.provenance is None:
        return False
    if file.evidence is None:
        return True
    return check is not None and not check.is_done(known[file.filename])


def _ask(
    work: WorkContext, files: Sequence[File], rules: TrustRules, check: EvidenceCheck | None
) -> dict[str, File]:
    """Return files with their evidence, by name."""
    questions = [
        (
            file,
            work.submit(
                FetchProvenance(
                    file.filename, file.provenance or "", file.digests.sha256, stage=rules.keep
                )
            ),
        )
        for file in files
    ]
    work.reporter.expect_documents(len(questions))
    work.wait_for(future for _, future in questions)
    told = {}
    for file, future in questions:
        outcome: ProvenanceOutcome = future.result()
        work.reporter.document_done()
        work.report.received_bytes += outcome.fetched_bytes
        evidence = outcome.evidence or Evidence(problem=outcome.error)
        told[file.filename] = _checked(msgspec.structs.replace(file, evidence=evidence), check)
    return told


def _with(record: Record, told: Mapping[str, File]) -> Record:
    project = record.project
    files = tuple(told.get(file.filename, file) for file in project.files)
    project = msgspec.structs.replace(project, files=files)
    return msgspec.structs.replace(record, project=project, document=pack(project))
