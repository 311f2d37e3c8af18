"""`add` and `remove` edit the config file; a refresh beside it says what will happen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def config(repo: Repository, index: FakeIndex, pypi: PyPIServer, tmp_path: Path) -> Path:
    for name in ("one", "two", "three"):
        index.add(name, build_wheel(name, "1.0"))
    path = tmp_path / "c.json"
    path.write_text(
        '{\n  "contact": "me",\n  "packages": [\n    "one",\n    "two"\n  ],\n'
        f'  "repository": {json.dumps(str(repo.path))},\n  "source": "{pypi.url}",\n'
        '  "processes": 1,\n  "min_free_space": 0,\n  "server": false\n}\n'
    )
    repo.run("refresh", "--config", path)
    return path


def names(repo: Repository) -> set[str]:
    return {path.name.partition("-")[0] for path in repo.path.glob("*.whl")}


def test_added_and_removed(repo: Repository, config: Path) -> None:
    before = config.read_text()
    done = repo.run("add", "three>=1", "--config", config)
    assert config.read_text() == before.replace('"two"\n', '"two",\n    "three>=1"\n')
    assert f"wrote {config}" in done.stderr
    assert names(repo) == {"one", "two", "three"}
    repo.run("add", "three==1.0", "--config", config)
    assert '"three==1.0"\n' in config.read_text()
    repo.run("remove", "three", "--config", config)
    assert config.read_text() == before
    assert names(repo) == {"one", "two"}


def test_only_the_file_or_only_the_plan(repo: Repository, config: Path) -> None:
    before = config.read_text()
    done = repo.run("add", "three", "--config", config, "--dry-run")
    assert (config.read_text(), names(repo)) == (before, {"one", "two"})
    assert "download  three-1.0" in done.stdout
    repo.run("remove", "one", "--config", config, "--no-refresh")
    assert json.loads(config.read_text())["packages"] == ["two"]
    assert names(repo) == {"one", "two"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["remove", "three"], "`packages` does not name three"),
        (["remove", "one", "two"], "would be empty"),
        (["add", "three>>1"], "not a requirement"),
        (["add", "everything"], "not a requirement"),
        (["refresh", "--packages", "one", "two"], "separate them with commas"),
        (["refresh", "all"], "--packages everything"),
    ],
)
def test_what_cannot_be_edited(
    repo: Repository, config: Path, words: list[str], message: str
) -> None:
    before = config.read_text()
    done = repo.run(*words, "--config", config, expect=2)
    assert message in done.stderr
    assert (config.read_text(), names(repo)) == (before, {"one", "two"})


def test_a_refresh_beside_the_config_file_warns(repo: Repository, config: Path) -> None:
    done = repo.run("refresh", "three", "two", "--config", config)
    assert "three is not in `packages`" in done.stderr
    assert "`microrepo add three`" in done.stderr
    assert names(repo) == {"one", "two", "three"}
    assert "not in `packages`" not in repo.run("refresh", "two", "--config", config).stderr


def test_the_working_directory_is_the_repository(repo: Repository, config: Path) -> None:
    done = repo.run("list", cwd=repo.path)
    assert set(done.stdout.split()) == {f"{name}-1.0-py3-none-any.whl" for name in ("one", "two")}
    assert repo.run("list", cwd=repo.path.parent, expect=None).stdout == ""
