"""List of a repository's files, from its state."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.publish.links import links_of
from microrepo.repositories.reading import open_for_reading
from microrepo.state import FileRow


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


def list_files(config: Config, projects: Sequence[str] = ()) -> FileList:
    """Return the present files; only of the named projects, if any are named.

    Raises:
        RepositoryError: the state cannot be read.
    """
    with open_for_reading(config.repository) as state:
        asked = {canonicalize_name(project): project for project in projects}
        known = state.projects(list(asked))
        unknown = tuple(text for name, text in asked.items() if name not in known)
        if asked and not known:
            return FileList((), unknown=unknown)
        sources = {row[0]: row[7] for row in state.iter_known()}
        is_index = not links_of(config, state, decides=False).files
        rows = (
            ListedFile(**msgspec.structs.asdict(row), source=sources.get(row.project, ""))
            for row in state.files(list(known) if asked else None)
            if row.present or is_index
        )
        by_name = tuple(sorted(rows, key=lambda row: row.filename))
        return FileList(by_name, tuple(known) if asked else (), unknown)
