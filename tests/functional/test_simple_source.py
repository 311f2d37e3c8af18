"""A Simple API as source: JSON or HTML, with or without serials and ETags."""

from __future__ import annotations

import pytest

from tests.support.faults import NotJSON, StaleDocument, Status, TruncatedDocument
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def files(index: FakeIndex) -> list[BuiltFile]:
    """Two projects; one has a name that is not normalised and a yanked release."""
    built = [
        build_wheel("Beta.Two", "1.0", requires_python=">=3.8", payload_size=3000),
        build_sdist("Beta.Two", "1.0"),
        build_wheel("alpha", "0.1"),
    ]
    for file in built:
        index.add(file.name, file)
    index.add("Beta.Two", build_wheel("Beta.Two", "2.0"), yanked="broken")
    return built


@pytest.fixture(params=["json", "html"])
def simple(request: pytest.FixtureRequest, repo: Repository, pypi: PyPIServer) -> Repository:
    """A repository filled from the Simple API alone, in each of its forms."""
    repo.source = pypi.simple_url
    pypi.switches.html_only = request.param == "html"
    return repo


def test_everything(simple: Repository, pypi: PyPIServer, files: list[BuiltFile]) -> None:
    simple.refresh_all()
    simple.holds(*files)
    assert pypi.paths("/pypi/") == []


def test_by_name(simple: Repository, pypi: PyPIServer, files: list[BuiltFile]) -> None:
    simple.refresh("beta_two")
    simple.holds(*files[:2])
    assert pypi.paths("/simple/") == ["/simple/beta-two/"]


def test_nothing_new_by_name(simple: Repository, pypi: PyPIServer, files: list[BuiltFile]) -> None:
    simple.refresh("beta-two", "alpha")
    pypi.reset()
    simple.refresh("beta-two", "alpha")
    assert [request.status for request in pypi.requests] == [304, 304]


