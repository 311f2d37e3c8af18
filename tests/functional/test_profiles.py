"""Profiles: several repositories from one config file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def config(index: FakeIndex, pypi: PyPIServer, tmp_path: Path) -> Path:
    index.add("base", build_wheel("base", "1.0"))
    for name in ("one", "two"):
        index.add(name, build_wheel(name, "1.0", requires_dist=["base"]))
    return write(tmp_path, pypi, {"lab": {"packages": ["one"]}, "web": {"packages": ["two"]}})


def write(folder: Path, pypi: PyPIServer, profiles: dict[str, Any], **settings: object) -> Path:
    path = folder / "c.json"
    values = {
        "repository": "repos",
        "source": pypi.url,
        "processes": 1,
        "min_free_space": 0,
        "server": False,
        "profiles": profiles,
        **settings,
    }
    path.write_text(json.dumps(values, indent=2))
    return path


def wheels(path: Path) -> set[str]:
    return {one.name.partition("-")[0] for one in path.glob("*.whl")}


def test_one_refresh_updates_all(
    repo: Repository, config: Path, pypi: PyPIServer, tmp_path: Path
) -> None:
    done = repo.run("refresh", "--config", config)
    assert "profile lab" in done.stdout
    lab, web = tmp_path / "repos" / "lab", tmp_path / "repos" / "web"
    assert (wheels(lab), wheels(web)) == ({"one", "base"}, {"two", "base"})
    name = "base-1.0-py3-none-any.whl"
    assert (lab / name).samefile(web / name)
    paths = pypi.paths()
    assert [path for path in paths if "base" in path and paths.count(path) > 1] == []
    assert "/pypi/base/json" in paths
    assert len([path for path in paths if path.endswith(".whl")]) == 3
    for profile in ("lab", "web"):
        repo.run("verify", "--deep", "--config", config, "--profile", profile)
    assert "contents        3 files" in repo.run("store", "status", "--config", config).stdout
    reports = json.loads(repo.run("refresh", "--config", config, "--json").stdout)
    assert {name: report["downloaded"] for name, report in reports.items()} == {"lab": 0, "web": 0}


def test_a_profile_is_chosen_by_name(repo: Repository, config: Path, tmp_path: Path) -> None:
    repo.run("refresh", "--config", config, "--profile", "lab")
    assert not (tmp_path / "repos" / "web").exists()
    listed = repo.run("list", "--config", config, "--profile", "lab").stdout
    assert listed.split() == ["base-1.0-py3-none-any.whl", "one-1.0-py3-none-any.whl"]
    done = repo.run("list", "--config", config, expect=2)
    assert "choose one with --profile: lab, web" in done.stderr
    repo.run("list", "--config", config, "--repository", tmp_path / "repos" / "lab")
    done = repo.run("list", "--config", config, "--profile", "wep", expect=2)
    assert "did you mean 'web'?" in done.stderr


def test_packages_of_a_profile_are_edited(repo: Repository, config: Path, tmp_path: Path) -> None:
    repo.run("refresh", "--config", config)
    before = config.read_text()
    repo.run("add", "two", "--config", config, "--profile", "lab")
    assert config.read_text() == before.replace('"one"\n', '"one",\n        "two"\n')
    assert wheels(tmp_path / "repos" / "lab") == {"one", "two", "base"}
    repo.run("remove", "two", "--config", config, "--profile", "lab")
    assert config.read_text() == before
    assert wheels(tmp_path / "repos" / "lab") == {"one", "base"}
    done = repo.run("add", "two", "--config", config, expect=2)
    assert "choose one with --profile" in done.stderr


def test_a_failing_profile_does_not_stop_the_others(
    repo: Repository, pypi: PyPIServer, config: Path, tmp_path: Path
) -> None:
    profiles = {
        "gone": {"packages": ["one"], "source": "http://127.0.0.1:9/", "retries": 0},
        "web": {"packages": ["two", "missing"]},
        "lab": {"packages": ["one"]},
    }
    path = write(tmp_path, pypi, profiles)
    repo.run("refresh", "--config", path, expect=1)
    assert wheels(tmp_path / "repos" / "lab") == {"one", "base"}
    del profiles["gone"]
    repo.run("refresh", "--config", write(tmp_path, pypi, profiles), expect=3)


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ({"../x": {}}, "not a name"),
        ({"a": {"pakages": ["x"]}}, "did you mean 'packages'?"),
        ({"a": {"packages": ["x"], "platforms": ["plan9"]}}, "profile a"),
        ({"a": {"profiles": {}}}, "has no `profiles` of its own"),
        ({"a": {}, "A": {}}, "one directory on some systems"),
        ({"a": []}, "profiles"),
        (["a"], "profiles"),
    ],
)
def test_mistakes_are_named_before_anything_is_downloaded(
    repo: Repository, pypi: PyPIServer, tmp_path: Path, profiles: Any, message: str
) -> None:
    path = write(tmp_path, pypi, profiles)
    done = repo.run("refresh", "--config", path, expect=2)
    assert message in done.stderr
    assert pypi.paths() == []
    assert not (tmp_path / "repos").exists()
