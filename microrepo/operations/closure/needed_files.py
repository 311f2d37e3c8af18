"""Finder of the present files that goals need, which a prune must keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.model import File, Project
from microrepo.operations.closure.held_records import HeldRecords
from microrepo.operations.closure.target_records import environments_of, options_of
from microrepo.selection.closure.closure import Closure
from microrepo.selection.resolver.goal_records import Goal
from microrepo.state import State
from microrepo.stores.flat_directory import FlatDirectory


class Needed(Struct, frozen=True):
    """Present files that goals need.

    Attributes:
        files: names of the files that the closure chose.
        projects: projects of these files.
        unmet: goals that are not met, with the environments.
    """

    files: frozenset[str]
    projects: frozenset[str]
    unmet: frozenset[tuple[str, str]]


def needed_files(
    config: Config,
    state: State,
    directory: FlatDirectory,
    goals: Sequence[Goal],
    admits: Callable[[Project], Iterable[File]],
) -> Needed:
    """Run the closure on the present files that the rules accept."""
    supply = HeldRecords(state, directory, config, admits)
    closure = Closure(
        goals,
        environments_of(config),
        supply.facts,
        options_of(config),
        build_requirements=config.build_requirements,
    )
    while needs := closure.step():
        supply.answer(needs)
    pins = [pin for found in closure.resolutions for pin in found.pins]
    unmet = [(one.goal.name, one.environment) for one in closure.failures]
    unmet += [(one.goal.name, one.environment) for one in closure.resolutions if one.unmet]
    return Needed(
        frozenset(file.filename for pin in pins for file in pin.files),
        frozenset(pin.project for pin in pins),
        frozenset(unmet),
    )
