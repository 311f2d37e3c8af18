"""Settlement: the state learns what the program in a bundle has imported without it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from microrepo.config.schema import Config
from microrepo.model import Cause
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.manifest_switch import ManifestSwitch
from microrepo.operations.switch.switch_plan import BY_BUNDLE, BY_SOURCE, Entry, SwitchKind
from microrepo.operations.switch.switch_target import SwitchTarget, unrecorded_projects
from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.intake.content_survey import ContentSurvey
from microrepo.standalone.importer.intake.import_records import ImportRecords, write_lines
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.manifest import head_line
from microrepo.standalone.importer.manifest_entries import ManifestFile, entry_line
from microrepo.standalone.importer.switch.import_journal import STATE_KEY, state_value
from microrepo.state import FileRow, Owner, State
from microrepo.stores.flat_directory import FlatDirectory


def settle_import(config: Config, holdings: Holdings, work: WorkContext) -> bool:
    """Record an import that another program has carried out; return whether there was one.

    Files that are missing or damaged since then are left out, as for any other command.

    Raises:
        RepositoryError: the repository cannot be written to.
    """
    records = ImportRecords(str(holdings.directory.path))
    try:
        facts = records.facts()
        if not facts or holdings.state.meta(STATE_KEY) == state_value(facts):
            return False
        selection = ReleaseSelection(records.current().select)
        for _ in records.entries():
            pass  # a damaged manifest is noticed before anything is planned
    except (KeyError, ValueError) as error:
        work.report.warn(f"{records.folder}: the last import is not recorded: {error}")
        return False
    survey = ContentSurvey(str(holdings.directory.path), records.verified)

    def entries() -> Iterator[Entry]:
        is_in_place = survey.in_place()
        for entry in records.entries():
            if not selection.takes(entry):
                continue
            if not isinstance(entry, ManifestFile) or is_in_place(entry):
                yield entry

    # What was replaced counts as damaged by the old record, and is verified again.
    replaced = _names_by_digest(entries())
    target = SwitchTarget(
        SwitchKind.IMPORT,
        import_name(facts),
        entries,
        lambda sha256: [holdings.directory.file(name) for name in replaced.get(sha256, ())],
        lambda row: row.cause is Cause.IMPORTED and holdings.on_disk(row.filename) is None,
        owner=Owner.PERSON,
        meta={STATE_KEY: state_value(facts)},
        projects=frozenset(unrecorded_projects(entries(), holdings.state)),
    )
    ManifestSwitch(config, holdings, work).apply(target)
    if work.report.refused:
        work.report.warn(f"the last import is not recorded: {work.report.refused}")
        work.report.refused = ""
    return True


def restored_import(
    directory: FlatDirectory, entries: Iterable[Entry]
) -> tuple[dict[str, str | None], tuple[tuple[str, str], ...]]:
    """Stage the records of imports as they are after a restore; return values for the state, moves.

    The files that came by bundles are those of the snapshot then. No bundle led to exactly this
    state, so the last one can be imported again; older ones are refused as before.

    Args:
        entries: of the snapshot.
    """
    records = ImportRecords(str(directory.path))
    try:
        facts = records.facts()
    except BundleError:
        return {}, ()
    if not facts:
        return {}, ()
    facts = {**facts, "snapshot": "", "base": ""}
    staging = directory.control / "staging"
    staging.mkdir(exist_ok=True)
    whole = str(staging / "restored.jsonl")
    write_lines(whole, chain([head_line()], map(entry_line, _by_bundle(entries))))
    moves = records.stage(str(staging / "records"), whole, facts)
    return {STATE_KEY: state_value(facts)}, moves


def _by_bundle(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the files that came by bundles, as a bundle lists them, with their projects."""
    project: Entry | None = None
    for entry in entries:
        if not isinstance(entry, ManifestFile):
            project = entry
        elif entry.owner == BY_BUNDLE:
            if project is not None:
                yield project
                project = None
            yield entry._replace(owner=BY_SOURCE)


def _names_by_digest(entries: Iterable[Entry]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in entries:
        if isinstance(entry, ManifestFile):
            found.setdefault(entry.sha256, []).append(entry.filename)
    return found


def placed_files(directory: FlatDirectory, entries: Iterable[Entry], sha256: str) -> Iterator[Path]:
    """Yield where a content that a target lists may be in place already, under another spelling.

    That is so where the file system ignores case.
    """
    for entry in entries:
        if isinstance(entry, ManifestFile) and entry.sha256 == sha256:
            yield directory.file(entry.filename)


def import_name(facts: Mapping[str, Any]) -> str:
    """Return the name of an import in the history."""
    return f"bundle {facts['sequence']} ({facts['snapshot'][:12]})"


def applied_digests(records: ImportRecords) -> dict[str, str]:
    """Return the digests of the files that the last import has put in place, by name."""
    selection = ReleaseSelection(records.current().select)
    return {
        entry.filename: entry.sha256
        for entry in records.entries()
        if isinstance(entry, ManifestFile) and selection.takes(entry)
    }


def is_deletable(holdings: Holdings, applied: Mapping[str, str]) -> Callable[[FileRow], bool]:
    """Return a function that returns whether the next import may delete or replace a file.

    It may if the last import has put its content there, and nobody has changed it since.
    """

    def check(row: FileRow) -> bool:
        if row.filename not in applied or row.digests.sha256 != applied[row.filename]:
            return False
        return holdings.directory.stat(row.filename) is None or holdings.is_intact(row)

    return check


def recorded_digests(state: State) -> Callable[[ManifestFile, os.stat_result], str]:
    """Return a function that returns the digest of an unchanged file by the state's record."""

    def digest(entry: ManifestFile, status: os.stat_result) -> str:
        row = state.files_named([entry.filename]).get(entry.filename)
        if row is None or not row.present:
            return ""
        is_same = (row.size, row.mtime_ns) == (status.st_size, status.st_mtime_ns)
        return (row.digests.sha256 or "") if is_same else ""

    return digest
