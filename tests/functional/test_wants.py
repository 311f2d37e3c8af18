"""Wants travel from a repository behind a gap to the config file outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def outside(repo: Repository, index: FakeIndex, pypi: PyPIServer, tmp_path: Path) -> Path:
    for name in ("one", "two", "three"):
        index.add(name, build_wheel(name, "1.0"))
    path = tmp_path / "c.json"
    settings = {
        "packages": ["one"],
        "repository": str(repo.path),
        "source": pypi.url,
        "processes": 1,
        "min_free_space": 0,
        "server": False,
    }
    path.write_text(json.dumps(settings))
    repo.run("refresh", "--config", path)
    return path


def test_what_a_check_misses_is_fetched_outside(
    repo: Repository, outside: Path, tmp_path: Path
) -> None:
    inside = ["--repository", str(repo.path)]
    repo.run("check", "one", "two", "--want", *inside, expect=3)
    repo.run("wants", "add", "three", *inside)
    listed = repo.run("wants", *inside).stdout
    assert "three  # added by hand" in listed
    assert "two    # not met in a check, once" in listed
    wants = tmp_path / "wants.txt"
    repo.run("wants", wants, *inside)
    done = repo.run("add", "--from-wants", wants, "--config", outside)
    assert json.loads(outside.read_text())["packages"] == ["one", "three", "two"], done.stderr
    assert {path.name.partition("-")[0] for path in repo.path.glob("*.whl")} == {
        "one",
        "two",
        "three",
    }
    repo.run("check", "one", "two", "--want", *inside)
    listed = repo.run("wants", *inside).stdout
    assert [line for line in listed.splitlines() if not line.startswith("#")] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["wants", "a", "b"], "name one file"),
        (["wants", "add"], "wants add REQ"),
        (["wants", "add", "numpy 1"], "not a requirement"),
        (["wants", "--log", "/nonexistent.log"], "log not found"),
        (["wants", "/dev/null/out.txt"], "cannot be written"),
    ],
)
def test_mistakes_are_explained(
    repo: Repository, outside: Path, words: list[str], message: str
) -> None:
    done = repo.run(*words, "--repository", repo.path, expect=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
