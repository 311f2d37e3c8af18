"""Standard streams that are closed or cannot be written: commands do their work and say so if they can."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository

MICROREPO = f"{sys.executable} -m microrepo"


def shell(command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", command], capture_output=True, timeout=120)


@pytest.mark.parametrize("closed", [">&- 2>&- <&-", "2>/dev/full"])
def test_a_refresh_without_streams_keeps_its_state(
    repo: Repository, index: FakeIndex, closed: str
) -> None:
    wheel = build_wheel("foo", "1.0")
    index.add("foo", wheel)
    # The log and the report go to both streams.
    command = [sys.executable, "-m", "microrepo", "--verbose", "refresh", "foo", *repo.flags()]
    done = shell(f"{shlex.join(command)} {closed}")
    assert done.returncode == 0, done.stderr
    repo.holds(wheel)
    assert (repo.path / ".microrepo/state.db").read_bytes()[:15] == b"SQLite format 3"
    assert b"Traceback" not in done.stderr


def test_what_cannot_be_printed_is_an_error() -> None:
    for arguments in ("--version", "config"):
        done = shell(f"{MICROREPO} {arguments} >/dev/full")
        assert done.returncode == 1, arguments
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith("microrepo: error: standard output: "), arguments
        gone = shell(f"set -o pipefail; {MICROREPO} {arguments} | true")
        assert gone.returncode in {0, 1}
        assert gone.stderr == b"", arguments
