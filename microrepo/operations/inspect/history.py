"""History: what runs did, and which files they added and deleted."""

from __future__ import annotations

from itertools import takewhile

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.repositories.reading import open_for_reading
from microrepo.state import HistoryRow, RunRow


class History(Struct, frozen=True):
    """The newest changes, newest first, and their runs by number.

    Attributes:
        runs: finished runs that the state still has.
    """

    changes: tuple[HistoryRow, ...]
    runs: dict[int, RunRow]


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
        newer = takewhile(lambda run: numbers and run.id >= oldest, state.ended_runs())
        return History(tuple(changes), {run.id: run for run in newer if run.id in numbers})
