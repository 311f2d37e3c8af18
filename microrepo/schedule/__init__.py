"""Scheduled refresh: a systemd timer or a cron entry, as a value first, installed afterwards."""

from __future__ import annotations

from microrepo.errors import ConfigError
from microrepo.schedule import cron, systemd
from microrepo.schedule.install import install, remove, render_schedule, run_command
from microrepo.schedule.intervals import parse_every
from microrepo.schedule.records import (
    DEFAULT_NAME,
    KINDS,
    Facts,
    Kind,
    Schedule,
    check_facts,
    facts_here,
)


def build_schedule(
    kind: Kind, facts: Facts, every: str = "daily", name: str = DEFAULT_NAME
) -> Schedule:
    """Make a schedule out of facts; touches nothing.

    Args:
        kind: ``systemd-user``, ``systemd-system``, ``crontab`` or ``cron.d``.
        facts: interpreter, paths and user, as `facts_here` collects them.
        every: the interval, in the grammar of `microrepo.schedule.intervals`.
        name: tells several schedules of one machine apart.

    Raises:
        ConfigError: an interval, a name or a path that this scheduler cannot express.
    """
    makers = {
        "systemd-user": systemd.for_user,
        "systemd-system": systemd.for_system,
        "crontab": cron.for_user,
        "cron.d": cron.for_system,
    }
    if kind not in makers:
        raise ConfigError(f"{kind!r}: no kind of schedule; there are {', '.join(KINDS)}")
    check_facts(facts, name)
    return makers[kind](parse_every(every), facts, name)


__all__ = [
    "DEFAULT_NAME",
    "KINDS",
    "Facts",
    "Kind",
    "Schedule",
    "build_schedule",
    "facts_here",
    "install",
    "remove",
    "render_schedule",
    "run_command",
]