def test_nothing_new_of_everything(
    simple: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    simple.refresh_all()
    pypi.reset()
    simple.refresh_all()
    if pypi.switches.html_only:
        # The list has no serials, so each page is asked whether it changed.
        assert sorted(request.status for request in pypi.requests) == [200, 304, 304]
    else:
        assert pypi.paths() == ["/simple/"]


@pytest.mark.parametrize("etags", [True, False])
def test_changes_are_seen_without_serials(
    simple: Repository, pypi: PyPIServer, index: FakeIndex, files: list[BuiltFile], etags: bool
) -> None:
    pypi.switches.no_serials = True
    pypi.switches.no_etags = not etags
    simple.refresh_all()
    report = simple.refresh_all()
    assert (report.fetched, report.downloaded, report.unchanged) == (0, 0, 2)
    new = build_wheel("alpha", "0.2")
    index.add("alpha", new)
    index.remove_release("Beta.Two", "1.0")
    simple.refresh_all(expect=3)
    simple.holds(new, *files[:2])  # an emptied list is not believed at once
    simple.refresh_all("--force-check")
    simple.holds(new)


def test_a_project_that_is_gone_is_removed(
    simple: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    simple.refresh_all()
    index.remove_project("Beta.Two")
    simple.refresh_all()
    simple.holds(files[2])


@pytest.mark.parametrize("path", ["/simple/", "/simple/alpha/"])
def test_a_page_for_people_in_its_place_deletes_nothing(
    simple: Repository, pypi: PyPIServer, files: list[BuiltFile], path: str
) -> None:
    simple.refresh_all()
    pypi.fault(path, NotJSON())
    simple.run(
        *("refresh", "--packages", "everything", "--force-check", *simple.flags()),
        expect=1 if path == "/simple/" else 3,
    )
    simple.holds(*files)


def test_a_list_with_half_of_its_projects_deletes_no_more_than_the_guard_allows(
    simple: Repository, pypi: PyPIServer, index: FakeIndex
) -> None:
    many = [build_wheel(f"p{number:03}", "1") for number in range(101)]
    for file in many:
        index.add(file.name, file)
    simple.refresh_all()
    pypi.fault("/simple/", TruncatedDocument(0.4))
    simple.run("refresh", "--packages", "everything", *simple.flags(), expect=1)
    simple.holds(*many)


def test_the_api_setting_reads_the_pages_of_a_pypi(
    repo: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    repo.refresh_all("--api", "simple")
    repo.holds(*files)
    assert pypi.paths("/pypi/") == []


def test_an_index_at_another_path_says_that_it_is_one(
    repo: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    repo.source = "simple+" + pypi.simple_url.rstrip("/")
    repo.refresh("alpha")
    repo.holds(files[2])


def test_a_stale_page_is_asked_for_later(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, files: list[BuiltFile]
) -> None:
    repo.source = pypi.simple_url
    repo.refresh_all()
    old = index.projects["alpha"].serial
    index.add("alpha", build_wheel("alpha", "0.2"))
    pypi.fault("/simple/alpha/", StaleDocument(old))
    report = repo.refresh_all(expect=3)
    repo.holds(*files)
    assert [failure.what for failure in report.failed] == ["alpha"]


def test_a_missing_project_is_told(simple: Repository, files: list[BuiltFile]) -> None:
    assert simple.refresh("alpha", "nothing", expect=3).missing == ("nothing",)
    simple.holds(files[2])


def test_a_quarantined_project_has_no_files(
    simple: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    simple.refresh("beta-two", "alpha")
    index.set_status("alpha", "quarantined")
    simple.refresh("beta-two", "alpha", expect=3)
    simple.holds(*files[:2])


def test_files_without_size_are_verified_all_the_same(
    repo: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    from tests.support.faults import CorruptBody, ShorterBody

    repo.source = pypi.simple_url
    pypi.switches.html_only = True
    pypi.fault("*/alpha-*", ShorterBody(10))
    pypi.fault("*/beta*.tar.gz", CorruptBody())
    report = repo.refresh_all(expect=3)
    assert {failure.what for failure in report.failed} == {
        files[1].filename,
        files[2].filename,
    }
    repo.holds(files[0])


def test_a_source_without_documents_is_read_from_its_pages(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, files: list[BuiltFile]
) -> None:
    pypi.fault("/pypi/*", Status(404))
    repo.refresh_all()
    repo.holds(*files)
    pypi.reset()
    report = repo.refresh("alpha", "beta-two")
    assert sorted(request.status for request in pypi.requests) == [304, 304, 404, 404]
    assert report.downloaded == 0
    new = build_wheel("alpha", "0.2")
    index.add("alpha", new)
    repo.refresh("alpha")
    repo.holds(*files[:2], new)


@pytest.fixture
def silent(repo: Repository, pypi: PyPIServer, index: FakeIndex) -> Repository:
    """A repository filled from plain pages: no Requires-Python, no metadata files."""
    for version, python in (("1.0", None), ("2.0", ">=3.99"), ("3.0", ">=3.98")):
        built = build_wheel("alpha", version, requires_python=python)
        index.add("alpha", built, requires_python=None, core_metadata=False)
    repo.source = pypi.simple_url
    pypi.switches.html_only = True
    return repo


def test_wheels_tell_what_their_source_does_not(silent: Repository, pypi: PyPIServer) -> None:
    report = silent.refresh("alpha", "--python-versions", "3.11", "--versions", "latest")
    assert [name for name in silent.names() if name.endswith(".whl")] == [
        "alpha-1.0-py3-none-any.whl"
    ]
    assert report.rejected == {"requires-python": 2}
    pypi.reset()
    assert silent.refresh("alpha", "--python-versions", "3.11").fetched == 0
    assert pypi.paths("/files/") == []


def test_pages_repeat_what_wheels_tell(silent: Repository) -> None:
    silent.settings = (*silent.settings, "--simple")
    silent.refresh("alpha", "--python-versions", "all", "--versions", "all")
    page = (silent.path / "simple/alpha/index.html").read_text()
    assert page.count("data-requires-python") == 2
    assert "&gt;=3.99" in page
