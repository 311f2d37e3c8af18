"""List of a repository's files, from its state."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.errors import StateCorrupt
from microrepo.model import Digests, NormalizedName
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.operations.switch.switch_rows import owner_of
from microrepo.publish.links import links_of
from microrepo.repositories.protocol import is_merged
from microrepo.repositories.reading import open_for_reading
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.state import FileRow, State, unpack


class ListedFile(FileRow, frozen=True, gc=False):
    """A file and the name of the source that its project comes from."""

    source: str = ""


class FileList(Struct, frozen=True):
    """The present files of the repository or of the requested projects.

    Attributes:
        files: one entry per file, by name.
        known: requested projects that the state has.
        unknown: requested projects that it does not have, as they were written.
    """

    files: tuple[ListedFile, ...]
    known: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def list_files(config: Config, projects: Sequence[str] = (), snapshot: str = "") -> FileList:
    """Return the present files; only of the named projects, if any are named.

    Args:
        snapshot: list the files of this snapshot instead.

    Raises:
        ConfigError: the snapshot does not exist.
        RepositoryError: the state or the snapshot cannot be read.
    """
    if snapshot:
        return _files_of_snapshot(config, projects, snapshot)
    with open_for_reading(config.repository) as state:
        asked = {canonicalize_name(project): project for project in projects}
        known = state.projects(list(asked))
        unknown = tuple(text for name, text in asked.items() if name not in known)
        if asked and not known:
            return FileList((), unknown=unknown)
        sources = {row[0]: row[7] for row in state.iter_known()}
        merged = _sources_of_merged(state, sources)
        is_index = not links_of(config, state, decides=False).files
        rows = (
            ListedFile(
                **msgspec.structs.asdict(row),
                source=merged.get(row.filename) or sources.get(row.project, ""),
            )
            for row in state.files(list(known) if asked else None)
            if row.present or is_index
        )
        by_name = tuple(sorted(rows, key=lambda row: row.filename))
        return FileList(by_name, tuple(known) if asked else (), unknown)


def _sources_of_merged(state: State, sources: Mapping[str, str]) -> dict[str, str]:
    """Return the source of each file of the projects that several sources share, by name."""
    names = [name for name, source in sources.items() if is_merged(source)]
    found: dict[str, str] = {}
    for document in state.packed_documents(names).values() if names else ():
        with contextlib.suppress(StateCorrupt):  # the next refresh reports it
            found.update((file.filename, file.source) for file in unpack(document).files)
    return found


def _files_of_snapshot(config: Config, projects: Sequence[str], text: str) -> FileList:
    asked = {canonicalize_name(project): project for project in projects}
    files = SnapshotFiles(Path(config.repository))
    known: dict[str, None] = {}
    found: list[ListedFile] = []
    for entry in files.entries(files.find(text).name):
        if asked and entry.project not in asked:
            continue
        known[entry.project] = None
        if isinstance(entry, ManifestFile):
            found.append(
                ListedFile(
                    entry.filename,
                    NormalizedName(entry.project),
                    entry.version,
                    "",
                    entry.size_bytes,
                    Digests(sha256=entry.sha256),
                    present=True,
                    owner=owner_of(entry),
                )
            )
    by_name = tuple(sorted(found, key=lambda row: row.filename))
    unknown = tuple(text for name, text in asked.items() if name not in known)
    return FileList(by_name, tuple(known) if asked else (), unknown)
