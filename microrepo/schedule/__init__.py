"""Scheduled refresh with systemd or cron: built as a value, then installed or removed."""

from __future__ import annotations

import zlib

from microrepo.errors import ConfigError
from microrepo.schedule.cron import cron_schedule
from microrepo.schedule.installation import install, remove, render_schedule, run_command
from microrepo.schedule.intervals import parse_every
from microrepo.schedule.jobs import (
    DEFAULT_NAME,
    KINDS,
    Kind,
    Machine,
    Schedule,
    check_machine,
    this_machine,
)
from microrepo.schedule.systemd import systemd_schedule


def build_schedule(
    kind: Kind, machine: Machine, every: str = "daily", name: str = DEFAULT_NAME
) -> Schedule:
    """Return a schedule; nothing is written. `name` distinguishes several of one machine.

    Raises:
        ConfigError: an interval, a name or a path that this scheduler cannot express.
    """
    if kind not in KINDS:
        raise ConfigError(f"{kind!r} is not a kind of schedule; choose from {', '.join(KINDS)}")
    check_machine(machine, name)
    spread = zlib.crc32(f"{machine.host} {machine.user} {machine.config}".encode())
    maker = systemd_schedule if kind.startswith("systemd") else cron_schedule
    return maker(kind, parse_every(every, spread), machine, name)


__all__ = [
    "DEFAULT_NAME",
    "KINDS",
    "Kind",
    "Machine",
    "Schedule",
    "build_schedule",
    "install",
    "remove",
    "render_schedule",
    "run_command",
    "this_machine",
]
