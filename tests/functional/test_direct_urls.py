"""Requirements that name a URL: fetched, kept, found again, and what installers make of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microrepo.operations.records.report import Report
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import Environment, clean_environment, run_program
from tests.support.repository import Repository, tree_of
from tests.support.server import PyPIServer
from tests.support.tools import tool

PLAIN = (
    *("--processes", "2", "--connections", "4", "--min-free-space", "0"),
    *("--no-simple", "--no-server"),
)
Publish = Callable[..., BuiltFile]
Place = Callable[..., str]


@pytest.fixture
def repo(repo: Repository) -> Repository:
    """A repository that follows direct URLs."""
    repo.settings = (*PLAIN, "--allow-urls")
    return repo


@pytest.fixture
def publish(index: FakeIndex) -> Publish:
    """``publish(name, version, *requires, **wheel)``: build a wheel and put it on the index."""

    def add(name: str, version: str, *requires: str, **wheel: Any) -> BuiltFile:
        built = build_wheel(name, version, requires_dist=requires, **wheel)
        index.add(name, built)
        return built

    return add


@pytest.fixture
def place(index: FakeIndex, pypi: PyPIServer) -> Place:
    """``place(file, digest=True)``: put a file where the index does not list it; its URL."""

    def add(built: BuiltFile, *, digest: bool = True) -> str:
        index.add("somewhere-else", built)
        path = index.file("somewhere-else", built.filename).path
        return f"{pypi.url}{path}" + (f"#sha256={built.sha256}" if digest else "")

    return add


def why(report: Report) -> str:
    """Return all that a report says of failures."""
    return "\n".join(f"{failure.what}: {failure.why}" for failure in report.failed)


def test_what_is_behind_a_url_comes_with_its_needs(
    repo: Repository, pypi: PyPIServer, publish: Publish, place: Place
) -> None:
    far = build_wheel("far", "1.0", requires_dist=["lib"])
    url = place(far)
    app, lib = publish("app", "1.0", f"far @ {url}"), publish("lib", "1.0")
    report = repo.refresh("app")
    repo.holds(app, far, lib)
    assert (report.failed, report.missing, report.warnings) == ((), (), ())
    assert pypi.count("/pypi/far") == 0
    repo.settings = (*repo.settings, "--simple")
    repo.refresh("app")
    page = json.loads((repo.path / "simple" / "far" / "index.v1_json").read_text())
    assert [(file["filename"], file["hashes"]["sha256"]) for file in page["files"]] == [
        (far.filename, far.sha256)
    ]
    said = " ".join(repo.run("explain", far.filename, "--repository", repo.path).stdout.split())
    assert f"far @ {url} of app==1.0 <- app" in said


@pytest.mark.parametrize("mode", ["latest", "all"])
def test_every_mode_follows_urls(
    repo: Repository, publish: Publish, place: Place, mode: str
) -> None:
    far = build_wheel("far", "1.0", requires_dist=["lib"])
    app, lib = publish("app", "1.0", f"far[x] @ {place(far)}"), publish("lib", "1.0")
    planned = repo.refresh("app", "--resolve", mode, "--dry-run")
    assert {action.filename for action in planned.plan} == {
        *(file.filename for file in (app, far, lib))
    }
    assert repo.names() == set()
    assert repo.refresh("app", "--resolve", mode).failed == ()
    repo.holds(app, far, lib)


def test_a_second_run_asks_for_nothing_and_changes_nothing(
    repo: Repository, pypi: PyPIServer, publish: Publish, place: Place
) -> None:
    far = build_wheel("far", "1.0")
    app = publish("app", "1.0", f"far @ {place(far)}")
    repo.settings = (*repo.settings, "--simple")
    repo.refresh("app")
    before = tree_of(repo.path / "simple")
    pypi.reset()
    report = repo.refresh("app")
    assert {app.filename, far.filename} < repo.names()
    assert pypi.paths("/files/") == []
    assert (report.downloaded, report.deleted, report.failed) == (0, 0, ())
    assert tree_of(repo.path / "simple") == before


def test_it_survives_verify_prune_and_check_and_goes_with_its_goal(
    repo: Repository, publish: Publish, place: Place, tmp_path: Path
) -> None:
    far = build_wheel("far", "1.0")
    app, other = publish("app", "1.0", f"far @ {place(far)}"), publish("other", "1.0")
    settings: dict[str, Any] = {"repository": str(repo.path), "source": repo.source}
    settings |= {
        "allow_urls": True,
        "min_free_space": 0,
        "processes": 2,
        "simple": False,
        "server": False,
    }
    both, one = tmp_path / "both.json", tmp_path / "one.json"
    both.write_text(json.dumps({**settings, "packages": ["app", "other"]}))
    one.write_text(json.dumps({**settings, "packages": ["other"]}))
    repo.run("refresh", "--config", both)
    repo.run("prune", "--config", both)
    repo.run("verify", "--config", both, "--deep")
    repo.holds(app, far, other)
    assert "OK: " in repo.run("check", "--config", both).stdout
    (repo.path / far.filename).write_bytes(b"damaged")
    repo.run("verify", "--config", both, "--repair")
    repo.holds(app, far, other)
    (repo.path / far.filename).unlink()
    said = repo.run("check", "--config", both, expect=3).stdout
    assert "its file is not in the repository" in said
    repo.run("refresh", "--config", both)
    repo.holds(app, far, other)
    repo.run("refresh", "--config", one)
    repo.holds(other)


def test_a_goal_may_be_a_url_and_stays_while_others_are_refreshed(
    repo: Repository, index: FakeIndex, publish: Publish, place: Place
) -> None:
    far = build_sdist("far", "1.0", requires_dist=["lib"])
    lib, other = publish("lib", "1.0"), publish("other", "1.0")
    url = place(far)
    report = repo.refresh(f"far @ {url}")
    repo.holds(far, lib)
    assert report.missing == ()
    repo.refresh("other")
    repo.holds(far, lib, other)
    index.remove_project("somewhere-else")
    repo.refresh(f"far @ {url}")
    repo.holds(far, lib, other)


def test_a_url_goes_before_the_index_and_stays_apart_from_it(
    repo: Repository, publish: Publish, place: Place
) -> None:
    newer = publish("far", "2.0")
    far = build_wheel("far", "1.0+patched")
    app = publish("app", "1.0", f"far @ {place(far)}", "lib")
    lib = publish("lib", "1.0", "far>=1")
    repo.refresh("app")
    repo.holds(app, lib, far)
    repo.refresh("app", "lib")
    repo.holds(app, lib, far, newer)


def test_two_contents_under_one_name_are_a_conflict(
    repo: Repository, publish: Publish, place: Place
) -> None:
    publish("far", "1.0")
    publish("app", "1.0", f"far @ {place(build_wheel('far', '1.0', payload_size=9))}")
    report = repo.refresh("app", "far", expect=3)
    assert "far-1.0-py3-none-any.whl" in f"{why(report)} {report.conflicts}"


def test_without_a_digest_only_when_none_is_required(
    repo: Repository, pypi: PyPIServer, publish: Publish, place: Place
) -> None:
    far = build_wheel("far", "1.0")
    app = publish("app", "1.0", f"far @ {place(far, digest=False)}")
    assert "announces no digest" in why(repo.refresh("app", expect=3))
    assert not any(far.filename in path for path in pypi.paths("/files/"))
    repo.refresh("app", "--no-require-digests")
    repo.holds(app, far)
    pypi.reset()
    report = repo.refresh("app", "--no-require-digests")
    assert (report.downloaded, pypi.paths("/files/")) == (0, [])


def test_content_with_another_digest_is_not_kept(
    repo: Repository, publish: Publish, place: Place
) -> None:
    url = place(build_wheel("far", "1.0"), digest=False)
    publish("app", "1.0", f"far @ {url}#sha256={'0' * 64}")
    report = repo.refresh("app", expect=3)
    assert "sha256" in why(report)
    assert repo.names() == set()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("git+https://code.example/far.git", "never followed"),
        ("file:///srv/far-1.0-py3-none-any.whl", "never followed"),
        ("https://code.example/archive/v1.0.zip", "not the name of a wheel or source"),
        ("https://user:secret@code.example/far-1.0-py3-none-any.whl", "put them in netrc"),
        ("http://code.example/far-1.0-py3-none-any.whl#sha256=" + "0" * 64, "plain http"),
    ],
)
def test_urls_that_are_refused_show_the_chain(
    repo: Repository, publish: Publish, url: str, words: str
) -> None:
    publish("app", "1.0", "middle")
    publish("middle", "1.0", f"far @ {url}")
    done = repo.run("refresh", "app", *repo.flags(), expect=3)
    said = " ".join((done.stdout + done.stderr).split())  # lines are wrapped
    assert words in said
    assert "middle 1.0 <- app" in said
    assert "secret" not in said


def test_exclusions_hold_for_urls(repo: Repository, publish: Publish, place: Place) -> None:
    publish("app", "1.0", f"far @ {place(build_wheel('far', '1.0'))}")
    assert "skipped: excluded" in why(repo.refresh("app", "--exclude", "far", expect=3))


def test_a_url_of_another_project_is_told(repo: Repository, publish: Publish, place: Place) -> None:
    publish("app", "1.0", f"near @ {place(build_wheel('far', '1.0'))}")
    assert "is far, not near" in why(repo.refresh("app", expect=3))


def test_what_needs_a_url_installs_from_its_lock(
    repo: Repository,
    pypi: PyPIServer,
    publish: Publish,
    place: Place,
    fresh_venv: Callable[..., Environment],
    tmp_path: Path,
) -> None:
    far = build_wheel("far", "1.0")
    app = publish("app", "1.0", f"far @ {place(far)}")
    report = repo.refresh("app", "--lock", tmp_path / "locks")
    (lock,) = report.locks
    other = Repository(tmp_path / "other", repo.source, repo.program, repo.settings)
    other.refresh("-r", lock)
    other.holds(app, far)
    pypi.close()
    python = tool("newest-pip", ["pip"]) / "python"
    show = "import app, far; print(app.__version__, far.__version__)"
    pip, uv = fresh_venv(), fresh_venv()
    words = ["--isolated", "--disable-pip-version-check", "install", "--no-index", "--no-deps"]
    run_program(
        [python, "-m", "pip", "--python", pip.python, *words, "-r", lock],
        env=clean_environment(pip.directory, {"PIP_CONFIG_FILE": os.devnull}),
        cwd=pip.directory,
        check=True,
        timeout_s=120,
    )
    assert pip.run("-c", show).stdout == "1.0 1.0\n"
    uv.uv("pip", "sync", "--offline", "--no-index", "--preview-features", "pylock", lock)
    assert uv.run("-c", show).stdout == "1.0 1.0\n"


def test_what_a_goal_had_behind_a_url_stays_until_it_is_met_again(
    repo: Repository, publish: Publish, place: Place, tmp_path: Path
) -> None:
    far = build_wheel("far", "1.0")
    app, other = publish("app", "1.0", f"far @ {place(far)}"), publish("other", "1.0")
    listed = publish("far", "2.0")
    config = tmp_path / "config.json"
    settings: dict[str, Any] = {"repository": str(repo.path), "source": repo.source}
    settings |= {"allow_urls": True, "min_free_space": 0, "processes": 2, "server": False}
    settings |= {"simple": False, "packages": ["app", "other"]}
    config.write_text(json.dumps(settings))
    repo.run("refresh", "--config", config)
    repo.holds(app, far, other)
    settings |= {"exclude": ["app==1.0"], "packages": ["app", "other", "far"]}
    config.write_text(json.dumps(settings))
    for _ in range(2):
        repo.run("refresh", "--config", config, expect=3)
        assert {far.filename, listed.filename, other.filename} <= repo.names()
