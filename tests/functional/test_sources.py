"""Several sources: whose a project is, what happens when one is down, and what that costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microrepo.client import ClientSettings
from microrepo.repositories.sources.source_registry import describe_source
from microrepo.transfer.pool.worker import Worker
from microrepo.transfer.tasks import FetchProject, ProjectOutcome
from microrepo.transfer.worker_settings import WorkerSettings
from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import PLAIN, Repository
from tests.support.server import PyPIServer


@pytest.fixture
def inner() -> Iterator[PyPIServer]:
    """The private index: it has `acme` and, like the public one, `shared`."""
    with PyPIServer(FakeIndex(), no_serials=True) as server:
        yield server


@pytest.fixture
def private(inner: PyPIServer) -> dict[str, BuiltFile]:
    built = {name: build_wheel(name, "1.0", payload_size=900) for name in ("acme", "shared")}
    for name, file in built.items():
        inner.index.add(name, file)
    return built


@pytest.fixture
def public(index: FakeIndex) -> dict[str, BuiltFile]:
    """The public index: everything newer and other than the private one has it."""
    built = {name: build_wheel(name, "9.0") for name in ("acme-evil", "flask", "shared")}
    for name, file in built.items():
        index.add(name, file)
    return built


@pytest.fixture
def both(
    repo: Repository,
    inner: PyPIServer,
    pypi: PyPIServer,
    private: dict[str, BuiltFile],
    public: dict[str, BuiltFile],
) -> Repository:
    """A repository with the private index before the public one."""
    repo.source = sources(inner.simple_url, {"url": pypi.url, "name": "outside"})
    return repo


def sources(*entries: str | dict[str, Any]) -> str:
    return json.dumps(entries)


def origins(repo: Repository) -> dict[str, str]:
    """Return the source of each file as `microrepo list` tells it."""
    lines = repo.do("list", "--with-source").stdout.splitlines()
    return dict(line.split("\t") for line in lines)


@pytest.mark.parametrize("wanted", [("acme", "shared", "flask"), ("--packages", "everything")])
def test_a_name_in_both_comes_from_the_first(
    both: Repository,
    inner: PyPIServer,
    pypi: PyPIServer,
    private: dict[str, BuiltFile],
    public: dict[str, BuiltFile],
    wanted: tuple[str, ...],
) -> None:
    both.refresh(*wanted)
    named = wanted[0] == "acme"
    others = [public["flask"]] if named else [public["flask"], public["acme-evil"]]
    both.holds(*private.values(), *others)
    inside = inner.simple_url.rstrip("/")
    assert origins(both) == {file.filename: inside for file in private.values()} | {
        file.filename: "outside" for file in others
    }
    asked = pypi.paths("/pypi/") + pypi.paths("/files/") + pypi.paths("/simple/s")
    assert not [path for path in asked if "shared" in path or "/acme/" in path]
    said = both.do("explain", "shared").stdout
    assert said.startswith(f"shared: from {inside}, status active")
    shown = json.loads(both.do("list", "shared", "--json").stdout)
    assert [row["source"] for row in shown] == [inside]


@pytest.mark.parametrize("wanted", [("acme", "flask"), ("--packages", "everything")])
def test_without_the_private_index_nothing_comes_from_the_public_one(
    both: Repository, inner: PyPIServer, pypi: PyPIServer, wanted: tuple[str, ...]
) -> None:
    inner.fault("*", Status(503))
    report = both.refresh(*wanted, "--retries", "0", expect=3)
    both.holds()
    assert pypi.paths("/pypi/") + pypi.paths("/files/") == []
    assert all("503" in failure.why for failure in report.failed)
    assert report.missing == ()


def test_without_the_private_index_all_that_is_there_stays(
    both: Repository,
    inner: PyPIServer,
    pypi: PyPIServer,
    private: dict[str, BuiltFile],
    public: dict[str, BuiltFile],
) -> None:
    both.refresh_all()
    before = both.identity()
    inner.close()
    pypi.index.add("acme", build_wheel("acme", "99.0"))
    report = both.refresh_all("--retries", "0", expect=3)
    assert [failure.what for failure in report.failed] == [inner.simple_url.rstrip("/")]
    assert both.identity() == before


def test_a_listed_project_without_a_page_does_not_fall_through(
    both: Repository, inner: PyPIServer, pypi: PyPIServer
) -> None:
    inner.fault("/simple/shared/", Status(404))
    report = both.refresh("shared", expect=3)
    assert report.missing == ("shared",)
    both.holds()
    assert pypi.requests == []


def test_reserved_names(
    both: Repository,
    inner: PyPIServer,
    pypi: PyPIServer,
    private: dict[str, BuiltFile],
    public: dict[str, BuiltFile],
) -> None:
    """They come from their source or not at all, and need no list; the others go by the lists."""
    both.source = sources({"url": inner.simple_url, "packages": ["acme", "acme-*"]}, pypi.url)
    report = both.refresh("acme", "acme-evil", expect=3)
    assert report.missing == ("acme-evil",)
    both.holds(private["acme"])
    assert sorted(inner.paths("/simple/")) == ["/simple/acme-evil/", "/simple/acme/"]
    assert pypi.requests == []
    both.refresh_all()
    both.holds(*private.values(), public["flask"])


def test_a_reserved_name_behind_a_source_that_is_down(
    both: Repository, inner: PyPIServer, pypi: PyPIServer, public: dict[str, BuiltFile]
) -> None:
    both.source = sources(inner.simple_url, {"url": pypi.url, "packages": ["re:fl.sk"]})
    inner.close()
    for wanted in (("flask", "shared"), ("--packages", "everything")):
        report = both.refresh(*wanted, "--retries", "0", expect=3)
        both.holds(public["flask"])
        assert len(report.failed) == 1


def test_a_source_without_a_list(
    both: Repository, inner: PyPIServer, pypi: PyPIServer, private: dict[str, BuiltFile]
) -> None:
    """As some servers are; what it has must then be told."""
    inner.fault("/simple/", Status(404))
    report = both.refresh("acme", "flask", expect=3)
    assert "name its projects in `packages`" in report.failed[0].why
    both.source = sources({"url": inner.simple_url, "packages": ["acme"]}, pypi.url)
    both.refresh("acme", "flask")
    assert {private["acme"].filename} < both.names()


def test_an_empty_private_index_is_taken_for_a_broken_one(
    both: Repository, inner: PyPIServer, pypi: PyPIServer
) -> None:
    for name in ("acme", "shared"):
        inner.index.remove_project(name)
    report = both.refresh("flask", expect=3)
    assert "lists no projects" in report.failed[0].why
    assert pypi.requests == []


def test_a_project_that_changes_hands(
    both: Repository,
    inner: PyPIServer,
    private: dict[str, BuiltFile],
    public: dict[str, BuiltFile],
) -> None:
    """The warning is for the person who has to know whether that was meant."""
    inner.index.remove_project("shared")
    both.refresh_all()
    inner.index.add("shared", private["shared"])
    report = both.refresh_all()
    (warning,) = report.warnings
    inside = inner.simple_url.rstrip("/")
    assert warning == f"shared: now comes from {inside} instead of outside"
    both.holds(*private.values(), public["flask"], public["acme-evil"])


def test_the_second_run_asks_for_nothing_that_has_not_changed(
    both: Repository, inner: PyPIServer, pypi: PyPIServer
) -> None:
    both.refresh_all()
    inner.reset()
    pypi.reset()
    report = both.refresh_all()
    assert (report.downloaded, report.fetched) == (0, 0)
    assert pypi.paths() == ["/simple/"]
    # It announces no serials, so each page is asked whether it changed.
    assert sorted(request.status for request in inner.requests) == [200, 304, 304]


def test_dependencies_across_sources(
    both: Repository, inner: PyPIServer, private: dict[str, BuiltFile], public: dict[str, BuiltFile]
) -> None:
    tool = build_wheel("acme-tool", "1.0", requires_dist=["flask", "shared"])
    inner.index.add("acme-tool", tool)
    both.settings = tuple(word for word in PLAIN if word != "--no-dependencies")
    both.refresh("acme-tool")
    both.holds(tool, public["flask"], private["shared"])


def test_a_goal_that_cannot_be_asked_for_is_told_once(
    both: Repository, inner: PyPIServer, pypi: PyPIServer
) -> None:
    inner.close()
    both.settings = tuple(word for word in PLAIN if word != "--no-dependencies")
    report = both.refresh("flask", "--retries", "0", expect=3)
    (failure,) = report.failed
    assert failure.why.startswith("skipped, because ")
    assert pypi.requests == []


def test_each_source_gets_its_own_password_alone(
    both: Repository, inner: PyPIServer, pypi: PyPIServer, private: dict[str, BuiltFile]
) -> None:
    inner.switches.auth = ("me", "geheim")
    login = inner.simple_url.replace("http://", "http://me:geheim@")
    both.source = sources({"url": login, "name": "inside"}, pypi.url)
    both.refresh_all()
    assert {file.filename for file in private.values()} < both.names()
    assert all("authorization" not in request.headers for request in pypi.requests)
    for command in ("list", "explain"):
        assert "geheim" not in both.do(command, "shared", "--json").stdout
    assert "geheim" not in both.run("config", *both.flags()).stdout


def test_a_directory_before_an_index(
    both: Repository, pypi: PyPIServer, tmp_path: Path, public: dict[str, BuiltFile]
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    ours = build_wheel("flask", "0.1")
    ours.write_to(drop)
    both.source = sources(str(drop), pypi.url)
    both.settings = PLAIN
    both.refresh("flask", "shared")
    both.holds(ours, public["shared"])


def test_moving_from_one_source_to_several(
    both: Repository, pypi: PyPIServer, private: dict[str, BuiltFile], public: dict[str, BuiltFile]
) -> None:
    several, both.source = both.source, pypi.url
    both.refresh_all()
    both.holds(*public.values())
    both.source = several
    both.refresh_all()
    both.holds(*private.values(), public["flask"], public["acme-evil"])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (["ftp://m.example/"], "$.sources[0]: 'ftp://m.example/' is neither"),
        ([{"url": "http://m.example/simple/"}], "plain http is refused"),
        ([{"url": "pypi", "pakages": []}], "$.sources[0]: Object contains unknown field `pakages`"),
        ([{"packages": []}], "$.sources[0]: Object missing required field `url`"),
        (["pypi", "pypi"], "two sources are named 'PyPI'"),
        (
            [{"url": "pypi", "packages": ["re:("]}],
            "$.sources[0].packages[0]: 're:(' is not a pattern",
        ),
        ([" "], "$.sources[0]: is empty"),
        (
            ["https://a:x@m.example/a/simple/", "https://b:y@m.example/b/simple/"],
            "two logins for this server",
        ),
    ],
)
def test_mistakes_in_the_setting(repo: Repository, setting: list[Any], words: str) -> None:
    repo.source = json.dumps(setting)
    done = repo.run("refresh", "flask", *repo.flags(), expect=2)
    assert words in done.stderr
    assert not repo.path.exists()


def test_one_source_and_several_exclude_each_other(repo: Repository, pypi: PyPIServer) -> None:
    done = repo.run("refresh", "a", *repo.flags(), "--sources", pypi.simple_url, expect=2)
    assert "$.source: cannot be combined with `sources`" in done.stderr


def test_a_source_that_is_asked_by_page(
    inner: PyPIServer,
    pypi: PyPIServer,
    private: dict[str, BuiltFile],
    public: dict[str, BuiltFile],
    tmp_path: Path,
) -> None:
    """The next one is asked for what it does not have, and for nothing else."""
    first, second = (describe_source(url, "json") for url in (pypi.url, inner.simple_url))
    settings = WorkerSettings(
        str(tmp_path), ClientSettings(retries=0), first, str(tmp_path), further=(second,)
    )
    worker = Worker(settings, lambda count_bytes: None)

    def source_of(name: str) -> tuple[str, str]:
        outcome = worker.run(FetchProject(name, '"etag"', sources=(0, 1)))
        assert isinstance(outcome, ProjectOutcome)
        return outcome.status, outcome.source

    try:
        assert source_of("shared") == ("changed", first.name)
        assert source_of("acme") == ("changed", second.name)
        assert source_of("nowhere") == ("missing", second.name)
        assert [request.headers.get("if-none-match") for request in inner.requests] == [None, None]
        pypi.fault("*", Status(403))
        assert source_of("acme") == ("failed", first.name)
    finally:
        worker._client.close()
