"""Exports that are killed: no incomplete volume is visible, and the next one is complete."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from microrepo.standalone.importer.bundle_header import parse_content
from tests.support.packages import build_wheel
from tests.support.repository import Repository

ROUNDS = 100


@pytest.mark.soak
def test_killed_exports(repo: Repository, tmp_path: Path) -> None:
    chance = random.Random(7)
    repo.path.mkdir()
    for number in range(30):
        files = {f"big{number}/data": os.urandom(1_000_000)}
        build_wheel(f"big{number}", "1.0", files=files).write_to(repo.path)
    repo.run("index", "--repository", repo.path)
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "microrepo",
        "export",
        str(out),
        "--full",
        "--split",
        "9000000",
    ]
    command += ["--repository", str(repo.path), "--quiet"]
    began = time.monotonic()
    subprocess.run(command, check=True)
    longest_s = time.monotonic() - began
    killed = 0
    for _ in range(ROUNDS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, longest_s))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        for volume in out.glob("*.tar"):
            check_volume(volume)
            volume.unlink()
    assert killed > ROUNDS / 2
    subprocess.run(command, check=True)
    assert [path for path in out.iterdir() if path.name.startswith(".")] == []
    inside = tmp_path / "inside"
    first = min(out.glob("*.tar"))
    subprocess.run(["tar", "-xf", str(first), "-C", str(tmp_path), "import.py"], check=True)
    program = [sys.executable, str(tmp_path / "import.py"), str(out), "--repository", str(inside)]
    subprocess.run(program, check=True)
    assert {p.name for p in inside.glob("*.whl")} == {p.name for p in repo.path.glob("*.whl")}


def check_volume(path: Path) -> None:
    """Raise if a volume lacks a part of what its list says."""
    with tarfile.open(path) as archive:
        listed = archive.extractfile("contents.jsonl")
        assert listed is not None
        for line in listed.read().splitlines(keepends=True):
            content = parse_content(line)
            assert archive.getmember(content.member).size == content.piece_bytes
