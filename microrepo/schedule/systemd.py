"""A service and its timer for systemd, for one user or for the system."""

from __future__ import annotations

from pathlib import Path

from microrepo.errors import ConfigError
from microrepo.schedule.intervals import Every, on_calendar
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
_QUOTED_ANYWAY = set(" \t'\"\\;")
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - compared with, never written to
_HARDENING = """\
ProtectSystem=strict
ProtectHome=read-only
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
"""


def for_user(every: Every, facts: Facts, name: str) -> Schedule:
    """Make units for the systemd of one user.

    Raises:
        ConfigError: an interval or a path that systemd cannot express.
    """
    return _schedule(every, facts, name, system=False)


def for_system(every: Every, facts: Facts, name: str) -> Schedule:
    """Make hardened units for the system, running as `facts.user`.

    Raises:
        ConfigError: an interval or a path that systemd cannot express.
    """
    return _schedule(every, facts, name, system=True)


def _schedule(every: Every, facts: Facts, name: str, *, system: bool) -> Schedule:
    calendar, delay_s = on_calendar(every)
    directory = facts.etc / "systemd/system" if system else facts.home / ".config/systemd/user"
    systemctl = ("systemctl",) if system else ("systemctl", "--user")
    timer = f"microrepo-{name}.timer"
    service = f"microrepo-{name}.service"
    return Schedule(
        kind="systemd-system" if system else "systemd-user",
        name=name,
        files=(
            TextFile(directory / service, service_text(facts, name, system=system)),
            TextFile(directory / timer, timer_text(calendar, delay_s, name)),
        ),
        needed=_needed(facts) if system else (),
        leftovers=(directory / "timers.target.wants" / timer,),
        probes=(_manager_probe(systemctl, facts), *_calendar_probe(every), import_probe(facts)),
        commands=(
            (*systemctl, "daemon-reload"),
            (*systemctl, "enable", timer),
            (*systemctl, "restart", timer),
        ),
        before_removal=((*systemctl, "disable", "--now", timer),),
        after_removal=((*systemctl, "daemon-reload"),),
        notes=_notes(facts, name, system=system),
    )


def _notes(facts: Facts, name: str, *, system: bool) -> tuple[str, ...]:
    user = "" if system else "--user "
    notes = [
        f"next run: systemctl {user}list-timers microrepo-{name}.timer",
        f"log: journalctl {user}-u microrepo-{name}.service",
    ]
    if not system:
        notes.append(
            f"it runs while {facts.user} is logged in; always: loginctl enable-linger {facts.user}"
        )
    return tuple(notes)


def _needed(facts: Facts) -> tuple[Needed, ...]:
    advice = (
        "this directory must be there before systemd can open it for writing; make it with "
        f"`install -d -o {facts.user} DIRECTORY`"
    )
    return tuple(Needed(path, advice) for path in (facts.repository, *facts.writable))


def _manager_probe(systemctl: tuple[str, ...], facts: Facts) -> Probe:
    whose = f"for {facts.user}" if "--user" in systemctl else "on this machine"
    return Probe(
        (*systemctl, "show", "--property=Version"),
        f"systemd does not run {whose}; choose a cron kind, or print the units and install them "
        "where it runs",
    )


def _calendar_probe(every: Every) -> tuple[Probe, ...]:
    if every.raw is None:
        return ()
    probe = Probe(
        ("systemd-analyze", "calendar", "--", every.raw),
        f"--every {every.raw!r}: no time that systemd knows; see systemd.time(7)",
        forbidden="Next elapse: never",
    )
    return (probe,)


def timer_text(calendar: str, delay_s: int, name: str) -> str:
    """Return the text of the timer unit (systemd.timer(5))."""
    return (
        "[Unit]\n"
        f"Description=Refresh of a Python package repository by microrepo ({name})\n\n"
        "[Timer]\n"
        f"OnCalendar={calendar.replace('%', '%%')}\n"
        f"RandomizedDelaySec={delay_s}s\n"
        "Persistent=true\n\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def service_text(facts: Facts, name: str, *, system: bool) -> str:
    """Return the text of the service unit (systemd.service(5), systemd.exec(5)).

    Raises:
        ConfigError: a path that systemd cannot express.
    """
    network = "Wants=network-online.target\nAfter=network-online.target\n" if system else ""
    return (
        "[Unit]\n"
        f"Description=Refresh of a Python package repository by microrepo ({name})\n"
        f"{network}\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"{f'User={facts.user}' + chr(10) if system else ''}"
        f"ExecStart={_command_line(facts)}\n"
        "# Another run that holds the lock does the work already.\n"
        f"SuccessExitStatus={LOCKED_EXIT_CODE}\n"
        "Environment=LC_ALL=C.UTF-8 PYTHONUTF8=1\n"
        "UMask=0022\n"
        "Nice=10\n"
        "# The parent ends its workers itself.\n"
        "KillMode=mixed\n"
        "TimeoutStopSec=30s\n"
        "NoNewPrivileges=yes\n"
        f"{_hardening(facts) if system else ''}"
    )


def _hardening(facts: Facts) -> str:
    places = (facts.repository, *facts.writable)
    lines = [_HARDENING, *(f"ReadWritePaths={quote_path(str(path))}\n" for path in places)]
    # A private /tmp would hide a repository that lies there.
    used = (*places, facts.config, Path(facts.python))
    hidden = any(temporary in path.parents for temporary in _TEMPORARY for path in used)
    lines.append(f"PrivateTmp={'no' if hidden else 'yes'}\n")
    if facts.user != "root":
        # Root without capabilities could not write into the directories of others.
        lines.append("CapabilityBoundingSet=\n")
    return "".join(lines)


def _command_line(facts: Facts) -> str:
    # systemd expands no `$` in the program's path and accepts no quotes in its name.
    if set(facts.python) & set("'\"\\$"):
        raise ConfigError(
            f"{facts.python!r}: systemd starts no program whose path holds a quote, '\\' or '$'"
        )
    program, *arguments = refresh_command(facts)
    return " ".join([quote_argument(program), *(quote_argument(a, "$") for a in arguments)])


def quote_argument(text: str, doubled: str = "") -> str:
    """Quote one word of an ``ExecStart`` line: specifiers, C escapes, variables."""
    for sign in "%" + doubled:
        text = text.replace(sign, sign * 2)
    if not text or set(text) & _QUOTED_ANYWAY or not text.isascii():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def quote_path(path: str) -> str:
    """Quote a word of ``ReadWritePaths``, where a backslash means itself.

    Raises:
        ConfigError: the path holds both kinds of quotes, or a backslash.
    """
    for quote in "\"'":
        if quote not in path and "\\" not in path:
            return quote + path.replace("%", "%%") + quote
    raise ConfigError(f"{path!r}: systemd cannot express this path; it holds quotes or '\\'")
