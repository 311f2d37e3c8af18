"""Commands of the user that write without end, stay, or leave others behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from microrepo.transfer.outside_command import command_environment, run_command


def python(script: str, *words: str) -> list[str]:
    return [sys.executable, "-c", script, *words]


def has_ended(number: int) -> bool:
    """Return whether a process is gone, or nobody has fetched its exit code yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_its_code_and_the_end_of_its_words() -> None:
    done = run_command(python("print('a' * 50, end='b'); exit(3)"), dict(os.environ), 30, 5)
    assert (done.code, done.output) == (3, b"aaaab")


def test_a_flood_is_not_kept() -> None:
    script = "import sys\nfor _ in range(3000): sys.stdout.write('x' * 100_000)\nprint('end')"
    tracemalloc.start()
    done = run_command(python(script), dict(os.environ), 60, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.output.endswith(b"xend\n")
    assert len(done.output) == 1000
    assert peak < 5_000_000


@pytest.mark.parametrize("flood", ["", "while True: print('x' * 100_000)"])
def test_its_children_end_with_its_time(tmp_path: Path, flood: str) -> None:
    pid = tmp_path / "pid"
    script = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
{flood}
time.sleep(600)
"""
    with pytest.raises(subprocess.TimeoutExpired):
        run_command(python(script, str(pid)), dict(os.environ), 2, 1000)
    for _ in range(100):
        if has_ended(int(pid.read_text())):
            return
        time.sleep(0.05)
    raise AssertionError("the child went on")


def test_a_command_ends_though_what_it_leaves_behind_keeps_its_output() -> None:
    script = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
print("done", flush=True)
"""
    started = time.monotonic()
    done = run_command(python(script), dict(os.environ), 60, 1000)
    assert (done.code, done.output) == (0, b"done\n")
    assert time.monotonic() - started < 15


def test_it_has_nothing_to_read() -> None:
    done = run_command(
        python("import sys; print(repr(sys.stdin.read()))"), dict(os.environ), 30, 99
    )
    assert done.output == b"''\n"


def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(FileNotFoundError):
        run_command(["/nonexistent/scan"], {}, 30, 99)


def test_the_environment_has_no_settings_of_ours() -> None:
    environ = {"PATH": "/bin", "MICROREPO_SOURCE_PASSWORD": "x", "MICROREPO_CONFIG": "c.json"}
    assert command_environment(environ) == {"PATH": "/bin", "MICROREPO_CONFIG": "c.json"}
