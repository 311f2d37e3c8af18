"""List of a repository's files, from its state."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.publish.links import links_of
from microrepo.repositories.reading import open_for_reading
from microrepo.state import FileRow


class ListedFile(FileRow, frozen=True, gc=False):
    """A file and the name of the source that its project comes from."""

    source: str = ""


def list_files(config: Config, patterns: Sequence[str] = ()) -> list[ListedFile]:
    """Return the present files, by name; only of the named projects, if any are named.

    Raises:
        RepositoryError: the state cannot be read, or a named project is not in it.
    """
    with open_for_reading(config.repository) as state:
        names = [canonicalize_name(name) for name in patterns]
        for name, pattern in zip(names, patterns, strict=True):
            if name not in state.projects([name]):
                raise RepositoryError(config.repository, f"project {pattern!r} not found")
        sources = {row[0]: row[7] for row in state.iter_known()}
        is_index = not links_of(config, state, decides=False).files
        rows = (
            ListedFile(**msgspec.structs.asdict(row), source=sources.get(row.project, ""))
            for row in state.files(names or None)
            if row.present or is_index
        )
        return sorted(rows, key=lambda row: row.filename)
