"""Real incidents, replayed by an index: what a repository with ``"security": "strict"`` serves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.attestations import provenance_of
from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

EVIL = {"kind": "GitHub", "repository": "evil/tool", "workflow": "release.yml"}
GITLAB = {"kind": "GitLab", "repository": "acme/tool", "workflow_filepath": ".gitlab-ci.yml"}
MONTHS = {"1.0": "2024-01", "1.1": "2024-02", "2.0": "2024-03", "2.1": "2024-04"}
RULES = ("--security", "strict", "--no-dependencies")


@pytest.fixture(params=["json", "simple"])
def repo(repo: Repository, request: pytest.FixtureRequest) -> Repository:
    """A repository with pages, read by either API."""
    repo.settings = ("--processes", "2", "--connections", "4", "--min-free-space", "0")
    repo.settings += ("--security", "strict", "--api", request.param)
    return repo


def publish(
    index: FakeIndex,
    version: str,
    publisher: dict[str, Any] | None = None,
    *,
    attested: bool = True,
    requires: tuple[str, ...] = (),
) -> BuiltFile:
    """Upload a release of the project `tool`, attested by its usual publisher unless told."""
    built = build_wheel("tool", version, requires_dist=requires)
    index.add(
        "tool",
        built,
        upload_time=f"{MONTHS[version]}-01T00:00:00Z",
        provenance=provenance_of(built, publisher) if attested else None,
    )
    return built


def explained(repo: Repository, *names: str) -> dict[str, dict[str, Any]]:
    done = repo.do("explain", *names, "--json", "--security", "strict", "--all")
    found = json.loads(done.stdout)
    return {one["file"]["filename"]: one for one in found["decisions"]}


def served(repo: Repository) -> set[str]:
    page = repo.path / "simple" / "tool" / "index.v1_json"
    return {file["filename"] for file in json.loads(page.read_bytes())["files"]}


@pytest.mark.parametrize("closure", [True, False], ids=["closure", "rules"])
def test_a_stolen_token(repo: Repository, index: FakeIndex, closure: bool) -> None:
    """A release that no workflow of the project published follows attested ones."""
    repo.settings += () if closure else ("--no-dependencies",)
    good = publish(index, "1.0")
    repo.refresh("tool")
    repo.holds(good)
    bad = publish(index, "1.1", attested=False)
    planned = repo.refresh("tool", "--dry-run")
    assert not planned.plan
    report = repo.refresh("tool")
    repo.holds(good)
    assert served(repo) == {good.filename}
    (text,) = report.distrusted
    assert text == planned.distrusted[0]
    assert text.startswith("tool 1.1 (2024-02-01) is not attested, but the earlier tool 1.0")
    assert "GitHub acme/tool (release.yml)" in text
    found = explained(repo, "tool")
    assert found[good.filename]["keep"]
    assert (found[bad.filename]["keep"], found[bad.filename]["reason"]) == (
        False,
        "weaker provenance",
    )
    assert found[bad.filename]["detail"] == text


@pytest.mark.parametrize("closure", [True, False], ids=["closure", "rules"])
@pytest.mark.parametrize("publisher", [EVIL, GITLAB], ids=["repository", "service"])
def test_a_project_that_was_handed_over(
    repo: Repository, index: FakeIndex, closure: bool, publisher: dict[str, Any]
) -> None:
    """A release is attested, but by another publisher than the one before."""
    repo.settings += () if closure else ("--no-dependencies",)
    good = publish(index, "1.0")
    repo.refresh("tool")
    bad = publish(index, "1.1", publisher)
    worse = publish(index, "2.0", publisher)
    report = repo.refresh("tool")
    repo.holds(good)
    assert report.exit_code == 0
    assert [text.split(" was ")[0] for text in report.distrusted] == [
        "tool 2.0 (2024-03-01)",
        "tool 1.1 (2024-02-01)",
    ]
    for text in report.distrusted:
        assert f"by {publisher['kind']} {publisher['repository']}" in text
        assert "earlier tool 1.0 (2024-01-01) by GitHub acme/tool" in text
    text = repo.do("explain", "tool", "--security", "strict").stdout
    assert "attested by GitHub acme/tool (release.yml)" in text
    assert f"attested by {publisher['kind']} {publisher['repository']}" in text
    found = explained(repo, "tool")
    assert {found[one.filename]["reason"] for one in (bad, worse)} == {"other publisher"}
    assert found[good.filename]["file"]["evidence"]["publishers"][0]["repository"] == "acme/tool"


def test_a_whole_history_without_known_publishers_is_taken_as_it_is(
    repo: Repository, index: FakeIndex
) -> None:
    publish(index, "1.0")
    newest = publish(index, "1.1", EVIL)
    report = repo.refresh("tool")
    repo.holds(newest)
    assert report.distrusted == ()


def test_the_right_owner_publishes_again(repo: Repository, index: FakeIndex) -> None:
    publish(index, "1.0")
    repo.refresh("tool")
    publish(index, "1.1", EVIL)
    repo.refresh("tool")
    newest = publish(index, "2.0")
    report = repo.refresh("tool")
    repo.holds(newest)
    assert report.distrusted == ()


def test_an_exception_lets_a_release_pass(repo: Repository, index: FakeIndex) -> None:
    publish(index, "1.0")
    repo.refresh("tool")
    moved = publish(index, "1.1", EVIL)
    repo.refresh("tool")
    repo.settings += ("--trust-exceptions", "tool==1.1")
    repo.refresh("tool")
    repo.holds(moved)
    newest = publish(index, "2.0", EVIL)
    repo.refresh("tool")
    repo.holds(newest)


def test_deleted_releases_are_remembered(repo: Repository, index: FakeIndex) -> None:
    """The new owner deletes what the old one published."""
    good = publish(index, "1.0")
    repo.refresh("tool")
    publish(index, "1.1", EVIL)
    index.remove_release("tool", "1.0")
    repo.refresh("tool", expect=None)
    assert served(repo) <= {good.filename}


def test_a_held_release_that_is_refused_is_replaced(repo: Repository, index: FakeIndex) -> None:
    repo.settings += ("--trust-policy", "off")
    good, bad = publish(index, "1.0"), publish(index, "1.1", attested=False)
    repo.refresh("tool")
    repo.holds(bad)
    repo.settings = repo.settings[:-2]
    report = repo.refresh("tool")
    repo.holds(good)
    assert (report.downloaded, report.deleted) == (1, 1)
    assert repo.query("SELECT cause FROM history WHERE action = 'delete'") == [
        ("weaker provenance",)
    ]


def test_a_pin_on_a_refused_release_is_unmet_and_nothing_held_is_lost(
    repo: Repository, index: FakeIndex
) -> None:
    good = publish(index, "1.0")
    repo.refresh("tool")
    publish(index, "1.1", attested=False)
    report = repo.refresh("tool==1.1", expect=3)
    assert "weaker provenance" in str(report.failed)
    assert (repo.path / good.filename).exists()


def test_a_dependency_is_refused_too(repo: Repository, index: FakeIndex) -> None:
    app = build_wheel("app", "1.0", requires_dist=("tool",))
    index.add("app", app)
    good = publish(index, "1.0")
    repo.refresh("app")
    publish(index, "1.1", attested=False)
    publish(index, "2.0", EVIL)
    report = repo.refresh("app")
    repo.holds(app, good)
    assert len(report.distrusted) == 2


def test_an_object_that_cannot_be_read_holds_the_release_back(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    good = publish(index, "1.0")
    repo.refresh("tool")
    better = publish(index, "1.1")
    pypi.fault("/integrity/1.1/*", Status(404))
    report = repo.refresh("tool")
    repo.holds(good)
    assert "attestations do not exist" in report.distrusted[0]
    assert explained(repo, "tool")[better.filename]["reason"] == "provenance not readable"
    pypi.clear_faults()
    repo.refresh("tool")
    repo.holds(better)


def test_an_attestation_of_another_file_is_not_evidence(repo: Repository, index: FakeIndex) -> None:
    good = publish(index, "1.0")
    repo.refresh("tool")
    bad = build_wheel("tool", "1.1")
    index.add("tool", bad, upload_time="2024-02-01T00:00:00Z", provenance=provenance_of(good))
    report = repo.refresh("tool")
    repo.holds(good)
    assert "about another file" in report.distrusted[0]


def test_objects_are_requested_once(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> None:
    publish(index, "1.0")
    repo.refresh("tool")
    assert pypi.count("/integrity/") == 1
    index.touch("tool")
    repo.refresh("tool")
    assert pypi.count("/integrity/") == 1
    publish(index, "1.1")
    repo.refresh("tool")
    assert pypi.count("/integrity/") == 2


def test_sdists_that_were_never_attested_stay(repo: Repository, index: FakeIndex) -> None:
    files = []
    for version in ("1.0", "1.1"):
        files.append(publish(index, version))
        sdist = build_sdist("tool", version)
        index.add("tool", sdist, upload_time=f"{MONTHS[version]}-01T00:00:00Z")
        files.append(sdist)
    repo.settings += ("--no-dependencies", "--versions", "all")
    report = repo.refresh("tool")
    repo.holds(*files)
    assert report.distrusted == ()


def test_switched_on_later_the_history_is_read_once(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    repo.settings += ("--trust-policy", "off", "--min-age-days", "0", "--vulnerabilities", "ignore")
    good, bad = publish(index, "1.0"), publish(index, "1.1", attested=False)
    repo.refresh("tool")
    assert (pypi.count("/integrity/"), repo.names() & {bad.filename}) == (0, {bad.filename})
    repo.settings += ("--trust-policy", "no-downgrade")
    repo.refresh("tool")
    repo.holds(good)
    pypi.reset()
    repo.refresh("tool")
    assert pypi.count("/files/") == 0


def test_without_the_page_nothing_is_decided(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    good = publish(index, "1.0")
    repo.refresh("tool")
    publish(index, "1.1")
    pypi.fault("/simple/tool/*", Status(503))
    repo.refresh("tool", expect=None)
    assert served(repo) == {good.filename}
