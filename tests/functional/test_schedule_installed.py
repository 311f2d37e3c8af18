"""Schedules as real programs read them: systemd's own parser, sh as cron runs it, crontab."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from microrepo.schedule import Kind, Machine, Schedule, build_schedule, install, remove

SYSTEMD = Path("/lib/systemd/systemd")
SPOOL = Path("/var/spool/cron/crontabs")
STUB = """\
#!/bin/sh
{ for word in "$0" "$@"; do printf '%s\\n' "$word"; done; echo "LC_ALL=$LC_ALL"; } > "$RECORD"
echo said on stdout
echo said on stderr >&2
exit $(cat "$RECORD.code")
"""
LOGGER = """\
#!/bin/sh
{ echo "$@"; cat; } > "$RECORD.log"
"""
CRONTAB = """\
#!/bin/sh
case $1 in
  -l) cat "$FAKE_CRONTAB" 2>/dev/null || { echo "no crontab for $USER" >&2; exit 1; } ;;
  -r) rm "$FAKE_CRONTAB" ;;
  -) cat > "$FAKE_CRONTAB" ;;
esac
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def facts(tmp_path: Path) -> Machine:
    """Machine with every path as awkward as people make them; the Python is a stub."""
    odd = tmp_path / "sp ace ünï 100%d"
    (odd / "pack ages").mkdir(parents=True)
    (odd / "change lists").mkdir()
    return Machine(
        python=str(script(odd / "python", STUB)),
        config=odd / "it's $HOME.json",
        repository=odd / "pack ages",
        user="root",
        home=odd,
        host="alpha",
        etc=tmp_path / "etc",
        writable=(odd / "change lists",),
    )


def wanted_command(facts: Machine) -> list[str]:
    return [facts.python, "-m", "microrepo", "refresh", "--config", str(facts.config), "--quiet"]


def write(schedule: Schedule, directory: Path) -> list[str]:
    directory.mkdir(exist_ok=True)
    for path, text in schedule.files.items():
        (directory / path.name).write_text(text)
    return [str(directory / path.name) for path in schedule.files]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("kind", ["systemd-user", "systemd-system"])
def test_systemd_accepts_the_units(facts: Machine, tmp_path: Path, kind: Kind) -> None:
    paths = []
    for number, every in enumerate(("15min", "6h", "daily", "04:30", "Mon..Fri *-*-1..7 06:00")):
        schedule = build_schedule(kind, facts, every, name=f"n{number}")
        paths += write(schedule, tmp_path / "units")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if "microrepo" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@pytest.mark.skipif(not SYSTEMD.exists(), reason="systemd is not installed")
def test_systemd_reads_the_paths_as_meant(facts: Machine) -> None:
    schedule = build_schedule("systemd-system", facts)
    # Not below `tmp_path`, which only its owner may enter: root's test runs systemd as nobody.
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        write(schedule, Path(temporary, "units"))
        runtime = Path(temporary, "run")
        runtime.mkdir(mode=0o700)
        nobody: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = {"user": 65534, "group": 65534, "extra_groups": []}
            os.chown(runtime, 65534, 65534)
        environment = {
            "XDG_RUNTIME_DIR": str(runtime),
            "SYSTEMD_UNIT_PATH": f"{temporary}/units:",
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            [SYSTEMD, "--user", "--test", "--unit=microrepo-refresh.service"],
            capture_output=True,
            env=environment,
            timeout=60,
            **nobody,
        )
    text = done.stdout.decode(errors="replace")
    if "-> Unit microrepo-refresh.service:" not in text:
        pytest.skip(f"systemd does not dump units here: {done.stderr[-200:]!r}")
    unit = text.split("-> Unit microrepo-refresh.service:")[1].split("-> Unit ")[0]
    lines = [line.strip() for line in unit.splitlines()]
    command = next(line for line in lines if line.startswith("Command Line: "))
    config = str(facts.config).replace("$", "\\$\\$")
    assert command == (
        f'Command Line: "{facts.python}" -m microrepo refresh --config "{config}" --quiet'
    )
    assert f"ReadWritePaths: {facts.repository} {facts.writable[0]}" in lines
    assert "ProtectSystem: strict" in lines


