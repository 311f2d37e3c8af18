"""A line for cron: in the user's crontab, or a file of its own in ``/etc/cron.d``."""

from __future__ import annotations

import shlex
import zlib

from microrepo.errors import ConfigError
from microrepo.schedule.intervals import Every, cron_fields
from microrepo.schedule.records import (
    Facts,
    Needed,
    Probe,
    Schedule,
    TextFile,
    import_probe,
    refresh_command,
)

LOCKED_EXIT_CODE = 4
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOCALE = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
# Cron reads commands into a buffer of 1,000 bytes and drops the whole file beyond that.
MAX_COMMAND_BYTES = 990
NO_CRON = "install cron (the package is called cron or cronie), or choose a systemd kind"
_LOG_NOTE = "log: journalctl -t microrepo, or the system's log file"
_CRONTAB_PROBE = Probe(
    ("sh", "-c", "command -v crontab"), f"the program `crontab` is missing; {NO_CRON}"
)
_LOGGER_PROBE = Probe(
    ("sh", "-c", "command -v logger"),
    "the program `logger` is missing, and cron has no other log; install it (bsdutils, util-linux)",
)


def for_user(every: Every, facts: Facts, name: str) -> Schedule:
    """Make a block for the user's own crontab.

    Raises:
        ConfigError: an interval or a path that cron cannot express.
    """
    begin, end = markers(name)
    # Assignments in a crontab would reach the user's other lines, so they stand in the command.
    variables = {"PATH": PATH, **LOCALE}
    line = f"{cron_fields(every, _spread(facts))} {command_text(facts, variables)}\n"
    return Schedule(
        kind="crontab",
        name=name,
        block=f"{begin}\n{line}{end}\n",
        probes=(_CRONTAB_PROBE, _LOGGER_PROBE, import_probe(facts)),
        notes=(_LOG_NOTE,),
    )


def for_system(every: Every, facts: Facts, name: str) -> Schedule:
    """Make a file for ``/etc/cron.d``, running as `facts.user`.

    Raises:
        ConfigError: an interval or a path that cron cannot express.
    """
    directory = facts.etc / "cron.d"
    variables = {"SHELL": "/bin/sh", "PATH": PATH, "HOME": str(facts.home), **LOCALE, "MAILTO": ""}
    text = (
        f"# Refresh of a Python package repository by microrepo ({name}).\n"
        + "".join(f"{key}={_value(value)}\n" for key, value in variables.items())
        + f"{cron_fields(every, _spread(facts))} {facts.user} {command_text(facts, {})}\n"
    )
    return Schedule(
        kind="cron.d",
        name=name,
        files=(TextFile(directory / f"microrepo-{name}", text),),
        needed=(Needed(directory, f"cron is not installed; {NO_CRON}"),),
        probes=(_LOGGER_PROBE, import_probe(facts)),
        notes=(_LOG_NOTE,),
    )


def markers(name: str) -> tuple[str, str]:
    """Return the lines that stand before and after our lines in a crontab."""
    return f"# BEGIN microrepo {name}", f"# END microrepo {name}"


def command_text(facts: Facts, variables: dict[str, str]) -> str:
    """Return the command of a cron line: output to the log, a held lock is no failure.

    The exit code travels through descriptor 3, because a pipe's own code is that of `logger`.

    Raises:
        ConfigError: a path that cron cannot express.
    """
    words = [f"{key}={shlex.quote(value)}" for key, value in variables.items()]
    words += [shlex.quote(word) for word in refresh_command(facts)]
    command = " ".join(words)
    if "\\" in command:
        # Before a `%` some crons take one backslash away and some two.
        raise ConfigError(f"{command!r}: crons disagree about '\\' in paths; choose a systemd kind")
    logged = f"{{ {command} 2>&1 3>&-; echo $? >&3; }} | logger -t microrepo"
    text = (
        f"code=$({{ {logged}; }} 3>&1 >/dev/null 2>&1); "
        f'[ "$code" = {LOCKED_EXIT_CODE} ] || exit "$code"'
    ).replace("%", "\\%")
    length = len(text.encode())
    if length > MAX_COMMAND_BYTES:
        raise ConfigError(
            f"the command has {length} bytes and cron reads {MAX_COMMAND_BYTES}; shorten the "
            "paths, or choose a systemd kind"
        )
    return text


def replace_block(crontab: str, name: str, block: str) -> str:
    """Return the crontab with our block replaced, added at the end, or taken out (empty block).

    Raises:
        ConfigError: one of our two markers is missing, so that nobody can say what is ours.
    """
    begin, end = markers(name)
    lines = crontab.splitlines(keepends=True)
    plain = [line.rstrip("\r\n") for line in lines]
    if plain.count(begin) != plain.count(end) or plain.count(begin) > 1:
        raise ConfigError(
            f"your crontab does not hold the lines {begin!r} and {end!r} exactly once each; "
            "mend it with `crontab -e`"
        )
    if begin not in plain:
        separator = "" if not crontab or crontab.endswith("\n") else "\n"
        return crontab + separator + block if block else crontab
    first, last = plain.index(begin), plain.index(end)
    if first > last:
        raise ConfigError(f"your crontab holds {end!r} before {begin!r}; mend it: `crontab -e`")
    return "".join(lines[:first]) + block + "".join(lines[last + 1 :])


def _spread(facts: Facts) -> int:
    return zlib.crc32(f"{facts.host} {facts.user} {facts.config}".encode())


def _value(text: str) -> str:
    for quote in "\"'":
        if quote not in text:
            return quote + text + quote
    raise ConfigError(f"{text!r}: cron cannot express a path with both kinds of quotes")
