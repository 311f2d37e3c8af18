"""Cron schedules: a line in the user's crontab, or a file in ``/etc/cron.d``."""

from __future__ import annotations

import shlex

from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.schedule.intervals import Every, invalid
from microrepo.schedule.jobs import Kind, Machine, Probe, Schedule, import_probe

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOCALE = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
# Cron reads commands into a buffer of 1,000 bytes and drops the whole file beyond that.
_MAX_COMMAND_BYTES = 990
NO_CRON = "install cron (package cron or cronie), or choose a systemd kind"
_CRONTAB_PROBE = Probe(("sh", "-c", "command -v crontab"), f"`crontab` is missing; {NO_CRON}")
_LOGGER_PROBE = Probe(
    ("sh", "-c", "command -v logger"),
    "`logger` is missing, and cron has no other log; install it (package bsdutils or util-linux)",
)


def cron_schedule(kind: Kind, every: Every, machine: Machine, name: str) -> Schedule:
    """Return a block for the user's crontab, or a file for ``/etc/cron.d``.

    Raises:
        ConfigError: an interval or a path that cron cannot express.
    """
    if not every.cron:
        why = "not five cron fields; an OnCalendar expression is for systemd: use --kind"
        raise invalid(every.text, f"{why} systemd-user or systemd-system")
    checks = (_LOGGER_PROBE, import_probe(machine))
    notes = ("Log: journalctl -t microrepo, or the system's log file",)
    if kind == "crontab":
        begin, end = markers(name)
        # Assignments in a crontab would reach the user's other lines, so the command has them.
        line = f"{every.cron} {_command_text(machine, {'PATH': _PATH, **_LOCALE})}\n"
        block = f"{begin}\n{line}{end}\n"
        return Schedule(kind, name, block=block, probes=(_CRONTAB_PROBE, *checks), notes=notes)
    directory = machine.etc / "cron.d"
    home = {"SHELL": "/bin/sh", "PATH": _PATH, "HOME": str(machine.home)}
    settings = {**home, **_LOCALE, "MAILTO": ""}
    text = (
        f"# Refresh of a Python package repository by microrepo ({name}).\n"
        + "".join(f"{key}={_value(value)}\n" for key, value in settings.items())
        + f"{every.cron} {machine.user} {_command_text(machine, {})}\n"
    )
    exists = Probe(("test", "-d", str(directory)), f"{directory} is missing; {NO_CRON}")
    files = {directory / f"microrepo-{name}": text}
    return Schedule(kind, name, files, probes=(exists, *checks), notes=notes)


def markers(name: str) -> tuple[str, str]:
    """Return the marker lines around a schedule in a crontab."""
    return f"# BEGIN microrepo {name}", f"# END microrepo {name}"


def _command_text(machine: Machine, variables: dict[str, str]) -> str:
    """Return the command of a cron line: output goes to `logger`, a lock counts as success.

    The exit code travels through descriptor 3, because a pipe's own code is that of `logger`.
    """
    words = [f"{key}={shlex.quote(value)}" for key, value in variables.items()]
    command = " ".join([*words, shlex.join(machine.command)])
    if "\\" in command:
        # Before a `%` some crons take one backslash away and some two.
        raise ConfigError(
            f"{command!r}: cron programs treat '\\' in paths differently; choose a systemd kind"
        )
    text = (
        f"code=$({{ {{ {command} 2>&1 3>&-; echo $? >&3; }} | logger -t microrepo; }} "
        f'3>&1 >/dev/null 2>&1); [ "$code" = {ExitCode.LOCKED:d} ] || exit "$code"'
    ).replace("%", "\\%")
    if (length := len(text.encode())) > _MAX_COMMAND_BYTES:
        raise ConfigError(
            f"the command has {length} bytes, more than the {_MAX_COMMAND_BYTES} that cron reads; "
            "shorten the "
            "paths, or choose a systemd kind"
        )
    return text


def replace_block(crontab: str, name: str, block: str) -> str:
    """Return the crontab with the block replaced, appended, or removed (empty block).

    Raises:
        ConfigError: the two markers are not in the crontab exactly once and in order.
    """
    begin, end = markers(name)
    lines = crontab.splitlines(keepends=True)
    ours = [(n, text) for n, line in enumerate(lines) if (text := line.rstrip()) in {begin, end}]
    if not ours:
        separator = "\n" if block and crontab and not crontab.endswith("\n") else ""
        return crontab + separator + block
    if [text for _, text in ours] != [begin, end]:
        raise ConfigError(
            f"your crontab needs the lines {begin!r} and {end!r} once each, in this order; "
            "fix it with `crontab -e`"
        )
    (first, _), (last, _) = ours
    return "".join(lines[:first]) + block + "".join(lines[last + 1 :])


def _value(text: str) -> str:
    for quote in "\"'":
        if quote not in text:
            return quote + text + quote
    raise ConfigError(f"{text!r}: cron cannot express a path with both kinds of quotes")
