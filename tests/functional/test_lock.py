"""Lock files: what they hold, that others can read them, and that they install offline."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from microrepo.formats.toml import read_toml
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import Environment, clean_environment, run_program
from tests.support.repository import Repository, tree_of
from tests.support.server import PyPIServer
from tests.support.tools import tool

FOLLOWING = (
    *("--processes", "2", "--connections", "4", "--min-free-space", "0"),
    *("--no-simple", "--no-server"),
)
TARGETS = {"linux": "cp312-manylinux_2_28_x86_64", "windows": "cp311-win_amd64"}
SHOW = (
    "import importlib.metadata as m; print(sorted((d.name, d.version) for d in m.distributions()))"
)

Publish = Callable[..., BuiltFile]
Venvs = Callable[..., Environment]


@pytest.fixture
def repo(repo: Repository) -> Repository:
    """A repository for two named targets, with lock files in a folder of its own."""
    repo.settings = (*FOLLOWING, "--environments", json.dumps(TARGETS))
    return repo


@pytest.fixture
def here(repo: Repository) -> Repository:
    """The same repository for the running Python."""
    repo.settings = FOLLOWING
    return repo


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """The folder of the lock files; it has to be made."""
    return tmp_path / "made" / "locks"


@pytest.fixture
def publish(index: FakeIndex) -> Publish:
    """``publish(name, version, *requires, **wheel)``: build a wheel and put it on the index."""

    def add(name: str, version: str, *requires: str, **wheel: Any) -> BuiltFile:
        built = build_wheel(name, version, requires_dist=requires, **wheel)
        index.add(name, built)
        return built

    return add


def read_lock(path: Path) -> dict[str, Any]:
    """Return a lock file as a table, checked by others where this Python has the means."""
    table = read_toml(path.read_bytes())
    assert table is not None, path.read_text()
    try:
        from packaging.pylock import Pylock, is_valid_pylock_path
    except ImportError:
        pass
    else:
        Pylock.from_dict(table).validate()
        assert is_valid_pylock_path(path)
    return table


def versions(table: dict[str, Any]) -> dict[str, str]:
    """Return the locked version of each package."""
    return {package["name"]: package["version"] for package in table["packages"]}


# --- what they hold -------------------------------------------------------------------------------


def test_each_environment_has_a_lock_with_paths_sizes_and_digests(
    repo: Repository, index: FakeIndex, publish: Publish, locks: Path
) -> None:
    app = publish("app", "1.0", "lib>=1", 'color; sys_platform == "win32"')
    lib = publish("lib", "1.5", requires_python=">=3.8")
    sdist = build_sdist("lib", "1.5")
    index.add("lib", sdist)
    publish("color", "0.4")
    report = repo.refresh("app", "--lock", locks)
    assert report.locks == tuple(str(locks / f"pylock.{name}.toml") for name in TARGETS)
    linux, windows = (read_lock(Path(path)) for path in report.locks)
    assert versions(linux) == {"app": "1.0", "lib": "1.5"}
    assert versions(windows) == {"app": "1.0", "lib": "1.5", "color": "0.4"}
    assert 'sys_platform == "win32"' in windows["environments"][0]
    assert (linux["requires-python"], windows["requires-python"]) == (">=3.12", ">=3.11")
    first, second = linux["packages"]
    assert first["dependencies"] == [{"name": "lib"}]
    for table, file in ((first["wheels"][0], app), (second["wheels"][0], lib)):
        assert (locks / table["path"]).resolve() == repo.path / file.filename
        assert (table["size"], table["hashes"]) == (file.size, {"sha256": file.sha256})
    assert second["sdist"]["hashes"] == {"sha256": sdist.sha256}
    assert linux["tool"]["microrepo"] == {"environment": "linux", "goals": ["app"]}


def test_nothing_is_written_when_nothing_changed(
    repo: Repository, publish: Publish, locks: Path
) -> None:
    publish("app", "1.0", "lib")
    publish("lib", "1.0")
    assert repo.refresh("app", "--lock", locks).locks_changed == 2
    before = tree_of(locks)
    again = repo.refresh("app", "--lock", locks)
    assert (again.locks_changed, len(again.locks)) == (0, 2)
    assert tree_of(locks) == before
    publish("lib", "1.1")
    assert repo.refresh("app", "--lock", locks).locks_changed == 2
    assert versions(read_lock(locks / "pylock.linux.toml"))["lib"] == "1.1"


def test_files_are_groups_and_bare_requirements_are_one(
    repo: Repository, publish: Publish, locks: Path, tmp_path: Path
) -> None:
    publish("app", "1.0", "lib")
    publish("other", "1.0")
    publish("lib", "1.0")
    publish("lib", "2.0")
    (tmp_path / "old.txt").write_text("lib<2\n")
    (tmp_path / "run.py").write_text("# /// script\n# dependencies = ['other']\n# ///\n")
    files = ("-r", tmp_path / "old.txt", "-r", tmp_path / "run.py")
    repo.refresh("app", "other", *files, "--lock", locks)
    found = {path.name: versions(read_lock(path)) for path in locks.iterdir()}
    assert {name: found[name] for name in found if "linux" in name} == {
        "pylock.linux.toml": {"app": "1.0", "lib": "2.0", "other": "1.0"},
        "pylock.linux-old.toml": {"lib": "1.0"},
        "pylock.linux-run.toml": {"other": "1.0"},
    }


def test_bare_requirements_that_disagree_have_a_lock_each(
    repo: Repository, publish: Publish, locks: Path
) -> None:
    publish("old", "1.0", "shared<2")
    publish("new", "1.0", "shared>=2")
    publish("shared", "1.0")
    publish("shared", "2.0")
    report = repo.refresh("old", "new", "--lock", locks)
    found = {path.name: versions(read_lock(path)) for path in locks.iterdir()}
    assert found["pylock.linux-old.toml"] == {"old": "1.0", "shared": "1.0"}
    assert found["pylock.linux-new.toml"] == {"new": "1.0", "shared": "2.0"}
    assert "pylock.linux.toml" not in found
    assert any(
        "cannot be installed together in linux" in text and "shared" in text
        for text in report.warnings
    )


def test_bare_requirements_that_can_agree_share_a_lock(
    repo: Repository, publish: Publish, locks: Path
) -> None:
    publish("app", "1.0", "shared")
    publish("old", "1.0", "shared<2")
    publish("shared", "1.0")
    publish("shared", "2.0")
    report = repo.refresh("app", "old", "--lock", locks)
    wanted = {"app": "1.0", "old": "1.0", "shared": "1.0"}
    assert versions(read_lock(locks / "pylock.linux.toml")) == wanted
    assert report.warnings == ()


def test_goals_that_are_not_met_are_in_no_lock(
    repo: Repository, publish: Publish, locks: Path, tmp_path: Path
) -> None:
    publish("app", "1.0")
    publish("bad", "1.0", "nowhere")
    (tmp_path / "bad.txt").write_text("app\nbad\n")
    files = ("-r", tmp_path / "bad.txt")
    report = repo.refresh("app", "bad", *files, "--lock", locks, expect=3)
    assert {path.name for path in locks.iterdir()} == {"pylock.linux.toml", "pylock.windows.toml"}
    assert versions(read_lock(locks / "pylock.linux.toml")) == {"app": "1.0"}
    assert "bad.txt for linux, windows" in [failure.what for failure in report.failed]
    assert not any("lock" in text for text in report.warnings)


def test_a_goal_that_fails_leaves_the_lock_that_it_shares(
    repo: Repository, index: FakeIndex, publish: Publish, locks: Path
) -> None:
    publish("app", "1.0")
    publish("other", "1.0")
    repo.refresh("app", "other", "--lock", locks)
    before = {path.name: path.read_bytes() for path in locks.iterdir()}
    publish("app", "2.0", "nowhere")
    index.yank("app", "1.0")
    repo.refresh("app", "other", "--lock", locks, expect=3)
    assert {path.name: path.read_bytes() for path in locks.iterdir()} == before


def test_every_mode_locks_one_release_of_each_project(
    repo: Repository, publish: Publish, locks: Path
) -> None:
    publish("app", "1.0", "lib", "shared<3")
    publish("lib", "1.0", "shared>=1")
    for version in ("1.0", "2.0", "3.0"):
        publish("shared", version)
    repo.refresh("app", "--resolve", "all", "--lock", locks)
    wanted = {"app": "1.0", "lib": "1.0", "shared": "2.0"}
    assert versions(read_lock(locks / "pylock.linux.toml")) == wanted


def test_a_dry_run_writes_no_lock(repo: Repository, publish: Publish, locks: Path) -> None:
    publish("app", "1.0")
    assert repo.refresh("app", "--dry-run", "--lock", locks).locks == ()
    assert not locks.exists()


def test_a_lock_that_cannot_be_written_is_told(
    repo: Repository, publish: Publish, tmp_path: Path
) -> None:
    app = publish("app", "1.0")
    (tmp_path / "file").touch()
    report = repo.refresh("app", "--lock", tmp_path / "file", expect=3)
    repo.holds(app)
    assert "pylock.linux.toml" in report.failed[0].what
    assert "cannot be written" in report.failed[0].why


def test_a_lock_without_dependencies_is_told(
    repo: Repository, publish: Publish, locks: Path
) -> None:
    publish("app", "1.0")
    report = repo.refresh("app", "--no-dependencies", "--lock", locks)
    assert any("`lock` writes nothing" in text for text in report.warnings)


def test_check_locks_what_is_there(
    repo: Repository, pypi: PyPIServer, publish: Publish, locks: Path, tmp_path: Path
) -> None:
    publish("app", "1.0", "lib")
    publish("lib", "1.0")
    settings: dict[str, Any] = {
        "repository": str(repo.path),
        "source": repo.source,
        "packages": ["app"],
    }
    settings |= {"environments": TARGETS, "lock": "locks", "simple": False, "server": False}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**settings, "min_free_space": 0, "processes": 2}))
    repo.run("refresh", "--config", config)
    before = tree_of(tmp_path / "locks")
    pypi.close()
    done = repo.run("check", "--config", config, "-e", "linux", "lib", "--lock", locks)
    assert f"locked: {locks / 'pylock.linux.toml'}" in done.stdout
    assert versions(read_lock(locks / "pylock.linux.toml")) == {"lib": "1.0"}
    assert [path.name for path in locks.iterdir()] == ["pylock.linux.toml"]
    repo.run("check", "--config", config, "lib")
    assert tree_of(tmp_path / "locks") == before


def test_a_lock_read_back_gives_the_same_set(
    repo: Repository, publish: Publish, locks: Path, tmp_path: Path
) -> None:
    app, lib = publish("app", "1.0", "lib"), publish("lib", "1.0")
    repo.refresh("app", "--lock", locks)
    publish("lib", "2.0")
    publish("app", "2.0", "lib")
    lock = locks / "pylock.linux.toml"
    other = Repository(tmp_path / "other", repo.source, repo.program, repo.settings)
    other.settings = (*FOLLOWING, "--environments", json.dumps({"linux": TARGETS["linux"]}))
    other.refresh("-r", lock, "--lock", tmp_path / "again")
    other.holds(app, lib)
    again = read_lock(tmp_path / "again" / "pylock.linux-linux.toml")
    assert versions(again) == versions(read_lock(lock))


def test_a_script_says_which_pythons_it_is_for(
    repo: Repository, publish: Publish, tmp_path: Path
) -> None:
    app = publish("app", "1.0")
    script = tmp_path / "run.py"
    script.write_text(
        "# /// script\n# requires-python = '>=3.12'\n# dependencies = ['app']\n# ///\n"
    )
    report = repo.refresh("-r", script, expect=3)
    repo.holds(app)
    assert [failure.what for failure in report.failed] == ["run.py for windows"]
    assert "requires Python >=3.12" in report.failed[0].why
    script.write_text("#!/bin/false\n# /// script\n# dependencies = ['app', '??']\n# ///\n")
    assert "run.py:3: " in repo.run("refresh", "-r", script, *repo.flags(), expect=2).stderr


# --- what others do with them ---------------------------------------------------------------------


@pytest.fixture
def locked(
    here: Repository, index: FakeIndex, pypi: PyPIServer, publish: Publish, locks: Path
) -> Path:
    """The lock file of a closure for the running Python; its source is gone."""
    publish("app", "1.0", "lib", "deep[fast]")
    publish("lib", "1.0")
    publish("deep", "1.0", extras={"fast": ["speedup"]})
    publish("speedup", "1.0")
    report = here.refresh("app", "--lock", locks)
    publish("lib", "2.0")
    pypi.close()
    return Path(report.locks[0])


SET = [("app", "1.0"), ("deep", "1.0"), ("lib", "1.0"), ("speedup", "1.0")]


def test_uv_installs_a_lock_offline(locked: Path, fresh_venv: Venvs) -> None:
    for command in ("sync", "install"):
        venv = fresh_venv()
        words = ["--offline", "--no-index", "--preview-features", "pylock"]
        where: list[str | Path] = [locked] if command == "sync" else ["-r", locked]
        venv.uv("pip", command, *words, *where)
        assert venv.run("-c", SHOW).stdout == f"{SET}\n"


def test_the_newest_pip_installs_a_lock_offline(locked: Path, fresh_venv: Venvs) -> None:
    python = tool("newest-pip", ["pip"]) / "python"
    venv = fresh_venv()
    words = ["--isolated", "--disable-pip-version-check", "install", "--no-index"]
    run_program(
        [python, "-m", "pip", "--python", venv.python, *words, "-r", locked],
        env=clean_environment(venv.directory, {"PIP_CONFIG_FILE": os.devnull}),
        cwd=venv.directory,
        check=True,
        timeout_s=120,
    )
    assert venv.run("-c", SHOW).stdout == f"{SET}\n"


@pytest.mark.parametrize(
    ("before", "succeeds"), [("2024-01-01T00:00:00Z", False), ("2024-01-01T00:00:01Z", True)]
)
def test_pip_applies_its_own_delay_to_a_served_lock(
    here: Repository, publish: Publish, fresh_venv: Venvs, before: str, succeeds: bool
) -> None:
    """The lock has the upload times of the index, here the first moment of 2024."""
    python = tool("newest-pip", ["pip"]) / "python"
    publish("app", "1.0", "lib")
    publish("lib", "1.0")
    (lock,) = here.refresh("app", "--lock", here.path).locks
    venv = fresh_venv()
    words = ["--isolated", "install", "--no-index", "--uploaded-prior-to", before]
    with _served(here.path) as url:
        done = run_program(
            [python, "-m", "pip", "--python", venv.python, *words, "-r", url + Path(lock).name],
            env=clean_environment(venv.directory, {"PIP_CONFIG_FILE": os.devnull}),
            cwd=venv.directory,
            timeout_s=120,
        )
    assert (done.returncode == 0) is succeeds, done.stdout + done.stderr
    assert ("not prior to" in done.stdout + done.stderr) is not succeeds


@contextmanager
def _served(directory: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def test_uv_notices_a_file_that_changed(here: Repository, locked: Path, fresh_venv: Venvs) -> None:
    other = build_wheel("lib", "1.0", payload_size=10)
    (here.path / other.filename).write_bytes(other.content)
    words = ["--offline", "--no-index", "--preview-features", "pylock"]
    done = fresh_venv().uv("pip", "sync", *words, locked, check=False)
    assert done.returncode != 0
    assert "lib" in done.stderr
