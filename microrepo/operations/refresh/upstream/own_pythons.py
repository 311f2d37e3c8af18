"""Requires-Python from wheels' own metadata, if the source does not list it.

Many indexes lack it, plain directory listings in particular. Rules and pages use the wheel's value;
installers would see it only after the download.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from microrepo.model import File
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.project_record import Decide, Record
from microrepo.state import State
from microrepo.state.rows import pack

if TYPE_CHECKING:
    from microrepo.operations.refresh.upstream.metadata_reader import MetadataReader


def with_own_pythons(
    holdings: Holdings, work: WorkContext, records: Iterable[Record], decide: Decide
) -> list[Record]:
    """Return records in which every kept wheel has its Requires-Python.

    If a wheel does not fit, the wheels that replace it are read in turn.

    Args:
        decide: decides which files are kept.
    """
    found = list(records)
    open_ones = [n for n, record in enumerate(found) if record.project.silent_on_python]
    if not open_ones:
        return found
    # PyPI lists Requires-Python, so most runs need no reader.
    from microrepo.operations.refresh.upstream.metadata_reader import MetadataReader

    reader = MetadataReader(holdings, work)
    seen: dict[int, set[str]] = {number: set() for number in open_ones}
    while open_ones:
        wanted = [
            (number, decision.file)
            for number in open_ones
            for decision in decide(found[number].project)
            if decision.keep and _lacks(decision.file, seen[number])
        ]
        told = _ask(reader, [file for _, file in wanted])
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


def _ask(reader: MetadataReader, files: Sequence[File]) -> dict[str, str]:
    """Return the Requires-Python of wheels by file name, if they have one."""
    found = reader.collect(reader.ask(files))
    return {
        name: one.requires_python
        for name, one in found.items()
        if not isinstance(one, str) and one.requires_python
    }


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
    """Mark completed records for storing, unless the state already has them."""
    before = state.packed_documents([records[n].project.name for n in changed])
    for number in changed:
        record = records[number]
        document = pack(record.project)
        is_known = before.get(record.project.name) == document
        records[number] = msgspec.structs.replace(record, document=None if is_known else document)
    return records
