"""Record of a list of projects that left nothing to do, so that the same list is not compared again."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from microrepo.operations.refresh.upstream.change_detection import Changes
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.state import SETTLED_LIST, State


class SettledList(Struct, frozen=True):
    """A list whose every project the state had with the same serial.

    Attributes:
        address: of the list.
        validator: of the list.
        policy: digest of the rules, which exclude projects.
        run: number of the run that compared it. Any later run can have changed the projects.
        excluded: number of its projects that the rules exclude.
    """

    address: str
    validator: str
    policy: str
    run: int
    excluded: int = 0


def read_settled_list(state: State, sources: Sources, rules: Rules, run: int) -> SettledList | None:
    """Return the record of the list, if it was made by the run before and by the same rules.

    Args:
        run: number of this run, 0 if it is not recorded.
    """
    text = state.meta(SETTLED_LIST)
    if text is None or not _can_settle(sources, rules):
        return None
    record = msgspec.json.decode(text, type=SettledList)
    expected = (sources.settings[0].simple_root, rules.base, state.last_run(run or None))
    return record if (record.address, record.policy, record.run) == expected else None


def save_settled_list(
    state: State, sources: Sources, rules: Rules, changes: Changes, *, run: int, excluded: int
) -> None:
    """Record the list of this run, if every project on it was known and needs no check."""
    validator = sources.list_validator
    if validator is None or not _can_settle(sources, rules) or sources.list_problems:
        return
    if changes != Changes(()):
        return
    address = sources.settings[0].simple_root
    record = SettledList(address, validator, rules.base, run, excluded)
    with state.transaction():
        state.set_meta(SETTLED_LIST, msgspec.json.encode(record).decode())


def _can_settle(sources: Sources, rules: Rules) -> bool:
    """Return whether one list decides: that of a single source, and about all projects."""
    return len(sources.settings) == 1 and rules.policy.requested is None
