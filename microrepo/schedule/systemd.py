"""Systemd schedules: a service and its timer, for one user or for the system."""

from __future__ import annotations

from pathlib import Path

from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.schedule.intervals import Every, invalid
from microrepo.schedule.jobs import Command, Kind, Machine, Probe, Schedule, import_probe

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
_SERVICE = """\
[Unit]
Description=Refresh of a Python package repository by microrepo ({name})
{network}
[Service]
Type=oneshot
{user}ExecStart={command}
# Another run that holds the lock does the work already.
SuccessExitStatus={locked:d}
Environment=LC_ALL=C.UTF-8 PYTHONUTF8=1
UMask=0022
Nice=10
# The parent ends its workers itself.
KillMode=mixed
TimeoutStopSec=30s
NoNewPrivileges=yes
{hardening}"""
_TIMER = """\
[Unit]
Description=Refresh of a Python package repository by microrepo ({name})

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={delay_s}s
Persistent=true

[Install]
WantedBy=timers.target
"""


def systemd_schedule(kind: Kind, every: Every, machine: Machine, name: str) -> Schedule:
    """Return units for the systemd of one user, or hardened ones for the system.

    Raises:
        ConfigError: an interval or a path that systemd cannot express.
    """
    if not every.calendar:
        why = "five fields are for cron; for systemd write an OnCalendar expression such as"
        raise invalid(every.text, f"{why} 'Mon..Fri 06:00', or use --kind crontab")
    system = kind == "systemd-system"
    directory = machine.etc / "systemd/system" if system else machine.home / ".config/systemd/user"
    systemctl = ("systemctl",) if system else ("systemctl", "--user")
    timer, service = f"microrepo-{name}.timer", f"microrepo-{name}.service"
    service_text = _SERVICE.format(
        name=name,
        network="Wants=network-online.target\nAfter=network-online.target\n" if system else "",
        user=f"User={machine.user}\n" if system else "",
        command=_command_line(machine),
        locked=ExitCode.LOCKED,
        hardening=_hardening(machine) if system else "",
    )
    calendar = every.calendar.replace("%", "%%")
    flag = "" if system else "--user "
    notes = [
        f"Next run: systemctl {flag}list-timers {timer}",
        f"Log: journalctl {flag}-u {service}",
    ]
    if not system:
        linger = f"loginctl enable-linger {machine.user}"
        notes.append(f"It runs while {machine.user} is logged in. To run it always: {linger}")
    return Schedule(
        kind,
        name,
        files={
            directory / service: service_text,
            directory / timer: _TIMER.format(name=name, calendar=calendar, delay_s=every.delay_s),
        },
        leftovers=(directory / "timers.target.wants" / timer,),
        probes=(*_probes(systemctl, machine, every), import_probe(machine)),
        reload=((*systemctl, "daemon-reload"),),
        enable=((*systemctl, "enable", timer), (*systemctl, "restart", timer)),
        disable=((*systemctl, "disable", "--now", timer),),
        notes=tuple(notes),
    )


def _probes(systemctl: Command, machine: Machine, every: Every) -> list[Probe]:
    user = "--user" in systemctl
    whose = f"for {machine.user}" if user else "on this machine"
    advice = "choose a cron kind, or print the units and install them where it runs"
    show = (*systemctl, "show", "--property=Version")
    probes = [Probe(show, f"systemd does not run {whose}; {advice}")]
    if every.text == every.calendar:
        why = f"--every {every.text!r}: systemd does not accept this time; see systemd.time(7)"
        probes.append(Probe(("systemd-analyze", "calendar", "--", every.text), why))
    for path in () if user else (machine.repository, *machine.writable):
        advice = f"{path} must exist: create it with `install -d -o {machine.user} {path}`"
        probes.append(Probe(("test", "-d", str(path)), advice))
    return probes


def _hardening(machine: Machine) -> str:
    written = (machine.repository, *machine.writable)
    lines = [_HARDENING, *(f"ReadWritePaths={quote_path(str(path))}\n" for path in written)]
    # A private /tmp would hide a repository below /tmp.
    used = (*written, machine.config, Path(machine.python))
    hidden = any(temporary in path.parents for temporary in _TEMPORARY for path in used)
    lines.append(f"PrivateTmp={'no' if hidden else 'yes'}\n")
    if machine.user != "root":
        # Root without capabilities cannot write to directories of other users.
        lines.append("CapabilityBoundingSet=\n")
    return "".join(lines)


def _command_line(machine: Machine) -> str:
    # systemd expands no `$` in the program's path and accepts no quotes in its name.
    if set(machine.python) & set("'\"\\$"):
        raise ConfigError(
            f"{machine.python!r}: systemd cannot start a program with quotes, '\\' or '$' in its "
            "path"
        )
    program, *arguments = machine.command
    return " ".join([quote_argument(program), *(quote_argument(a, "$") for a in arguments)])


def quote_argument(text: str, doubled: str = "") -> str:
    """Return one word of an ``ExecStart`` line, quoted: specifiers, C escapes, variables."""
    for sign in "%" + doubled:
        text = text.replace(sign, sign * 2)
    if not text or set(text) & set(" \t'\"\\;") or not text.isascii():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def quote_path(path: str) -> str:
    """Return a word of ``ReadWritePaths``, quoted; a backslash there is literal.

    Raises:
        ConfigError: the path contains both kinds of quotes, or a backslash.
    """
    for quote in "\"'":
        if quote not in path and "\\" not in path:
            return quote + path.replace("%", "%%") + quote
    raise ConfigError(f"{path!r}: systemd cannot express this path; it contains quotes or '\\'")
