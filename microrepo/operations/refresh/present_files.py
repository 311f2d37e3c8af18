"""Inventory of files on disk, from the state, the directory and digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import as_completed

import msgspec

from microrepo.model import ActionKind, Digests, LocalFile, Outcome
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.plan import Wanted, make_plan, same_content, unsettled
from microrepo.repositories.directory_contents import DirectoryContents, state_claims
from microrepo.state import FileRow
from microrepo.transfer.tasks import HashFile


def find_present(
    holdings: Holdings,
    work: WorkContext,
    looked: Sequence[Looked],
    wanted: Sequence[Wanted],
    recorded: Mapping[str, FileRow],
) -> dict[str, LocalFile]:
    """Return the present files of some projects, for a plan.

    Args:
        wanted: the files to keep.
        recorded: their files in the state, by name.
    """
    names = {item.file.filename for item in wanted}
    others = holdings.state.files_named(names - recorded.keys())
    known = {**others, **recorded}
    if not holdings.links.files:
        return {name: _listed_file(name, known.get(name)) for name in names | recorded.keys()}
    present = {
        name: _local_file(holdings, name, known.get(name)) for name in names | recorded.keys()
    }
    if holdings.state_was_lost:
        present.update(_formerly_ours(holdings, work, looked, present))
    _settle(work, present, unsettled(wanted, present))
    return {**present, **_damaged(holdings, wanted, present)}


def _damaged(
    holdings: Holdings, wanted: Sequence[Wanted], present: Mapping[str, LocalFile]
) -> dict[str, LocalFile]:
    """Return files of others whose content differs from their record, which the source confirms.

    They count as downloaded: the source's file replaces them.
    """
    other = [
        item
        for item in wanted
        if (local := present[item.file.filename]).size_bytes is not None
        and not local.recorded
        and same_content(item.file.digests, local.digests) is False
    ]
    if not other:
        return {}
    stated = state_claims(holdings.state, {item.project for item in other})
    contents = DirectoryContents(holdings.directory, stated)
    found = {}
    for item in other:
        name = item.file.filename
        claim = contents.claim(name, item.project)
        if claim is not None and same_content(claim.digests, item.file.digests):
            found[name] = msgspec.structs.replace(
                present[name], recorded=True, project=item.project
            )
    return found


def _local_file(holdings: Holdings, name: str, row: FileRow | None) -> LocalFile:
    disk = holdings.on_disk(name)
    recorded = row is not None and row.present and row.is_ours
    project = row.project if row is not None else ""
    if disk is None:
        return LocalFile(name, None, recorded=recorded, project=project)
    # Size and time are as recorded, so the content counts as verified.
    digests = row.digests if row is not None and holdings.is_intact(row) else Digests()
    return LocalFile(name, disk.size_bytes, disk.mtime_ns, recorded, digests, project)


def _listed_file(name: str, row: FileRow | None) -> LocalFile:
    """Return the file that the pages list under a name, whatever is on disk."""
    if row is None:
        return LocalFile(name, None)
    return LocalFile(name, None, recorded=True, digests=row.digests, project=row.project)


def _formerly_ours(
    holdings: Holdings,
    work: WorkContext,
    looked: Iterable[Looked],
    present: Mapping[str, LocalFile],
) -> dict[str, LocalFile]:
    """Recognise unselected files that an earlier run downloaded, after the state was lost.

    Only a file whose content the source lists counts as downloaded.
    """
    files = [
        Wanted(one.project.name, decision.file)
        for one in looked
        for decision in one.decisions
        if not decision.keep
        and decision.file.filename not in present
        and holdings.on_disk(decision.file.filename)
    ]
    found = {item.file.filename: _local_file(holdings, item.file.filename, None) for item in files}
    _settle(work, found, unsettled(files, found))
    return {
        action.filename: msgspec.structs.replace(
            found[action.filename], recorded=True, project=action.project
        )
        for action in make_plan(files, found, prune=False)
        if action.kind is ActionKind.ADOPT
    }


def _settle(work: WorkContext, present: dict[str, LocalFile], needed: Mapping[str, str]) -> None:
    """Compute the digests that a plan needs, in the workers."""
    futures = []
    for name, algorithm in needed.items():
        work.reporter.expect_bytes(present[name].size_bytes or 0)
        futures.append(work.submit(HashFile(name, (algorithm,))))
    for future in as_completed(futures):
        outcome = future.result()
        if isinstance(outcome, Outcome) and outcome.ok:
            present[outcome.filename] = msgspec.structs.replace(
                present[outcome.filename],
                size_bytes=outcome.size_bytes,
                mtime_ns=outcome.mtime_ns,
                digests=outcome.digests,
            )