def environment_of(schedule: Schedule) -> dict[str, str]:
    """Return what cron gives to a command: little, and the assignments of its file."""
    environment = {"HOME": "/", "LOGNAME": "root", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    for line in "".join(schedule.files.values()).splitlines():
        if match := re.fullmatch(r'(\w+)="(.*)"', line):
            environment[match[1]] = match[2]
    return environment


def command_of(schedule: Schedule) -> str:
    """Return the command of a cron line as cron hands it to the shell (crontab(5))."""
    lines = ("".join(schedule.files.values()) or schedule.block).splitlines()
    line = next(line for line in lines if line[0] not in "#SPHLM")
    command = line.split(" ", 6 if schedule.files else 5)[-1]
    assert not re.search(r"(?<!\\)%", command), "cron would end the command here"
    return command.replace("\\%", "%")


@pytest.mark.parametrize("kind", ["crontab", "cron.d"])
@pytest.mark.parametrize(("code", "seen"), [(0, 0), (1, 1), (3, 3), (4, 0), (130, 130)])
def test_cron_runs_the_command(
    facts: Machine, tmp_path: Path, kind: Kind, code: int, seen: int
) -> None:
    schedule = build_schedule(kind, facts)
    script(tmp_path / "bin/logger", LOGGER)
    record = tmp_path / "record"
    Path(f"{record}.code").write_text(str(code))
    environment = environment_of(schedule)
    environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", command_of(schedule)],
        env={**environment, "RECORD": str(record)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert record.read_text().splitlines() == [*wanted_command(facts), "LC_ALL=C.UTF-8"]
    assert (done.returncode, done.stdout, done.stderr) == (seen, "", "")
    log = Path(f"{record}.log").read_text().splitlines()
    assert log == ["-t microrepo", "said on stdout", "said on stderr"]


def test_a_crontab_program_is_asked(facts: Machine, tmp_path: Path) -> None:
    script(tmp_path / "bin/crontab", CRONTAB)
    script(tmp_path / "bin/logger", LOGGER)
    Path(facts.python).write_text("#!/bin/sh\n")
    table = tmp_path / "crontab"
    table.write_bytes(b"# caf\xe9\n0 1 * * * backup\n")

    def run(args: Sequence[str], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "FAKE_CRONTAB": str(table)}
        return subprocess.run(args, input=stdin, capture_output=True, env=environment)

    schedule = build_schedule("crontab", facts, "15min")
    for _ in range(2):
        assert install(schedule, run) == ("crontab",)
        assert table.read_bytes() == b"# caf\xe9\n0 1 * * * backup\n" + schedule.block.encode()
    assert remove(schedule, run) == ("crontab",)
    assert table.read_bytes() == b"# caf\xe9\n0 1 * * * backup\n"
    assert remove(schedule, run) == ()


PRIVATE_SPOOL = """\
import json, subprocess, sys
from microrepo.schedule import Machine, build_schedule, install, remove, run_command
from pathlib import Path
facts = json.loads(sys.argv[1])
facts = Machine(facts["python"], Path(facts["config"]), Path(facts["repository"]), "root",
              Path(facts["home"]))
def listed():
    return subprocess.run(["crontab", "-l"], capture_output=True, text=True).stdout
schedule = build_schedule("crontab", facts, "15min")
seen = []
for step in (install, install, remove, remove):
    step(schedule, run_command)
    seen.append(listed() == (schedule.block if step is install else ""))
print(json.dumps(seen))
"""


@pytest.mark.skipif(not shutil.which("crontab"), reason="cron is not installed")
@pytest.mark.skipif(os.getuid() != 0, reason="a private spool needs root")
def test_the_real_crontab_in_a_spool_of_its_own(facts: Machine, tmp_path: Path) -> None:
    Path(facts.python).write_text("#!/bin/sh\n")
    values = {
        "python": facts.python,
        "config": str(facts.config),
        "repository": str(facts.repository),
        "home": str(facts.home),
    }
    hide = f'mount -t tmpfs tmpfs {SPOOL} || exit 77; exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c", hide, "sh"),
            *(sys.executable, "-c", PRIVATE_SPOOL, json.dumps(values)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no private mounts here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True, True, True, True]


def test_the_check_finds_an_interpreter_without_microrepo(facts: Machine, tmp_path: Path) -> None:
    from microrepo.errors import ConfigError

    (tmp_path / "etc/cron.d").mkdir(parents=True)
    Path(facts.python).write_text("#!/bin/sh\necho No module named microrepo >&2\nexit 1\n")
    if not shutil.which("logger"):
        pytest.skip("the program logger is not installed")
    with pytest.raises(ConfigError, match=r"install it there.*No module named microrepo"):
        install(build_schedule("cron.d", facts))
    assert list((tmp_path / "etc/cron.d").iterdir()) == []
