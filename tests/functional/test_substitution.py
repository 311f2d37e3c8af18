"""Substitutes for what a repository should have, replayed by an index: names, sources, contents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import DEFAULTS, Repository
from tests.support.server import PyPIServer

STRICT = ("--security", "strict", "--min-age-days", "0")
OLD = "2024-01-01T00:00:00Z"


@pytest.fixture(params=["json", "simple"])
def repo(repo: Repository, request: pytest.FixtureRequest) -> Repository:
    """A repository with pages and closures, read by either API."""
    repo.settings = (*DEFAULTS, "--api", request.param)
    return repo


@pytest.fixture
def inner() -> Iterator[PyPIServer]:
    """A private index without serials."""
    with PyPIServer(FakeIndex(), no_serials=True) as server:
        yield server


@pytest.fixture
def both(repo: Repository, inner: PyPIServer, pypi: PyPIServer) -> Repository:
    """A repository with a private index before the public one."""
    entries: list[dict[str, Any]] = [
        {"url": inner.simple_url, "name": "inside"},
        {"url": pypi.url, "name": "outside"},
    ]
    repo.source = json.dumps(entries)
    return repo


def add(index: FakeIndex, name: str, version: str, *requires: str, size: int = 100) -> BuiltFile:
    """Upload a wheel."""
    built = build_wheel(name, version, requires_dist=requires, payload_size=size)
    index.add(name, built, upload_time=OLD)
    return built


def page(repo: Repository, name: str) -> dict[str, str]:
    """Return the digests that the page of a project lists, by file name."""
    listed = json.loads((repo.path / "simple" / name / "index.v1_json").read_bytes())["files"]
    return {file["filename"]: file["hashes"]["sha256"] for file in listed}


# --- a dependency with a confusable name ------------------------------------------------------------


@pytest.fixture
def hijacked(index: FakeIndex) -> dict[str, BuiltFile]:
    """A release of `tool` that depends on a project with the name of another, almost."""
    return {
        "good": add(index, "tool", "1.0", "requests"),
        "bad": add(index, "tool", "1.1", "requests", "requets"),
        "requests": add(index, "requests", "2.0"),
        "requets": add(index, "requets", "0.1"),
    }


def test_a_confusable_dependency_is_reported(
    repo: Repository, hijacked: dict[str, BuiltFile]
) -> None:
    report = repo.refresh("tool")
    repo.holds(hijacked["bad"], hijacked["requests"], hijacked["requets"])
    assert report.confusable == ("requets==0.1 is one edit from requests; needed by tool==1.1",)
    # The repository holds it now, so it is not new; and a goal is never confusable.
    assert repo.refresh("tool").confusable == ()
    assert repo.refresh("requets", "--confusable-names", "refuse").confusable == ()


def test_a_confusable_dependency_is_refused(
    repo: Repository, hijacked: dict[str, BuiltFile], pypi: PyPIServer
) -> None:
    repo.settings += STRICT
    planned = repo.refresh("tool", "--dry-run")
    for report in (planned, repo.refresh("tool"), repo.refresh("tool")):
        assert report.confusable == (
            "requets is one edit from requests; needed by tool 1.1; refused",
        )
    repo.holds(hijacked["good"], hijacked["requests"])
    assert not pypi.paths("/files/requets")
    said = repo.do("explain", "requets", "--json", "--packages", "tool", *STRICT).stdout
    (decision,) = json.loads(said)["decisions"]
    assert (decision["keep"], decision["reason"]) == (False, "confusable name")
    shown = repo.run("refresh", "tool", *repo.flags()).stdout
    assert "with confusable names" in shown


def test_a_trusted_name(repo: Repository, hijacked: dict[str, BuiltFile]) -> None:
    repo.settings += (*STRICT, "--trusted-names", "requets")
    assert repo.refresh("tool").confusable == ()
    repo.holds(hijacked["bad"], hijacked["requests"], hijacked["requets"])


def test_a_held_name_stays_when_names_are_refused(
    repo: Repository, index: FakeIndex, hijacked: dict[str, BuiltFile]
) -> None:
    repo.refresh("tool")
    newer = add(index, "requets", "0.2")
    repo.settings += STRICT
    assert repo.refresh("tool").confusable == ()
    repo.holds(hijacked["bad"], hijacked["requests"], newer)
    assert repo.do("prune", "--confusable-names", "refuse", "--packages", "tool").returncode == 0
    repo.holds(hijacked["bad"], hijacked["requests"], newer)


def test_a_pinned_release_without_its_dependency(
    repo: Repository, hijacked: dict[str, BuiltFile]
) -> None:
    repo.settings += STRICT
    report = repo.refresh("tool==1.1", expect=3)
    assert "confusable name" in report.failed[0].why
    assert "requets" not in " ".join(repo.names())


# --- another source for a project -------------------------------------------------------------------


def test_dependency_confusion(
    both: Repository, inner: PyPIServer, pypi: PyPIServer, index: FakeIndex
) -> None:
    """The private index lists the project, loses it for a while, and the public one has more."""
    tool = add(inner.index, "acme-tool", "1.0", "acme-lib")
    lib = add(inner.index, "acme-lib", "1.0")
    add(index, "flask", "3.0")
    evil = add(index, "acme-lib", "99.0")
    both.settings += STRICT
    both.refresh("acme-tool")
    both.holds(tool, lib)
    inner.index.remove_project("acme-lib")
    pypi.reset()
    report = both.refresh("acme-tool", expect=3)
    both.holds(tool, lib)
    (failure,) = [one for one in report.failed if one.what == "acme-lib"]
    assert failure.why.startswith("not requested from outside, because it came from inside")
    assert not [path for path in pypi.paths() if "acme" in path]
    inner.index.add("acme-lib", lib, upload_time=OLD)
    both.refresh("acme-tool")
    both.holds(tool, lib)
    inner.index.remove_project("acme-lib")
    both.refresh("acme-tool", "--replace")
    both.holds(tool, evil)


@pytest.mark.parametrize("wanted", [("acme-lib",), ("--packages", "everything")])
@pytest.mark.parametrize("names", ['["acme-*"]', '{"acme-*": "inside"}'])
def test_reserved_names(
    both: Repository,
    inner: PyPIServer,
    pypi: PyPIServer,
    index: FakeIndex,
    names: str,
    wanted: tuple[str, ...],
) -> None:
    """Also at first sight, when nothing says where the project belongs."""
    other = add(inner.index, "acme-other", "1.0")
    flask = add(index, "flask", "3.0")
    add(index, "acme-lib", "99.0")
    both.settings += ("--reserved-names", names)
    if wanted[0] == "acme-lib":
        report = both.refresh(*wanted, expect=3)
        both.holds()
        told = [*report.warnings, *(one.why for one in report.failed)]
        assert any("outside" in text and "reserved" in text for text in told)
    else:
        both.refresh(*wanted)
        both.holds(other, flask)
    assert not [path for path in pypi.paths() if "acme" in path]
    lib = add(inner.index, "acme-lib", "1.0")
    both.refresh("acme-lib", "acme-other", "flask")
    both.holds(lib, other, flask)
    inner.fault("*", Status(503))
    both.refresh("acme-lib", "acme-other", "flask", "--retries", "0", expect=3)
    both.holds(lib, other, flask)
    assert not [path for path in pypi.paths() if "acme" in path]


def test_a_closure_names_the_source_that_must_not_provide_a_dependency(
    both: Repository, inner: PyPIServer, pypi: PyPIServer, index: FakeIndex
) -> None:
    add(inner.index, "acme-tool", "1.0", "acme-lib")
    add(index, "acme-lib", "99.0")
    both.settings += ("--reserved-names", "acme-*")
    report = both.refresh("acme-tool", expect=3)
    whys = {one.what: one.why for one in report.failed}
    assert whys["acme-lib"] == (
        "not requested from outside, by `reserved_names`; no other source lists it"
    )
    assert not [path for path in pypi.paths() if "acme" in path]


def test_reserved_names_with_one_source(repo: Repository, index: FakeIndex) -> None:
    """The names of a private index that is not mirrored."""
    flask = add(index, "flask", "3.0")
    add(index, "acme-lib", "99.0")
    repo.settings += ("--reserved-names", "acme-*", "--no-dependencies")
    repo.refresh_all()
    repo.holds(flask)
    report = repo.refresh("acme-lib", expect=3)
    assert "by `reserved_names`" in report.failed[0].why


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ('{"acme-*": "insid"}', "'insid' is not the name of a source; did you mean 'inside'?"),
        ('["re:("]', "$.reserved_names: 're:(': no pattern"),
        ('["-x"]', "$.reserved_names: '-x' is not a name, a glob or a `re:` pattern"),
    ],
)
def test_mistakes_in_reserved_names(both: Repository, names: str, words: str) -> None:
    done = both.run("refresh", "a", *both.flags(), "--reserved-names", names, expect=2)
    assert words in done.stderr


# --- other content under one name -------------------------------------------------------------------


def republish(index: FakeIndex, before: BuiltFile) -> BuiltFile:
    """Replace the content of a file on the index."""
    index.remove_file("tool", before.filename)
    return add(index, "tool", "1.0", size=900)


@pytest.mark.parametrize("closure", [True, False], ids=["closure", "rules"])
def test_republished_content_is_reported(repo: Repository, index: FakeIndex, closure: bool) -> None:
    repo.settings += () if closure else ("--no-dependencies",)
    before = add(index, "tool", "1.0")
    repo.refresh("tool")
    now = republish(index, before)
    report = repo.refresh("tool")
    repo.holds(now)
    assert report.replaced == (f"{now.filename}: sha256 {before.sha256} before, {now.sha256} now",)
    assert repo.refresh("tool").replaced == ()


@pytest.mark.parametrize("wanted", [("tool",), ("tool", "--no-dependencies"), ("everything",)])
def test_republished_content_is_refused(
    repo: Repository, index: FakeIndex, wanted: tuple[str, ...]
) -> None:
    wanted = ("--packages", "everything") if wanted == ("everything",) else wanted
    repo.settings += STRICT
    before = add(index, "tool", "1.0")
    repo.refresh(*wanted)
    now = republish(index, before)
    add(index, "other", "1.0")
    for _ in range(2):
        report = repo.refresh(*wanted, expect=3)
        (conflict,) = report.conflicts
        assert conflict.what == before.filename
        assert f"sha256 {before.sha256} before, {now.sha256} now" in conflict.why
        assert page(repo, "tool") == {before.filename: before.sha256}
        assert (repo.path / before.filename).read_bytes() == before.content
    report = repo.refresh(*wanted, "--replace")
    assert page(repo, "tool") == {now.filename: now.sha256}
    assert (repo.path / now.filename).read_bytes() == now.content
    assert repo.refresh(*wanted).conflicts == ()


def test_a_new_release_beside_republished_content(repo: Repository, index: FakeIndex) -> None:
    repo.settings += (*STRICT, "--versions", "all", "--no-dependencies")
    before = add(index, "tool", "1.0")
    repo.refresh("tool")
    republish(index, before)
    newer = add(index, "tool", "2.0")
    repo.refresh("tool", expect=3)
    repo.holds(before, newer)
