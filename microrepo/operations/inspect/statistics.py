"""Statistics of a repository: projects, files and bytes by type, Python and platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from microrepo.batching import batched
from microrepo.config.schema import Config
from microrepo.formats.distribution.filenames import (
    extension_of,
    package_type_of,
    parse_wheel_name,
    python_label,
)
from microrepo.model import File, Project
from microrepo.publish.links import links_of
from microrepo.repositories.reading import open_for_reading
from microrepo.state import FileRow, State
from microrepo.stores.objects.protected_contents import ProtectedContents

_DOCUMENT_BATCH = 500


class Tally(Struct, frozen=True):
    """Number and bytes of the files that share a value."""

    files: int
    size_bytes: int


class Stats(Struct, frozen=True):
    """Contents of a repository, and the values of the source's files on each axis.

    Attributes:
        by_type, by_extension, by_python, by_platform: value -> tally of the files held.
        snapshots: number of contents that only snapshots hold, and their bytes.
        seen: axis -> value -> number of files in all records of the source, kept or not: the values
            that filters can use.
    """

    projects: int
    files: int
    size_bytes: int
    by_type: dict[str, Tally]
    by_extension: dict[str, Tally]
    by_python: dict[str, Tally]
    by_platform: dict[str, Tally]
    seen: dict[str, dict[str, int]]
    snapshots: Tally = Tally(0, 0)


def stats(config: Config) -> Stats:
    """Count the contents of the repository.

    Raises:
        RepositoryError: the state cannot be read.
    """
    with open_for_reading(config.repository) as state:
        is_index = not links_of(config, state, decides=False).files
        rows = [row for row in state.files() if row.present or is_index]
        held = ProtectedContents.of(Path(config.repository)).measure()
        seen = _seen(_all_documents(state))
        return Stats(
            projects=len({row.project for row in rows}),
            files=len(rows),
            size_bytes=sum(row.size or 0 for row in rows),
            by_type=_tally(rows, lambda name: [package_type_of(name) or "unknown"]),
            by_extension=_tally(rows, lambda name: [extension_of(name)]),
            by_python=_tally(rows, lambda name: [python_label(name)]),
            by_platform=_tally(rows, _platforms),
            seen=seen,
            snapshots=Tally(held.own_files, held.own_bytes),
        )


def _platforms(filename: str) -> list[str]:
    wheel = parse_wheel_name(filename)
    if wheel:
        return [".".join(wheel.platforms)]
    return ["source" if package_type_of(filename) == "sdist" else "any"]


def _tally(rows: Iterable[FileRow], values_of: Callable[[str], list[str]]) -> dict[str, Tally]:
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for row in rows:
        for value in values_of(row.filename):
            files[value] += 1
            sizes[value] += row.size or 0
    return {value: Tally(count, sizes[value]) for value, count in files.most_common()}


def _seen(projects: Iterable[Project]) -> dict[str, dict[str, int]]:
    axes: dict[str, Counter[str]] = {
        axis: Counter() for axis in ("package_types", "extensions", "python_versions", "platforms")
    }
    for project in projects:
        for file in project.files:
            _count_axes(file, axes)
    return {axis: dict(counter.most_common()) for axis, counter in axes.items()}


def _count_axes(file: File, axes: dict[str, Counter[str]]) -> None:
    axes["package_types"][file.package_type] += 1
    axes["extensions"][extension_of(file.filename)] += 1
    wheel = parse_wheel_name(file.filename)
    label = ".".join(wheel.pythons) if wheel else file.python_version or "any"
    axes["python_versions"][label] += 1
    if wheel:
        axes["platforms"].update(wheel.platforms)


def _all_documents(state: State) -> Iterator[Project]:
    names = [row[0] for row in state.iter_known()]
    for batch in batched(names, _DOCUMENT_BATCH):
        yield from state.documents(batch).values()
