"""Requires-Python of wheels whose source does not announce it, from the wheels' own metadata.

Many indexes, plain directory listings above all, leave it out. Rules obey what the wheel says, and
pages repeat it, as installers would find out only after the download.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from microrepo.model import File
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.project_record import Decide, Record
from microrepo.state import State
from microrepo.state.rows import pack
from microrepo.transfer.download.remote_metadata import unpack_metadata
from microrepo.transfer.tasks import MetadataOutcome, metadata_of


def with_own_pythons(
    holdings: Holdings, work: WorkContext, records: Iterable[Record], decide: Decide
) -> list[Record]:
    """Return records in which every wheel that is kept has its Requires-Python.

    Where one turns out not to fit others take its place, which are looked at in turn.

    Args:
        holdings: of the repository.
        work: the run.
        records: of the projects.
        decide: which of their files are kept.
    """
    found = list(records)
    open_ones = [n for n, record in enumerate(found) if record.project.silent_on_python]
    seen: dict[int, set[str]] = {number: set() for number in open_ones}
    while open_ones:
        wanted = [
            (number, decision.file)
            for number in open_ones
            for decision in decide(found[number].project)
            if decision.keep and _lacks(decision.file, seen[number])
        ]
        told = _ask(holdings, work, [file for _, file in wanted])
        for number, file in wanted:
            seen[number].add(file.filename)
        open_ones = sorted({number for number, _ in wanted})
        for number in open_ones:
            found[number] = _with(found[number], told)
    return _as_stored(holdings.state, found, [number for number, names in seen.items() if names])


def _lacks(file: File, seen: set[str]) -> bool:
    return (
        file.requires_python is None
        and file.filename.endswith(".whl")
        and file.filename not in seen
    )


def _ask(holdings: Holdings, work: WorkContext, files: Sequence[File]) -> dict[str, str]:
    """Return the Requires-Python of wheels by file name, where they have one."""
    names = [file.filename for file in files]
    stored, rows = holdings.state.metadata(names), holdings.state.files_named(names)
    told: dict[str, str] = {}
    asked = []
    for file in files:
        digest, cached = ":".join(file.digests.strongest() or ()), stored.get(file.filename)
        if cached is not None and digest and cached[0] == digest:
            told[file.filename] = unpack_metadata(cached[1]).requires_python or ""
            continue
        row = rows.get(file.filename)
        strongest = file.digests.strongest()
        here = row is not None and holdings.is_intact(row) and strongest is not None
        if here and row is not None and strongest is not None:
            here = getattr(row.digests, strongest[0]) == strongest[1]
        asked.append((file, digest, work.submit(metadata_of(file, here=here))))
    work.wait_for(future for _, _, future in asked)
    fresh: list[tuple[str, str, bytes]] = []
    for file, digest, future in asked:
        outcome = future.result()
        if not isinstance(outcome, MetadataOutcome):
            continue
        work.report.add_metadata(outcome.fetched_bytes)
        if outcome.metadata is None:
            work.report.warn(f"{file.filename}: no metadata: {outcome.error}")
            continue
        told[file.filename] = unpack_metadata(outcome.metadata).requires_python or ""
        if digest:
            fresh.append((file.filename, digest, outcome.metadata))
    if fresh and not work.report.dry_run:
        with holdings.state.transaction():
            holdings.state.save_metadata(fresh)
    return {name: text for name, text in told.items() if text}


def _with(record: Record, told: dict[str, str]) -> Record:
    project = record.project
    files = tuple(
        msgspec.structs.replace(file, requires_python=told[file.filename])
        if file.requires_python is None and file.filename in told
        else file
        for file in project.files
    )
    return msgspec.structs.replace(record, project=msgspec.structs.replace(project, files=files))


def _as_stored(state: State, records: list[Record], changed: Sequence[int]) -> list[Record]:
    """Have the completed records kept, unless they are what the state holds already."""
    before = state.packed_documents([records[n].project.name for n in changed])
    for number in changed:
        record = records[number]
        document = pack(record.project)
        is_known = before.get(record.project.name) == document
        records[number] = msgspec.structs.replace(record, document=None if is_known else document)
    return records
