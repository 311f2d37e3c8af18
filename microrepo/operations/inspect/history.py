"""History: what runs did, and which files they added and deleted."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.repositories.reading import open_for_reading
from microrepo.state import HistoryRow, RunRow


class History(Struct, frozen=True):
    """The newest changes, newest first, and their runs by number.

    Attributes:
        runs: finished runs that the state still has.
        snapshots: names of the snapshots that each run made and that still exist.
    """

    changes: tuple[HistoryRow, ...]
    runs: dict[int, RunRow]
    snapshots: dict[int, tuple[str, ...]] = {}


def history(config: Config, project: str | None = None, limit: int = 100) -> History:
    """Return the newest changes of one project or of all.

    Raises:
        RepositoryError: the state cannot be read, or it knows nothing about the project.
    """
    name = canonicalize_name(project) if project else None
    with open_for_reading(config.repository) as state:
        changes = state.history(name, limit)
        if name and not changes and name not in state.projects([name]):
            raise RepositoryError(config.repository, f"project {project!r} not found")
        numbers = {row.run for row in changes}
        oldest = min(numbers, default=0)
        made = {} if name else _snapshots_since(config, oldest if len(changes) >= limit else 0)
        numbers |= made.keys()
        oldest = min(numbers, default=0)
        newer = takewhile(lambda run: numbers and run.id >= oldest, state.ended_runs())
        runs = {run.id: run for run in newer if run.id in numbers}
        return History(tuple(changes), runs, made)


def _snapshots_since(config: Config, run: int) -> dict[int, tuple[str, ...]]:
    """Return the names of the snapshots that runs from a number on made, by run."""
    names: dict[int, list[str]] = {}
    for one in SnapshotFiles(Path(config.repository)).all():
        if one.run >= max(run, 1):
            names.setdefault(one.run, []).append(one.name)
    return {number: tuple(found) for number, found in names.items()}
