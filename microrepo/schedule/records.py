"""What a schedule is made of: facts in, files and commands out."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from microrepo.errors import ConfigError

Kind = Literal["systemd-user", "systemd-system", "crontab", "cron.d"]
KINDS: tuple[Kind, ...] = ("systemd-user", "systemd-system", "crontab", "cron.d")
DEFAULT_NAME = "refresh"
# cron skips files in /etc/cron.d whose names hold anything else (cron(8)).
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?\Z")


class Facts(Struct, frozen=True):
    """Everything about the machine that a schedule depends on.

    Attributes:
        python: absolute path of the interpreter that has microrepo.
        config: absolute path of the config file.
        repository: absolute path of the repository.
        user: whom the runs belong to.
        home: that user's home directory.
        host: name of the machine; spreads the load of many machines over the hour.
        etc: where the system's settings are.
        writable: absolute paths of directories beside the repository that a run writes to.
    """

    python: str
    config: Path
    repository: Path
    user: str
    home: Path
    host: str = ""
    etc: Path = Path("/etc")
    writable: tuple[Path, ...] = ()


class TextFile(Struct, frozen=True):
    """A file that a schedule consists of."""

    path: Path
    text: str
    mode: int = 0o644


class Probe(Struct, frozen=True):
    """A command that must succeed before anything is written.

    Attributes:
        args: the command.
        advice: what its failure means, and what to do.
        forbidden: text that must not stand in its output.
    """

    args: tuple[str, ...]
    advice: str
    forbidden: str = ""


class Needed(Struct, frozen=True):
    """A directory that must be there before anything is written, and what to do if it is not."""

    path: Path
    advice: str


class Schedule(Struct, frozen=True):
    """A scheduled refresh as a value: nothing has been written yet.

    Attributes:
        kind: which scheduler, for whom.
        name: tells several schedules of one machine apart.
        files: files to write.
        block: lines for the user's crontab, between their markers; else empty.
        needed: directories that must be there.
        probes: commands that must succeed first.
        commands: commands to run once the files are there.
        before_removal: commands to run before the files are taken away.
        after_removal: commands to run afterwards.
        leftovers: links that the scheduler makes; removed when it no longer does so itself.
        notes: what the user should know.
    """

    kind: Kind
    name: str
    files: tuple[TextFile, ...] = ()
    block: str = ""
    needed: tuple[Needed, ...] = ()
    probes: tuple[Probe, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    before_removal: tuple[tuple[str, ...], ...] = ()
    after_removal: tuple[tuple[str, ...], ...] = ()
    leftovers: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def facts_here(
    config: Path, repository: Path, user: str | None = None, writable: Sequence[Path] = ()
) -> Facts:
    """Collect the facts of this machine.

    Args:
        config: the config file.
        repository: the repository it names.
        user: whom the runs belong to; None for the user of this process.
        writable: directories beside the repository that a run writes to.

    Raises:
        ConfigError: there is no such user, or the interpreter does not know its own path.
    """
    import os
    import pwd
    import socket

    try:
        entry = pwd.getpwnam(user) if user is not None else pwd.getpwuid(os.getuid())
    except KeyError as error:
        raise ConfigError(f"there is no user {user or os.getuid()} on this machine") from error
    if not sys.executable:
        raise ConfigError("this Python does not know its own path, so nothing can start it again")
    return Facts(
        python=sys.executable,
        config=Path(os.path.abspath(config)),  # noqa: PTH100 - keeps symlinks, unlike resolve()
        repository=Path(os.path.abspath(repository)),  # noqa: PTH100
        user=entry.pw_name,
        home=Path(entry.pw_dir),
        host=socket.gethostname(),
        writable=tuple(Path(os.path.abspath(path)) for path in writable),  # noqa: PTH100
    )


def refresh_command(facts: Facts) -> tuple[str, ...]:
    """Return the command that every schedule runs."""
    return (
        facts.python,
        "-m",
        "microrepo",
        "refresh",
        "--config",
        str(facts.config),
        "--quiet",
    )


def import_probe(facts: Facts) -> Probe:
    """Return the check that the interpreter finds microrepo without the help of a checkout."""
    return Probe(
        (facts.python, "-E", "-c", "import microrepo"),
        f"{facts.python} does not find microrepo by itself, and a scheduled run starts nowhere "
        "near this directory; install it there (`pip install`), then schedule it",
    )


def check_facts(facts: Facts, name: str) -> None:
    """Refuse what no scheduler's file can express.

    Raises:
        ConfigError: a relative path, a control character, bytes that are no UTF-8, a bad name.
    """
    if not _NAME.match(name):
        raise ConfigError(f"{name!r}: a schedule's name is made of letters, digits, '_' and '-'")
    if not _USER.match(facts.user):
        raise ConfigError(f"{facts.user!r}: not a user name that schedulers accept")
    places = (facts.config, facts.repository, facts.home, *facts.writable)
    for path in (facts.python, *map(str, places)):
        if not Path(path).is_absolute():
            raise ConfigError(f"{path!r}: a schedule needs absolute paths")
        if not path.isprintable() or not _is_utf8(path):
            raise ConfigError(f"{path!r}: this path cannot be written into a scheduler's file")


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
