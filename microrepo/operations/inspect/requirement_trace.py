"""Chains of requirements from a file to goals, from the state."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from microrepo.state import Requirer, State

_Edges = Mapping[str, list[Requirer]]


def trace(state: State, filenames: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return, by file name, one line per chain to a goal; files without a chain are omitted.

    A line names the environments that share the chain, then its steps, the nearest first::

        linux, windows: base<9 of middle==1.0 <- middle of app==2.0 <- app>=1
    """
    rows = list(state.all_requirers())
    releases = {
        name: f"{row.project}=={row.version}"
        for name, row in state.files_named({row.filename for row in rows}).items()
    }
    answers: dict[tuple[str, str], dict[str, list[Requirer]]] = {}
    for row in rows:
        release = releases.get(row.filename, row.filename)
        answers.setdefault((row.goal, row.environment), {}).setdefault(release, []).append(row)
    found: dict[str, tuple[str, ...]] = {}
    for name in filenames:
        release = releases.get(name, name)
        chains: dict[str, list[str]] = {}
        for (goal, environment), edges in answers.items():
            if release in edges:
                chains.setdefault(_shortest(edges, release, goal), []).append(environment)
        if chains:
            found[name] = tuple(f"{', '.join(where)}: {text}" for text, where in chains.items())
    return found


def _shortest(edges: _Edges, release: str, goal: str) -> str:
    queue: deque[tuple[str, tuple[str, ...]]] = deque([(release, ())])
    seen = {release}
    while queue:
        current, steps = queue.popleft()
        for row in edges.get(current, ()):
            if not row.parent:
                end = (row.requirement,) if row.requirement == goal else (row.requirement, goal)
                return " <- ".join((*steps, *end))
            if row.parent not in seen:
                seen.add(row.parent)
                queue.append((row.parent, (*steps, f"{row.requirement} of {row.parent}")))
    return goal
