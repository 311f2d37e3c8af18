"""Guard of held files against other content that a source lists under their names."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from microrepo.errors import StateCorrupt
from microrepo.model import Digests, Outcome
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.trust.replaced_content import (
    HeldContent,
    replaced_files,
    with_held_content,
)
from microrepo.state import FileRow, State, unpack
from microrepo.state.rows import pack
from microrepo.transfer.tasks import HashFile


def with_kept_content(
    state: State, work: WorkContext, records: Iterable[Record], rules: Rules
) -> list[Record]:
    """Return records that list the held files as they were verified, and report the others.

    Unless the rules refuse substitutes, the records stay as they are, and the files are replaced.
    """
    found = list(records)
    rows: dict[str, list[FileRow]] = {}
    for row in state.files(record.project.name for record in found):
        if row.present and row.is_ours:
            rows.setdefault(row.project, []).append(row)
    return [
        _checked(state, work, record, rows[record.project.name], rules)
        if record.project.name in rows
        else record
        for record in found
    ]


def _checked(
    state: State, work: WorkContext, record: Record, rows: list[FileRow], rules: Rules
) -> Record:
    project = record.project
    held = _held(work, record, rows)
    replaced = replaced_files(project, held)
    if not replaced:
        return record
    if not rules.refuses_substitutes:
        work.report.replaced += [f"{one.held.filename}: {one}" for one in replaced]
        return record
    work.report.conflicts += [
        Failure(
            one.held.filename,
            f"refused, the source lists other content than before: {one}; "
            "`refresh --replace` accepts it",
        )
        for one in replaced
    ]
    stored = state.packed_documents([project.name]).get(project.name)
    try:
        known = unpack(stored) if stored is not None else None
    except StateCorrupt:
        known = None
    project = with_held_content(project, known, replaced)
    packed = pack(project)
    return msgspec.structs.replace(
        record,
        project=project,
        # Without serial and validator, the next run requests and reports it again.
        row=msgspec.structs.replace(record.row, serial=None, etag=None),
        document=None if packed == stored else packed,
        is_substituted=True,
    )


def _held(work: WorkContext, record: Record, rows: list[FileRow]) -> dict[str, HeldContent]:
    """Return what is held, with a digest of the kind that the source lists."""
    listed = {file.filename: file.digests for file in record.project.files}
    held = {row.filename: row for row in rows if row.filename in listed}
    asked = [
        work.submit(HashFile(name, (strongest[0],)))
        for name, row in held.items()
        if (strongest := listed[name].strongest()) and not _share(listed[name], row.digests)
    ]
    work.wait_for(asked)
    computed = {
        outcome.filename: outcome.digests
        for outcome in (future.result() for future in asked)
        if isinstance(outcome, Outcome) and outcome.ok
    }
    return {
        name: HeldContent(
            name, row.digests.completed_by(computed.get(name, Digests())), row.url, row.size
        )
        for name, row in held.items()
    }


def _share(one: Digests, other: Digests) -> bool:
    return any(getattr(one, name) and getattr(other, name) for name in Digests.__struct_fields__)
