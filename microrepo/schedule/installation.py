"""Installer of schedules: checks, files, crontab and systemctl."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from microrepo.errors import ConfigError
from microrepo.schedule.cron import NO_CRON, markers, replace_block
from microrepo.schedule.jobs import Command, Schedule
from microrepo.stores.atomic_write import write_atomically

COMMAND_TIMEOUT_S = 60
Completed = subprocess.CompletedProcess[bytes]
Run = Callable[[Sequence[str], bytes], Completed]


def run_command(args: Sequence[str], stdin: bytes = b"") -> Completed:
    """Run a command with messages in English, away from the current directory.

    Raises:
        FileNotFoundError: the program is missing. subprocess.TimeoutExpired: it did not end within
            `COMMAND_TIMEOUT_S`.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        args,
        input=stdin,
        capture_output=True,
        check=False,
        cwd="/",
        env=environment,
        timeout=COMMAND_TIMEOUT_S,
    )


def render_schedule(schedule: Schedule) -> str:
    """Return the schedule as text: each file under its path, then the commands."""
    parts = [f"# {path}\n{text}" for path, text in schedule.files.items()]
    if schedule.block:
        parts.append(f"# into the crontab, with `crontab -e`\n{schedule.block}")
    if commands := (*schedule.reload, *schedule.enable):
        shown = "".join(f"# {shlex.join(command)}\n" for command in commands)
        parts.append("# then run\n" + shown)
    return "\n".join(parts)


def install(schedule: Schedule, run: Run = run_command) -> tuple[str, ...]:
    """Install the schedule, replacing one of the same kind and name, and return what was written.

    Nothing is written unless every check passes.

    Raises:
        ConfigError: a check or command fails, or a file cannot be written.
    """
    for probe in schedule.probes:
        done = _call(probe.args, run, probe.advice)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise ConfigError(probe.advice + (f" ({said[-1]})" if said else ""))
    for path, text in schedule.files.items():
        with _writing(path):
            write_atomically(path, text.encode(), 0o644)
    if schedule.block:
        _edit_crontab(schedule.name, schedule.block, run)
    for command in (*schedule.reload, *schedule.enable):
        _succeed(command, run, "the files are in place")
    return (*map(str, schedule.files), *(("crontab",) * bool(schedule.block)))


def remove(schedule: Schedule, run: Run = run_command) -> tuple[str, ...]:
    """Remove what `install` wrote, and return it; empty if nothing was installed.

    A scheduler that no longer runs does not prevent it.

    Raises:
        ConfigError: a file or the crontab cannot be changed.
    """
    present = [path for path in schedule.files if os.path.lexists(path)]
    _attempt(schedule.disable if present else (), run)
    for path in (*present, *schedule.leftovers):
        with _writing(path):
            path.unlink(missing_ok=True)
    _attempt(schedule.reload if present else (), run)
    removed = tuple(str(path) for path in present)
    if schedule.kind == "crontab" and _edit_crontab(schedule.name, "", run):
        return (*removed, "crontab")
    return removed


def _edit_crontab(name: str, block: str, run: Run) -> bool:
    listed = _call(("crontab", "-l"), run, NO_CRON)
    # Latin-1 preserves every byte, whatever other lines contain.
    before = listed.stdout.decode("latin-1") if listed.returncode == 0 else ""
    message = listed.stderr.decode(errors="replace").strip()
    missing = any(phrase in message for phrase in ("no crontab", "No such file"))
    if listed.returncode != 0 and not missing:
        raise ConfigError(f"`crontab -l` failed, so nothing was changed: {message}")
    after = replace_block(before, name, block.encode().decode("latin-1"))
    if after == before:
        return markers(name)[0] in before
    command = ("crontab", "-") if after.strip() else ("crontab", "-r")
    _succeed(command, run, "your crontab is unchanged", after.encode("latin-1"))
    return True


def _succeed(args: Command, run: Run, state: str, stdin: bytes = b"") -> None:
    done = _call(args, run, state, stdin)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise ConfigError(f"`{shlex.join(args)}` failed: {said or done.returncode}; {state}")


def _attempt(commands: tuple[Command, ...], run: Run) -> None:
    for command in commands:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            run(command, b"")


def _call(args: Command, run: Run, advice: str, stdin: bytes = b"") -> Completed:
    try:
        return run(args, stdin)
    except OSError as error:
        raise ConfigError(f"{args[0]} cannot be run ({error.strerror}); {advice}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"`{shlex.join(args)}` did not finish within {COMMAND_TIMEOUT_S} s"
        ) from error


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "; run this as root (sudo)" if isinstance(error, PermissionError) else ""
        raise ConfigError(f"{path}: cannot be changed: {error.strerror}{hint}") from error
