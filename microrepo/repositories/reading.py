"""State of a repository for reading, with rows for every distribution in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from microrepo.batching import batched
from microrepo.errors import RepositoryError
from microrepo.model import File, NormalizedName, Project
from microrepo.repositories.directory_contents import unrecorded
from microrepo.repositories.foreign.tree_layouts import recognise
from microrepo.standalone.importer.control_files import CURRENT_IMPORT, IMPORTS_FOLDER
from microrepo.state import ProjectRow, State, explained_errors, open_state, pack, read_state
from microrepo.stores.flat_directory import SCAN_LIMIT, FlatDirectory, OnDisk

_NAMES_AT_ONCE = 500


@contextmanager
def open_for_reading(repository: str | Path) -> Iterator[State]:
    """Yield the state of a repository, adding rows for unrecorded files.

    A directory without a state gets one in memory, built from its files, pages and documents. With
    more than `SCAN_LIMIT` recorded files, the directory is not scanned.

    Raises:
        RepositoryError: the directory does not exist, or it or its state cannot be read.
    """
    directory = FlatDirectory(Path(repository))
    has_state = directory.state_file.is_file()
    if not has_state and not directory.exists():
        raise RepositoryError(directory.path, "directory not found; name a repository")
    state = read_state(directory.state_file) if has_state else open_state(Path(":memory:"))[0]
    try:
        with explained_errors(directory.state_file):
            if state.count_present(SCAN_LIMIT + 1) <= SCAN_LIMIT:
                _overlay_directory(directory, state, has_state=has_state)
            yield state
    finally:
        state.close()


def _overlay_directory(directory: FlatDirectory, state: State, *, has_state: bool) -> None:
    """Let the state show what the directory contains, for this reader only."""
    try:
        disk = directory.scan()
        if has_state and _is_behind(directory, state):
            _mark_absent(disk, state)
        _add_unrecorded(directory, state, disk)
    except OSError as error:
        raise RepositoryError(directory.path, f"cannot be read: {error.strerror}") from error


def _is_behind(directory: FlatDirectory, state: State) -> bool:
    """Return whether the program in a bundle has imported it since the state was written."""
    if not (directory.control / IMPORTS_FOLDER / CURRENT_IMPORT).exists():
        return False  # and nothing of imports is loaded
    from microrepo.standalone.importer.bundle_header import BundleError
    from microrepo.standalone.importer.intake.import_records import ImportRecords
    from microrepo.standalone.importer.switch.import_journal import STATE_KEY, state_value

    try:
        facts = ImportRecords(str(directory.path)).facts()
        return bool(facts) and state.meta(STATE_KEY) != state_value(facts)
    except (BundleError, KeyError):
        return False


def _mark_absent(disk: Mapping[str, OnDisk], state: State) -> None:
    """Let recorded files that are gone or replaced count as absent, for this reader only."""
    gone = [
        msgspec.structs.replace(row, present=False)
        for row in state.files()
        if row.present and not ((found := disk.get(row.filename)) and found.matches(row))
    ]
    if gone:
        state.overlay(gone, (), ())


def _add_unrecorded(directory: FlatDirectory, state: State, disk: Mapping[str, OnDisk]) -> None:
    found = list(unrecorded(directory, state, disk, listed=True))
    if not found:
        if not directory.control.is_dir():
            _refuse_other_tree(directory.path)
        return
    projects: dict[NormalizedName, list[File]] = {}
    for one in found:
        projects.setdefault(one.row.project, []).append(one.file)
    known = state.projects(projects)
    documents = []
    for names in batched(sorted(projects), _NAMES_AT_ONCE):
        records = state.documents(names)
        documents += [(n, pack(with_files(n, records.get(n), projects[n]))) for n in names]
    state.overlay(
        [one.row for one in found],
        [ProjectRow(name, name) for name in projects if name not in known],
        documents,
    )


def _refuse_other_tree(path: Path) -> None:
    """Raise RepositoryError if a directory has its distributions in directories below it.

    Raises:
        RepositoryError: it names the program that made the tree, and the command that reads it.
    """
    try:
        layout = recognise(path)
    except RepositoryError:
        return  # nothing is there
    raise RepositoryError(
        path,
        f"its distributions are in directories below it, as {layout.name} keeps them "
        f"({layout.evidence[0]}); `microrepo adopt {path}` makes a repository of them",
    )


def with_files(name: NormalizedName, record: Project | None, files: Sequence[File]) -> Project:
    """Return a project's record with additional files."""
    record = record or Project(name, name)
    listed = {file.filename for file in record.files}
    added = tuple(file for file in files if file.filename not in listed)
    versions = dict.fromkeys((*record.versions, *(file.version for file in added)))
    return msgspec.structs.replace(record, files=(*record.files, *added), versions=tuple(versions))
