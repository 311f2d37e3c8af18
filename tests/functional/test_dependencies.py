"""Following dependencies by the command line: what comes, what it costs, what is said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import Environment
from tests.support.repository import Repository
from tests.support.server import PyPIServer

FOLLOWING = (
    *("--processes", "2", "--connections", "4", "--min-free-space", "0"),
    *("--no-simple", "--no-server"),
)
TARGETS = {"linux": "cp312-manylinux_2_28_x86_64", "windows": "cp311-win_amd64"}


@pytest.fixture
def repo(repo: Repository) -> Repository:
    """The repository of these tests: it follows dependencies, for two named targets."""
    repo.settings = (*FOLLOWING, "--environments", json.dumps(TARGETS))
    return repo


@pytest.fixture
def publish(index: FakeIndex) -> Callable[..., BuiltFile]:
    """``publish(name, version, *requires, **wheel)``: build a wheel and put it on the index."""

    def add(name: str, version: str, *requires: str, **wheel: Any) -> BuiltFile:
        built = build_wheel(name, version, requires_dist=requires, **wheel)
        index.add(name, built)
        return built

    return add


Publish = Callable[..., BuiltFile]


def configure(repo: Repository, **settings: Any) -> Path:
    """Write a config file beside the repository and return its path."""
    path = repo.path.with_name("config.json")
    values = {"repository": str(repo.path), "source": repo.source, "min_free_space": 0}
    values |= {"simple": False, "server": False, "processes": 2, "connections": 4}
    path.write_text(json.dumps(values | settings))
    return path


def report_of(repo: Repository, config: Path, *words: str, expect: int = 0) -> dict[str, Any]:
    """Refresh by a config file alone; return the report."""
    done = repo.run("refresh", "--config", config, "--json", *words, expect=expect)
    return dict(json.loads(done.stdout))


def whys(failures: Any) -> str:
    """Return everything that a report says about failures."""
    return "\n".join(f"{failure.what}: {failure.why}" for failure in failures)


def asked_for(pypi: PyPIServer, file: BuiltFile) -> list[str]:
    """Return the requests about one file."""
    return [path for path in pypi.paths("/files/") if file.filename in path]


# --- what comes -----------------------------------------------------------------------------------


def test_needs_of_needs_come_along(repo: Repository, publish: Publish) -> None:
    files = [publish("app", "1.0", "lib>=1"), publish("lib", "1.5", "base"), publish("base", "3.0")]
    publish("other", "1.0")
    report = repo.refresh("app")
    repo.holds(*files)
    assert (report.exit_code, report.downloaded, report.failed) == (0, 3, ())


def test_an_older_release_is_taken_when_the_newest_suit_nobody(
    repo: Repository, publish: Publish
) -> None:
    app = publish("app", "1.0", "left", "right")
    publish("left", "2.0", "shared<2")
    left = publish("left", "1.0", "shared>=2")
    right = publish("right", "1.0", "shared>=2")
    publish("shared", "1.0")
    shared = publish("shared", "2.0")
    repo.refresh("app")
    repo.holds(app, left, right, shared)


def test_each_goal_is_solved_by_itself(repo: Repository, publish: Publish) -> None:
    files = [
        publish("old", "1.0", "shared<2"),
        publish("new", "1.0", "shared>=2"),
        publish("shared", "1.0"),
        publish("shared", "2.0"),
    ]
    repo.refresh("old", "new")
    repo.holds(*files)


def test_extras_of_extras(repo: Repository, publish: Publish) -> None:
    extras = {"all": ["app[fast]"], "fast": ["speedup"], "docs": ["writer"]}
    files = [publish("app", "1.0", extras=extras), publish("speedup", "1.0")]
    publish("writer", "1.0")
    repo.refresh("app[all]")
    repo.holds(*files)


def test_markers_are_those_of_the_targets(repo: Repository, publish: Publish) -> None:
    files = [
        publish(
            "app",
            "1.0",
            'only-windows; sys_platform == "win32"',
            'only-mac; sys_platform == "darwin"',
            'backport; python_version < "3.12"',
        ),
        publish("only-windows", "1.0"),
        publish("backport", "1.0"),
    ]
    publish("only-mac", "1.0")
    repo.refresh("app")
    repo.holds(*files)
    rows = repo.query("SELECT DISTINCT environment FROM required_by WHERE filename LIKE 'only%'")
    assert rows == [("windows",)]


def test_wheels_of_the_targets_and_no_others(repo: Repository, publish: Publish) -> None:
    def native(python: str, platform: str) -> BuiltFile:
        return publish("app", "1.0", python_tag=python, abi_tag=python, platform_tag=platform)

    wanted = [native("cp312", "manylinux_2_17_x86_64"), native("cp311", "win_amd64")]
    native("cp312", "win_amd64")
    native("cp312", "manylinux_2_34_x86_64")
    native("cp311", "manylinux_2_17_x86_64")
    repo.refresh("app")
    repo.holds(*wanted)


def test_the_config_file_of_the_handbook(repo: Repository, publish: Publish) -> None:
    files = [
        publish("flask-like", "3.0", "template>=1", 'color; sys_platform == "win32"'),
        publish("template", "1.2"),
        publish("color", "0.4"),
        publish("rich-like", "13.0", "marks"),
        publish("marks", "2.0"),
    ]
    config = configure(repo, packages=["flask-like", "rich-like"], environments=TARGETS)
    report = report_of(repo, config)
    repo.holds(*files)
    assert report["exit_code"] == 0
    done = repo.run("check", "--config", config)
    assert done.stdout == "OK: 2 goals install on linux, windows\n"


def test_a_file_is_one_group_with_constraints(
    repo: Repository, publish: Publish, tmp_path: Path
) -> None:
    (tmp_path / "limits.txt").write_text("base<3\nunused<1\n")
    (tmp_path / "group.txt").write_text('-c limits.txt\napp\nlib<2  # old\nmac; os_name == "mac"\n')
    files = [publish("app", "1.0", "lib", "base"), publish("lib", "1.0"), publish("base", "2.0")]
    publish("lib", "2.0")
    publish("base", "3.0")
    publish("unused", "0.1")
    report = repo.refresh("-r", tmp_path / "group.txt")
    repo.holds(*files)
    assert report.failed == ()


@pytest.mark.parametrize(
    ("mode", "versions"), [("solve", "12"), ("latest", "123"), ("all", "1234")]
)
def test_modes(repo: Repository, publish: Publish, mode: str, versions: str) -> None:
    app = publish("app", "1.0", "lib", "shared<3")
    libs = {
        "1": publish("lib", "1.0", "shared"),
        "2": publish("shared", "2.0"),
        "3": publish("shared", "3.0"),
        "4": publish("shared", "1.0"),
    }
    repo.refresh("app", "--resolve", mode)
    repo.holds(app, *(libs[key] for key in versions))


def test_sdists_bring_what_building_needs(
    repo: Repository, index: FakeIndex, publish: Publish
) -> None:
    sdist = build_sdist("app", "1.0", requires_dist=["lib"], build_requires=["builder>=2"])
    index.add("app", sdist)
    files = [publish("lib", "1.0"), publish("builder", "2.1", "wheelwright")]
    files.append(publish("wheelwright", "1.0"))
    report = repo.refresh("app")
    repo.holds(sdist, files[0])
    assert report.sdist_only == ("app 1.0 for linux", "app 1.0 for windows")
    repo.refresh("app", "--build-requirements")
    repo.holds(sdist, *files)


# --- what it costs --------------------------------------------------------------------------------


def test_everything_is_asked_for_once(repo: Repository, pypi: PyPIServer, publish: Publish) -> None:
    files = [publish("app", "1.0", "lib"), publish("lib", "1.0", "base"), publish("base", "1.0")]
    report = repo.refresh("app")
    counts = Counter(pypi.paths())
    assert set(counts.values()) == {1}
    assert sum(path.endswith(".metadata") for path in counts) == len(files) == report.metadata
    assert len(counts) == 3 * len(files)
    assert report.rounds > 0


def test_a_second_run_asks_for_documents_alone(
    repo: Repository, pypi: PyPIServer, publish: Publish
) -> None:
    publish("app", "1.0", "lib")
    publish("lib", "1.0")
    repo.refresh("app")
    before = repo.identity()
    pypi.reset()
    report = repo.refresh("app")
    assert sorted(pypi.paths()) == ["/pypi/app/json", "/pypi/lib/json"]
    assert {request.status for request in pypi.requests} == {304}
    assert (report.metadata, report.downloaded, report.deleted) == (0, 0, 0)
    assert repo.identity() == before


def test_metadata_by_ranges_out_of_a_wheel(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, publish: Publish
) -> None:
    app = build_wheel("app", "1.0", requires_dist=["lib"], payload_size=3_000_000)
    index.add("app", app, core_metadata=False)
    older = build_wheel("app", "0.9", payload_size=3_000_000)
    index.add("app", older, core_metadata=False)
    lib = publish("lib", "1.0")
    report = repo.refresh("app", "--dry-run")
    assert [request.status for request in pypi.requests if app.filename in request.path] == [206]
    assert asked_for(pypi, older) == []
    assert {action.filename for action in report.plan} == {app.filename, lib.filename}
    assert report.received_bytes < 200_000


def test_metadata_from_a_server_without_ranges_costs_the_wheel_once(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, publish: Publish
) -> None:
    app = build_wheel("app", "1.0", requires_dist=["lib"], payload_size=300_000)
    index.add("app", app, core_metadata=False)
    lib = publish("lib", "1.0")
    pypi.switches.no_ranges = True
    report = repo.refresh("app")
    repo.holds(app, lib)
    assert report.received_bytes < 1.5 * app.size


@pytest.mark.parametrize("kind", ["static", "dynamic", "requires.txt", "pyproject"])
def test_metadata_of_an_sdist_without_building(
    repo: Repository, index: FakeIndex, publish: Publish, kind: str
) -> None:
    options: dict[str, Any] = {
        "static": {"requires_dist": ["lib"]},
        "dynamic": {"metadata_lines": ["Dynamic: Requires-Dist"], "requires_dist": ["lib"]},
        "requires.txt": {
            "requires_dist": ["lib"],
            "metadata_version": "1.1",
            "with_pyproject": False,
        },
        "pyproject": {
            "metadata_version": "2.1",
            "files": {
                "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "bomb"\n'
                b'[project]\nname = "app"\nversion = "1.0"\ndependencies = ["lib"]\n'
            },
        },
    }
    bomb = {"setup.py": b"raise SystemExit('a build was run')\n"} if kind == "requires.txt" else {}
    given = {**options[kind]}
    given["files"] = {**given.get("files", {}), **bomb}
    sdist = build_sdist("app", "1.0", **given)
    index.add("app", sdist)
    lib = publish("lib", "1.0")
    report = repo.refresh("app")
    repo.holds(sdist, lib)
    assert report.exit_code == 0


def test_an_sdist_that_was_read_is_not_fetched_again(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    sdist = build_sdist("app", "1.0", payload_size=200_000)
    index.add("app", sdist)
    repo.refresh("app")
    repo.holds(sdist)
    assert len(asked_for(pypi, sdist)) == 1


def test_metadata_of_a_file_that_lies_here_is_read_there(
    repo: Repository, pypi: PyPIServer, publish: Publish
) -> None:
    app, lib = publish("app", "1.0", "lib"), publish("lib", "1.0")
    repo.refresh("app", "lib", "--no-dependencies")
    pypi.reset()
    repo.refresh("app")
    repo.holds(app, lib)
    assert pypi.paths("/files/") == []


def test_metadata_with_a_wrong_digest_is_not_believed(
    repo: Repository, index: FakeIndex, publish: Publish
) -> None:
    lying = build_wheel("app", "2.0", requires_dist=["lib"])
    index.add("app", lying, extra={"core-metadata": {"sha256": "0" * 64}})
    older = publish("app", "1.0")
    publish("lib", "1.0")
    report = repo.refresh("app")
    assert any(lying.filename in text and "sha256" in text for text in report.warnings)
    repo.holds(older)


def test_what_the_document_says_of_needs_is_ignored(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, publish: Publish
) -> None:
    app, lib = publish("app", "1.0", "lib"), publish("lib", "1.0")
    publish("decoy", "1.0")
    index.add_project("app", requires_dist=["decoy"])
    index.add_project("lib", requires_dist=["decoy", "nowhere"])
    repo.refresh("app")
    repo.holds(app, lib)
    assert pypi.count("/pypi/decoy") == pypi.count("/pypi/nowhere") == 0


# --- what is said ---------------------------------------------------------------------------------


def test_one_impossible_goal_does_not_stop_the_others(repo: Repository, publish: Publish) -> None:
    publish("bad", "1.0", "left", "right")
    publish("left", "1.0", "shared<2")
    publish("right", "1.0", "shared>=2")
    publish("shared", "1.0")
    publish("shared", "2.0")
    good = publish("good", "1.0")
    report = repo.refresh("bad", "good", expect=3)
    repo.holds(good)
    assert [failure.what for failure in report.failed] == ["bad for linux", "bad for windows"]
    said = whys(report.failed)
    assert "left 1.0 depends on shared<2" in said
    assert "right 1.0 depends on shared>=2" in said


def test_rules_that_stand_in_the_way_are_named(
    repo: Repository, index: FakeIndex, publish: Publish
) -> None:
    publish("app", "1.0", "lib>=2")
    publish("lib", "1.0")
    index.add("lib", build_wheel("lib", "2.0"), upload_time="2025-06-01T00:00:00Z")
    report = repo.refresh("app", "--uploaded-before", "2025-01-01", expect=3)
    said = whys(report.failed)
    assert "lib 2.0 is skipped" in said
    assert "app 1.0 depends on lib>=2" in said


def test_a_dependency_that_does_not_exist(repo: Repository, publish: Publish) -> None:
    publish("app", "1.0", "nowhere>=1")
    report = repo.refresh("app", expect=3)
    said = whys(report.failed)
    assert "project nowhere not found" in said
    assert "app 1.0 depends on nowhere>=1" in said
    assert repo.names() == set()


def test_a_goal_that_does_not_exist_is_told_once(repo: Repository, publish: Publish) -> None:
    good = publish("good", "1.0")
    report = repo.refresh("nowhere", "good", expect=3)
    repo.holds(good)
    assert (report.missing, report.failed) == (("nowhere",), ())


def test_a_direct_url_shows_the_chain(repo: Repository, publish: Publish) -> None:
    publish("app", "1.0", "middle")
    publish("middle", "1.0", "far @ https://files.example/far-1.0-py3-none-any.whl")
    report = repo.refresh("app", expect=3)
    said = whys(report.failed)
    assert "far @ https://files.example/far-1.0-py3-none-any.whl is a direct URL" in said
    assert "needed by middle 1.0" in said
    assert "app" in said.replace("app for", "")


def test_explain_names_the_file_that_a_group_came_from(
    repo: Repository, publish: Publish, tmp_path: Path
) -> None:
    app = publish("app", "1.0")
    (tmp_path / "group.txt").write_text("app<2\n")
    config = configure(repo, packages=["-r group.txt"], environments=TARGETS)
    report_of(repo, config)
    said = repo.run("explain", app.filename, "--config", config).stdout
    assert "for linux, windows: app<2 <- group.txt\n" in said


def test_an_unknown_environment_key_is_named(repo: Repository) -> None:
    config = configure(repo, packages=["app"], environments={"box": {"os_name": "posix"}})
    done = repo.run("refresh", "--config", config, expect=2)
    assert "$.environments.box." in done.stderr


def test_check_names_what_is_missing_offline(
    repo: Repository, pypi: PyPIServer, publish: Publish
) -> None:
    publish("app", "1.0", "lib")
    lib = publish("lib", "1.0")
    config = configure(repo, packages=["app"], environments=TARGETS)
    report_of(repo, config)
    assert json.loads(repo.run("check", "--config", config, "--json").stdout)["closed"]
    pypi.close()
    (repo.path / lib.filename).unlink()
    done = repo.run("check", "--config", config, expect=3)
    assert "missing: app for linux" in done.stdout
    assert "missing: app for windows" in done.stdout
    assert "project lib has no files" in done.stdout
    only = repo.run("check", "--config", config, "-e", "linux", expect=3)
    assert "windows" not in only.stdout
    assert repo.run("check", "--config", config, "-e", "moon", expect=2).stdout == ""


def test_check_of_other_requirements(repo: Repository, publish: Publish, tmp_path: Path) -> None:
    publish("app", "1.0", "lib")
    publish("lib", "1.0")
    config = configure(repo, packages=["app"], environments=TARGETS)
    report_of(repo, config)
    (tmp_path / "wishes.txt").write_text("lib>=1\napp\n")
    repo.run("check", "--config", config, "lib", "-r", tmp_path / "wishes.txt")
    repo.run("check", "--config", config, "lib>=2", expect=3)


def test_check_of_all_that_is_there_needs_no_settings(repo: Repository, publish: Publish) -> None:
    publish("app", "1.0", "lib")
    lib = publish("lib", "1.0")
    repo.run("refresh", "app", *repo.flags())
    assert "2 goals" in repo.run("check", "--repository", repo.path).stdout
    (repo.path / lib.filename).unlink()
    done = repo.run("check", "--repository", repo.path, expect=3)
    assert "missing: app" in done.stdout


def test_check_lists_what_must_be_built(
    repo: Repository, index: FakeIndex, publish: Publish
) -> None:
    publish("app", "1.0", "source-only")
    index.add("source-only", build_sdist("source-only", "1.0", filename="source_only-1.0.tar.gz"))
    config = configure(repo, packages=["app"], environments=TARGETS)
    assert report_of(repo, config)["sdist_only"] == [
        "source-only 1.0 for linux",
        "source-only 1.0 for windows",
    ]
    assert "source-only 1.0 for windows" in repo.run("check", "--config", config).stdout


def test_explain_shows_the_chain_to_the_goal(repo: Repository, publish: Publish) -> None:
    publish("app", "1.0", 'middle>=1; sys_platform == "win32"')
    publish("middle", "1.0", "base<9")
    base = publish("base", "1.0")
    publish("base", "0.5")
    config = configure(repo, packages=["app>=1"], environments=TARGETS)
    report_of(repo, config)
    said = repo.run("explain", base.filename, "--config", config).stdout
    assert "for windows: base<9 of middle==1.0 <- middle>=1 of app==1.0 <- app>=1\n" in said
    assert "linux" not in said
    of_project = repo.run("explain", "base", "--config", config).stdout
    assert "out   base-0.5-py3-none-any.whl" in of_project


# --- over time ------------------------------------------------------------------------------------


def test_real_pip_installs_the_closure_offline(
    repo: Repository,
    index: FakeIndex,
    publish: Publish,
    fresh_venv: Callable[..., Environment],
    tmp_path: Path,
) -> None:
    repo.settings = FOLLOWING
    publish("app", "2.0", "lib>=2", "source")
    publish("lib", "3.0", 'mac; sys_platform == "darwin"')
    publish("lib", "2.0")
    index.add("source", build_sdist("source", "1.0", requires_dist=["lib<3"]))
    (tmp_path / "group.txt").write_text("app\nlib!=5\n")
    repo.refresh("app", "-r", tmp_path / "group.txt")
    venv = fresh_venv()
    venv.pip("install", "--no-index", "--find-links", repo.path, "-r", tmp_path / "group.txt")
    listed = json.loads(venv.pip("list", "--format", "json").stdout)
    versions = {one["name"]: one["version"] for one in listed}
    assert (versions["app"], versions["lib"], versions["source"]) == ("2.0", "2.0", "1.0")
    venv.pip("check")


def test_a_scoped_run_keeps_what_other_goals_need(repo: Repository, publish: Publish) -> None:
    app, lib = publish("app", "1.0", "lib<2"), publish("lib", "1.0")
    repo.refresh("app")
    other, newer = publish("other", "1.0", "lib"), publish("lib", "2.0")
    repo.refresh("other")
    repo.holds(app, lib, other, newer)


def test_a_scoped_run_replaces_its_own_goal(repo: Repository, publish: Publish) -> None:
    publish("app", "1.0", "lib<2")
    publish("lib", "1.0")
    repo.refresh("app")
    app, lib = publish("app", "2.0", "lib>=2"), publish("lib", "2.0")
    repo.refresh("app")
    repo.holds(app, lib)
    other = publish("other", "1.0")
    repo.refresh("other")
    repo.holds(app, lib, other)


def test_what_nobody_needs_any_more_is_pruned(repo: Repository, publish: Publish) -> None:
    app, lib = publish("app", "1.0", "lib"), publish("lib", "1.0")
    other, only = publish("other", "1.0", "only"), publish("only", "1.0")
    both = configure(repo, packages=["app", "other"], environments=TARGETS)
    report_of(repo, both)
    repo.holds(app, lib, other, only)
    one = configure(repo, packages=["app"], environments=TARGETS)
    assert report_of(repo, one)["deleted"] == 2
    repo.holds(app, lib)
    assert repo.query("SELECT DISTINCT goal FROM required_by") == [("app",)]


def test_a_target_that_goes_takes_its_files_along(repo: Repository, publish: Publish) -> None:
    app = publish("app", "1.0", 'color; sys_platform == "win32"')
    color = publish("color", "1.0")
    report_of(repo, configure(repo, packages=["app"], environments=TARGETS))
    repo.holds(app, color)
    report_of(repo, configure(repo, packages=["app"], environments=["cp312-manylinux_2_28_x86_64"]))
    repo.holds(app)


def test_nothing_is_pruned_while_a_goal_is_not_met(repo: Repository, publish: Publish) -> None:
    app, lib = publish("app", "1.0", "lib"), publish("lib", "1.0")
    config = configure(repo, packages=["app"], environments=TARGETS)
    report_of(repo, config)
    newer = publish("app", "2.0", "lib", "nowhere")
    report = report_of(repo, config)
    repo.holds(app, lib)
    assert newer.filename not in repo.names()
    assert report["failed"] == []
    report_of(repo, configure(repo, packages=["app>=2"], environments=TARGETS), expect=3)
    assert lib.filename in repo.names()
    assert app.filename in repo.names()


def test_what_a_goal_had_stays_until_it_is_met_again(repo: Repository, publish: Publish) -> None:
    app, lib = publish("app", "1.0", "lib<2"), publish("lib", "1.0")
    good = publish("good", "1.0")
    config = configure(repo, packages=["app", "good"], environments=TARGETS)
    report_of(repo, config)
    repo.holds(app, lib, good)
    newer = publish("good", "1.1")
    for _ in range(2):
        limited = configure(
            repo, packages=["app", "good"], environments=TARGETS, exclude=["app==1.0"]
        )
        report_of(repo, limited, expect=3)
        assert lib.filename in repo.names()
        assert newer.filename in repo.names()
        assert good.filename not in repo.names()


def test_prune_deletes_nothing_of_a_closure(repo: Repository, publish: Publish) -> None:
    app, lib = publish("app", "1.0", "lib<2"), publish("lib", "1.0")
    publish("lib", "2.0")
    config = configure(repo, packages=["app"], environments=TARGETS)
    report_of(repo, config)
    repo.run("prune", "--config", config)
    repo.holds(app, lib)


def test_a_newer_dependency_replaces_the_old_one(repo: Repository, publish: Publish) -> None:
    app = publish("app", "1.0", "lib")
    publish("lib", "1.0")
    config = configure(repo, packages=["app"], environments=TARGETS)
    report_of(repo, config)
    newer = publish("lib", "1.1")
    report = report_of(repo, config)
    repo.holds(app, newer)
    assert (report["downloaded"], report["deleted"], report["metadata"]) == (1, 1, 1)


def test_a_lost_file_of_the_closure_comes_back(repo: Repository, publish: Publish) -> None:
    app, lib = publish("app", "1.0", "lib"), publish("lib", "1.0")
    repo.refresh("app")
    (repo.path / lib.filename).unlink()
    report = repo.refresh("app")
    repo.holds(app, lib)
    assert report.downloaded == 1


def test_a_file_that_cannot_be_had_is_told_with_the_goal(
    repo: Repository, index: FakeIndex, publish: Publish
) -> None:
    publish("app", "1.0", "lib")
    lib = build_wheel("lib", "1.0")
    index.add("lib", lib, digests={"sha256": "0" * 64})
    report = repo.refresh("app", expect=3)
    assert lib.filename not in repo.names()
    said = whys(report.failed)
    assert lib.filename in said
    assert "app for linux" in said
    assert "project lib has no files" in said
