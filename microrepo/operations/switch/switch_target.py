"""Target of a switch, and the comparison of a repository with it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from microrepo.batching import batched
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.model import File
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.current_manifest import CurrentManifest
from microrepo.operations.switch.listed_files import record_listed_files
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.operations.switch.staged_content import Content
from microrepo.operations.switch.switch_plan import (
    Entry,
    SwitchKind,
    SwitchPlan,
    find_difference,
    plan_changes,
)
from microrepo.repositories.directory_contents import parse_name
from microrepo.standalone.importer.case_twins import renamed_files
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.state import FileRow, Owner, State
from microrepo.state.file_rows import unrecorded_row
from microrepo.stores.flat_directory import OnDisk

_AT_ONCE = 500


class SwitchTarget(Struct, frozen=True):
    """What a repository is switched to.

    Attributes:
        name: of the snapshot, for the history.
        entries: returns the entries of the target, in their order; called more than once.
        content: returns where a content that is not in place may lie, by its SHA-256.
        deletable: returns whether a file that the target does not list is deleted, and one whose
            name has another content there is replaced; others are kept, or moved to quarantine.
        owner: who owns all files afterwards; None for whom the manifest names.
        meta: values for the state, recorded with the switch; None deletes.
        moves: files below the control directory that get their places with the switch: from, to.
        projects: projects to record even if their files and pages are as the target says.
        from_source: returns whether a file, by name and SHA-256, is known to come from a source,
            though no row describes it.
    """

    kind: SwitchKind
    name: str
    entries: Callable[[], Iterable[Entry]]
    content: Content
    deletable: Callable[[FileRow], bool]
    owner: Owner | None = None
    meta: Mapping[str, str | None] = {}
    moves: tuple[tuple[str, str], ...] = ()
    projects: frozenset[str] = frozenset()
    from_source: Callable[[str, str], bool] = lambda _name, _sha256: False


def plan_switch(
    holdings: Holdings, work: WorkContext, target: SwitchTarget, *, writes: bool
) -> SwitchPlan:
    """Return the plan of a switch; nothing is changed.

    Args:
        writes: the state may record what is computed on the way.
    """
    files = SoundFiles(holdings, writes=writes)
    if writes and record_listed_files(holdings, files.others, target.entries(), target.from_source):
        files = SoundFiles(holdings, writes=writes)
    current = CurrentManifest(holdings, files, work.pool, writes=writes)
    difference = find_difference(current.entries(), target.entries(), target.owner)
    names = {name for name in _recorded(holdings.state) if name not in difference.listed}
    names.update(difference.surplus)
    names.update(file.filename for file in difference.needed)
    rows = _rows_of(holdings.state, sorted(names), files.disk)
    placed, leaving = plan_changes(difference, rows, files.disk, target.deletable)
    gone = [file.filename for file in leaving]
    renamed = renamed_files(str(holdings.directory.path), gone, target.entries())
    leaving = tuple(
        msgspec.structs.replace(file, disk=None) if file.filename in renamed else file
        for file in leaving
    )
    projects = {*difference.projects, *target.projects, *(file.project for file in leaving)}
    return SwitchPlan(
        token=secrets.token_hex(16),
        kind=target.kind,
        snapshot="",
        name=target.name,
        owner=target.owner,
        placed=placed,
        leaving=leaving,
        projects=tuple(sorted(projects)),
        meta=dict(target.meta),
        moves=target.moves,
    )


def _recorded(state: State) -> Iterator[str]:
    """Yield the names of all files that the state has, in place or not."""
    yield from (row[0] for row in state.iter_stats())
    yield from (row.filename for row in state.absent_files())


def _rows_of(
    state: State, filenames: Iterable[str], disk: Mapping[str, OnDisk]
) -> dict[str, FileRow]:
    """Return the rows of files; those without a row belong to a person."""
    rows: dict[str, FileRow] = {}
    for batch in batched(filenames, _AT_ONCE):
        rows.update(state.files_named(batch))
        for name in batch:
            parsed = parse_name(name)
            if name not in rows and name in disk and parsed is not None:
                file = File(name, "", parsed[1], package_type_of(name) or "")
                rows[name] = unrecorded_row(file, parsed[0], 0)
    return rows


def unrecorded_projects(entries: Iterable[Entry], state: State) -> Iterator[str]:
    """Yield the projects with files that no row describes, or another content."""
    files = (entry for entry in entries if isinstance(entry, ManifestFile))
    for batch in batched(files, _AT_ONCE):
        rows = state.files_named(file.filename for file in batch)
        for file in batch:
            row = rows.get(file.filename)
            if row is None or not row.present or row.digests.sha256 != file.sha256:
                yield file.project


def with_unrecorded(plan: SwitchPlan, target: Iterable[Entry], state: State) -> SwitchPlan:
    """Return a plan that a killed run began, with the projects that the state does not know.

    The program in a bundle may have imported others before, without the state.
    """
    if plan.kind is not SwitchKind.IMPORT:
        return plan
    projects = {*plan.projects, *unrecorded_projects(target, state)}
    return msgspec.structs.replace(plan, projects=tuple(sorted(projects)))
