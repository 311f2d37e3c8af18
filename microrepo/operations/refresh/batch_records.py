"""Records of a batch in the state: planned files, finished projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from microrepo.model import Action, ActionKind, LocalFile
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.upstream.retry_times import with_failure
from microrepo.state import FileRow, change_of
from microrepo.state.file_rows import Origin, leaving_row, listed_row, placed_row


class BatchRecords:
    """Writes batches to the state, before and after their transfers."""

    def __init__(self, holdings: Holdings, work: WorkContext) -> None:
        self._holdings = holdings
        self._work = work

    def record_plan(
        self,
        looked: Sequence[Looked],
        plan: Sequence[Action],
        present: Mapping[str, LocalFile],
        recorded: Mapping[str, FileRow],
        origins: Mapping[str, Origin],
    ) -> frozenset[str]:
        """Record the plan; return the projects that it changes."""
        rows = [
            row
            for action in plan
            if not (action.kind is ActionKind.DELETE and action.filename in recorded)
            and (row := self._row_before(action, present, recorded, origins)) is not None
            and recorded.get(row.filename) != row
        ]
        given_up = [
            name
            for name, row in recorded.items()
            if not self._holdings.holds(row) and name not in origins
        ]
        records = [one.record for one in looked]
        with self._holdings.state.transaction():
            self._holdings.state.save_documents(
                (record.project.name, record.document)
                for record in records
                if record.document is not None
            )
            self._holdings.state.save_projects(record.row for record in records)
            self._holdings.state.save_files(rows)
            self._holdings.state.delete_files(given_up)
            new = {a.filename: a for a in plan if a.kind in {ActionKind.ADOPT, ActionKind.INDEX}}
            changes = [(new[row.filename], row) for row in rows if row.filename in new]
            self._holdings.state.add_history(
                change_of(
                    row, self._work.report.run, action.kind.value, action.cause, action.detail
                )
                for action, row in changes
            )
        changing = {ActionKind.DOWNLOAD, ActionKind.ADOPT, ActionKind.INDEX}
        return frozenset(
            {action.project for action in plan if action.kind in changing}
            | {record.project.name for record in records if record.is_new}
        )

    def finish_projects(
        self, looked: Sequence[Looked], failed: set[str], shrinking: set[str]
    ) -> None:
        """Record the results of the projects.

        A project with files to delete is complete only after the deletion: the run may be killed or
        refused before, and the next run must then find it again.
        """
        rows = []
        for one in looked:
            row = one.record.row
            if row.doubted_at or one.record.is_substituted:
                rows.append(row)
            elif one.project.name in failed:
                rows.append(with_failure(row, "some files failed", self._work.now))
            else:
                complete = one.project.name not in shrinking
                rows.append(msgspec.structs.replace(row, complete=complete, failures=0))
        with self._holdings.state.transaction():
            self._holdings.state.save_projects(rows)

    def _row_before(
        self,
        action: Action,
        present: Mapping[str, LocalFile],
        recorded: Mapping[str, FileRow],
        origins: Mapping[str, Origin],
    ) -> FileRow | None:
        name = action.filename
        if self._holdings.links.files:
            local = present.get(name)
            if action.kind is ActionKind.DELETE:
                return leaving_row(action, local)
            if action.kind is ActionKind.DOWNLOAD and (local is None or local.size_bytes is None):
                return listed_row(action, None, origins[name])  # marked as present on arrival
            if local is None or action.kind not in {ActionKind.KEEP, ActionKind.ADOPT}:
                return None
            return placed_row(action, local, origins[name])
        if action.kind not in {ActionKind.KEEP, ActionKind.INDEX}:
            return None
        known = recorded.get(name) if action.kind is ActionKind.KEEP else None
        if known is not None and self._holdings.on_disk(name) is None:
            known = msgspec.structs.replace(known, present=False)
        return listed_row(action, known, origins[name])
