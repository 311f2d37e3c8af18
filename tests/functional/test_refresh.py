"""Refresh on a source that behaves: what comes, what stays, what is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.faults import Fault, NotJSON, Pause, Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.repository import PLAIN, Repository, tree_of
from tests.support.server import PyPIServer
from tests.support.transports import each_transport

pytestmark = pytest.mark.usefixtures("default_settings")


@pytest.fixture
def files(index: FakeIndex) -> dict[str, BuiltFile]:
    """Three projects: wheels of all, an sdist of one."""
    built = {
        "alpha": build_wheel("alpha", "1.0", payload_size=5000),
        "alpha-source": build_sdist("alpha", "1.0"),
        "beta": build_wheel("Beta.Two", "2.0", payload_size=300_000),
        "gamma": build_wheel("gamma", "0.3"),
    }
    index.add("alpha", built["alpha"])
    index.add("alpha", built["alpha-source"])
    index.add("Beta.Two", built["beta"], upload_time="2023-05-06T07:08:09.123456Z")
    index.add("gamma", built["gamma"])
    return built


def test_first_sync_by_name(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.settings = PLAIN
    report = repo.refresh("alpha", "beta_two")
    repo.holds(files["alpha"], files["alpha-source"], files["beta"])
    assert (report.projects, report.downloaded, report.deleted) == (2, 3, 0)
    assert report.downloaded_bytes == sum(f.size for f in files.values()) - files["gamma"].size
    assert sorted(pypi.paths("/pypi/")) == ["/pypi/alpha/json", "/pypi/beta-two/json"]
    assert pypi.count() == 5
    assert repo.partials() == []


def test_first_sync_of_everything(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.settings = PLAIN
    report = repo.refresh_all()
    repo.holds(*files.values())
    assert report.downloaded == 4
    assert pypi.count("/simple/") == 1
    assert pypi.count() == 1 + 3 + 4


def test_files_carry_their_upload_time(repo: Repository, files: dict[str, BuiltFile]) -> None:
    repo.refresh("beta-two")
    mtime_ns = (repo.path / files["beta"].filename).stat().st_mtime_ns
    assert mtime_ns == 1683356889_123456000


def test_nothing_new_is_one_request_and_touches_nothing(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.refresh_all()
    before = {name: facts for name, facts in tree_of(repo.path).items() if name[0] != "."}
    identity, directory = repo.identity(), repo.path.stat()
    pypi.reset()
    report = repo.refresh_all()
    assert [request.path for request in pypi.requests] == ["/simple/"]
    assert (report.downloaded, report.deleted, report.projects) == (0, 0, 0)
    after = {name: facts for name, facts in tree_of(repo.path).items() if name[0] != "."}
    assert (after, repo.identity()) == (before, identity)
    assert repo.path.stat().st_mtime_ns == directory.st_mtime_ns


def test_nothing_new_by_name_costs_no_document(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.refresh("alpha", "gamma")
    identity = repo.identity()
    pypi.reset()
    report = repo.refresh("alpha", "gamma")
    assert [request.status for request in pypi.requests] == [304, 304]
    assert (report.unchanged, report.fetched, report.downloaded) == (2, 0, 0)
    assert repo.identity() == identity


def test_the_status_of_projects_comes_with_the_default_api(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    page = repo.path / "simple" / "gamma" / "index.html"
    index.set_status("gamma", "archived")
    repo.refresh("gamma")
    assert 'content="archived"' in page.read_text()
    pypi.reset()
    repo.refresh("gamma")
    assert [request.status for request in pypi.requests] == [304]
    pypi.fault("/simple/gamma/", NotJSON())
    index.touch("gamma")
    repo.refresh("gamma")
    assert 'content="archived"' in page.read_text()  # a page that cannot be had costs nothing
    pypi.reset()
    index.touch("gamma")
    repo.refresh("gamma", "--no-project-status")
    assert pypi.count("/simple/") == 0


@pytest.mark.parametrize("requested", ["gamma", "everything"])
def test_a_status_that_could_not_be_read_is_requested_again(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, requested: str
) -> None:
    index.add("gamma", build_wheel("gamma", "1.0"))
    repo.refresh("--packages", requested)
    index.set_status("gamma", "archived")
    planted = pypi.fault("/simple/gamma/", Status(503))
    report = repo.refresh("--packages", requested, "--retries", "0")
    assert planted.hits
    assert any("gamma: its status could not be read" in text for text in report.warnings)
    pypi.clear_faults()
    assert not repo.refresh("--packages", requested).warnings
    assert 'content="archived"' in (repo.path / "simple" / "gamma" / "index.html").read_text()
    pypi.reset()
    repo.refresh("--packages", requested)
    assert pypi.count("/simple/gamma/") == 0


@dataclass(frozen=True)
class AnsweredAfter(Fault):
    """The body comes once another path has been requested, or after a minute."""

    server: PyPIServer
    path: str

    def stream(self, body: bytes, pause: Pause) -> Iterator[bytes]:
        yield b""
        for _ in range(600):
            if self.server.count(self.path):
                break
            pause(0.1)
        yield body


@each_transport
def test_the_page_of_a_new_project_is_requested_with_its_document(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, transport: str
) -> None:
    index.add("app", build_wheel("app", "1.0", requires_dist=["lib"]))
    index.add("lib", build_wheel("lib", "1.0"))
    index.set_status("lib", "archived")
    pypi.fault("/pypi/lib/json", AnsweredAfter(pypi, "/simple/lib/"))
    begun = time.monotonic()
    repo.refresh("app", "--processes", "1", "--transport", transport)
    assert time.monotonic() - begun < 30
    assert 'content="archived"' in (repo.path / "simple" / "lib" / "index.html").read_text()
    documents_and_pages = sorted(pypi.paths("/pypi/") + pypi.paths("/simple/"))
    assert documents_and_pages == [
        "/pypi/app/json",
        "/pypi/lib/json",
        "/simple/app/",
        "/simple/lib/",
    ]
    pypi.reset()
    repo.refresh("app", "--processes", "1", "--transport", transport)
    assert sorted(pypi.paths()) == ["/pypi/app/json", "/pypi/lib/json"]


def test_a_source_without_a_simple_api_is_asked_for_a_status_once(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.settings = ("--processes", "1", "--connections", "1", "--min-free-space", "0")
    pypi.fault("/simple/*", Status(404))
    repo.refresh("alpha", "beta-two", "gamma", "--no-dependencies")
    assert pypi.count("/simple/") == 1


def test_a_new_release_replaces_the_old_one(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.settings = PLAIN
    repo.refresh_all()
    new = build_wheel("gamma", "0.4")
    index.add("gamma", new)
    pypi.reset()
    report = repo.refresh_all()
    repo.holds(files["alpha"], files["alpha-source"], files["beta"], new)
    assert (report.downloaded, report.deleted) == (1, 1)
    assert [request.path.rpartition("/")[2] for request in pypi.requests] == [
        "",
        "json",
        new.filename,
    ]


def test_the_old_release_stays_until_the_new_one_is_there(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.refresh_all()
    new = build_wheel("gamma", "0.4")
    index.add("gamma", new)
    pypi.fault(f"*/{new.filename}", Status(404))
    report = repo.refresh_all(expect=3)
    repo.holds(*files.values())
    assert [failure.what for failure in report.failed] == [new.filename]
    pypi.clear_faults()
    repo.refresh_all("--force-check")
    repo.holds(files["alpha"], files["alpha-source"], files["beta"], new)


def test_other_projects_stay_when_some_are_named(
    repo: Repository, files: dict[str, BuiltFile]
) -> None:
    repo.refresh("alpha", "gamma")
    repo.refresh("beta.two")
    repo.holds(*files.values())


def test_a_changed_filter_is_applied_without_crawling(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.refresh_all("--package-types", "bdist_wheel")
    repo.holds(files["alpha"], files["beta"], files["gamma"])
    pypi.reset()
    report = repo.refresh_all("--package-types", "sdist")
    repo.holds(files["alpha-source"])
    assert (report.downloaded, report.deleted) == (1, 3)
    assert pypi.paths("/pypi/") == []
    assert pypi.count() == 2


def test_more_versions_are_fetched_without_crawling(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    releases = [build_wheel("delta", f"1.{minor}") for minor in range(4)]
    for release in releases:
        index.add("delta", release)
    repo.refresh_all()
    repo.holds(releases[3])
    pypi.reset()
    repo.refresh_all("--versions", "3")
    repo.holds(*releases[1:])
    assert pypi.paths("/pypi/") == []
    repo.refresh_all("--versions", "all")
    repo.holds(*releases)


def test_a_dry_run_prints_the_plan_and_makes_nothing(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    report = repo.refresh_all("--dry-run", "--requests-per-second", "1000")
    assert {(action.kind.value, action.filename) for action in report.plan} == {
        ("download", file.filename) for file in files.values()
    }
    assert report.totals.download_bytes == sum(file.size for file in files.values())
    assert not repo.path.exists()
    assert pypi.paths("/files/") == []


def test_a_dry_run_of_an_existing_repository_changes_nothing(
    repo: Repository, index: FakeIndex, files: dict[str, BuiltFile]
) -> None:
    repo.refresh_all()
    new = build_wheel("gamma", "0.4")
    index.add("gamma", new)
    before = tree_of(repo.path)
    done = repo.run("refresh", "--dry-run", "--packages", "everything", *repo.flags())
    after = tree_of(repo.path)
    # SQLite keeps its log beside the state for as long as it reads.
    del before[".microrepo"], after[".microrepo"]
    assert after == before
    assert f"download  {new.filename}" in done.stdout
    assert f"delete    {files['gamma'].filename}" in done.stdout
    repo.refresh_all()
    assert new.filename in repo.names()


def test_the_closing_table_says_what_was_done(
    repo: Repository, files: dict[str, BuiltFile]
) -> None:
    repo.settings = PLAIN
    done = repo.run("refresh", "alpha", *repo.flags())
    assert "downloaded  2 files, " in done.stdout
    assert "projects    1 checked, 1 changed" in done.stdout
    assert done.stderr == ""


def test_quiet_says_nothing(repo: Repository, files: dict[str, BuiltFile]) -> None:
    done = repo.run("refresh", "alpha", *repo.flags(), "--quiet")
    assert (done.stdout, done.stderr) == ("", "")


def test_missing_and_damaged_files_come_back(
    repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile]
) -> None:
    repo.refresh_all()
    (repo.path / files["gamma"].filename).unlink()
    (repo.path / files["beta"].filename).write_bytes(b"damaged")
    pypi.reset()
    report = repo.refresh_all()
    repo.holds(*files.values())
    assert report.downloaded == 2
    assert pypi.paths("/pypi/") == []


def test_files_that_upstream_does_not_know_are_never_touched(
    repo: Repository, files: dict[str, BuiltFile]
) -> None:
    repo.path.mkdir()
    (repo.path / "gamma-0.1-py3-none-any.whl").write_bytes(b"mine")
    (repo.path / "notes.txt").write_text("mine too")
    repo.refresh_all()
    repo.refresh_all("--package-types", "sdist")
    assert (repo.path / "gamma-0.1-py3-none-any.whl").read_bytes() == b"mine"
    assert (repo.path / "notes.txt").read_text() == "mine too"
