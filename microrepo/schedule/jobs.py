"""A scheduled refresh as a value: files, checks and commands."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from msgspec import Struct

from microrepo.errors import ConfigError

Kind = Literal["systemd-user", "systemd-system", "crontab", "cron.d"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_NAME = "refresh"
Command = tuple[str, ...]
# cron skips files in /etc/cron.d with other characters in their names (cron(8)).
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?\Z")


class Machine(Struct, frozen=True):
    """Interpreter, absolute paths and account that a schedule is made for.

    Attributes:
        host: host name; spreads the load of many machines over the hour.
        etc: directory of the system's settings.
        writable: other directories that a run writes to.
    """

    python: str
    config: Path
    repository: Path
    user: str
    home: Path
    host: str = ""
    etc: Path = Path("/etc")
    writable: tuple[Path, ...] = ()

    @property
    def command(self) -> Command:
        """The command that every schedule runs."""
        config = str(self.config)
        return (self.python, "-m", "microrepo", "refresh", "--config", config, "--quiet")


class Probe(NamedTuple):
    """A command that must succeed before anything is written, and what its failure means."""

    args: Command
    advice: str


class Schedule(Struct, frozen=True):
    """A scheduled refresh that has not been written yet.

    Attributes:
        files: text of each file to write.
        block: lines for the user's crontab with their markers, or empty.
        probes: commands that must succeed first.
        reload: commands to run after the files are written or removed.
        enable: commands to run then.
        disable: commands to run before the files are removed.
        leftovers: links that the scheduler makes and may leave behind.
        notes: hints for the user.
    """

    kind: Kind
    name: str
    files: dict[Path, str] = {}
    block: str = ""
    probes: tuple[Probe, ...] = ()
    reload: tuple[Command, ...] = ()
    enable: tuple[Command, ...] = ()
    disable: tuple[Command, ...] = ()
    leftovers: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def this_machine(
    config: Path, repository: Path, user: str | None = None, writable: Sequence[Path] = ()
) -> Machine:
    """Return the running interpreter, the account (default: the current one) and absolute paths.

    Raises:
        ConfigError: an unknown user, or an interpreter without a path.
    """
    import os
    import pwd
    import socket

    try:
        entry = pwd.getpwnam(user) if user is not None else pwd.getpwuid(os.getuid())
    except KeyError as error:
        raise ConfigError(f"--user {user or os.getuid()}: user not found") from error
    if not sys.executable:
        raise ConfigError("the path of the running Python is unknown, so it cannot be scheduled")
    return Machine(
        python=sys.executable,
        config=config.absolute(),
        repository=repository.absolute(),
        user=entry.pw_name,
        home=Path(entry.pw_dir),
        host=socket.gethostname(),
        writable=tuple(path.absolute() for path in writable),
    )


def import_probe(machine: Machine) -> Probe:
    """Return the check that the interpreter finds microrepo outside a checkout."""
    return Probe(
        (machine.python, "-E", "-c", "import microrepo"),
        f"{machine.python} cannot import microrepo outside this directory; install it there "
        "(`pip install`), then schedule it",
    )


def check_machine(machine: Machine, name: str) -> None:
    """Raise ConfigError for a path, user or name that the file of a scheduler cannot express."""
    if not _NAME.match(name):
        raise ConfigError(f"--name {name!r}: use letters, digits, '_' and '-' only")
    if not _USER.match(machine.user):
        raise ConfigError(f"--user {machine.user!r}: schedulers do not accept this user name")
    paths = (machine.config, machine.repository, machine.home, *machine.writable)
    for path in (machine.python, *map(str, paths)):
        if not Path(path).is_absolute():
            raise ConfigError(f"{path!r}: a schedule needs absolute paths")
        if not path.isprintable():  # surrogates, for bytes that are not UTF-8, are not printable
            raise ConfigError(f"{path!r}: a scheduler's file cannot hold this path")
