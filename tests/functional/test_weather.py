"""Bad weather on the way to documents: missing, failing, slow, unreadable, stale."""

from __future__ import annotations

import time

import pytest

from tests.support.faults import (
    CutBody,
    Delay,
    DropConnection,
    Fault,
    Mutate,
    NoLength,
    NotJSON,
    Redirect,
    SlowBody,
    StaleDocument,
    StallBody,
    Status,
    TruncatedDocument,
)
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer
from tests.support.transports import each_transport

pytestmark = [each_transport, pytest.mark.usefixtures("default_settings")]

DOCUMENT = "/pypi/alpha/json"


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """A project under weather."""
    built = build_wheel("alpha", "1.0", payload_size=5000)
    index.add("alpha", built)
    return built


@pytest.fixture
def beta(index: FakeIndex) -> BuiltFile:
    """A project that nothing happens to."""
    built = build_wheel("beta", "1.0")
    index.add("beta", built)
    return built


def test_a_project_that_does_not_exist(repo: Repository, beta: BuiltFile) -> None:
    done = repo.run("refresh", "no-such-thing", "beta", *repo.flags(), expect=3)
    assert "project not found: no-such-thing" in done.stdout
    repo.holds(beta)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_burst_of_server_errors_is_outlasted(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, status: int
) -> None:
    struck = pypi.fault(DOCUMENT, Status(status), times=3)
    repo.refresh("alpha")
    repo.holds(alpha)
    assert struck.hits == 3


def test_lasting_server_errors_cost_one_project(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    pypi.fault(DOCUMENT, Status(503))
    report = repo.refresh("alpha", "beta", "--retries", "1", expect=3)
    repo.holds(beta)
    assert pypi.count(DOCUMENT) == 2
    assert [failure.what for failure in report.failed] == ["alpha"]
    assert "503" in report.failed[0].why
    pypi.clear_faults()
    repo.refresh("alpha", "beta")
    repo.holds(alpha, beta)


def test_retry_after_is_honoured(repo: Repository, pypi: PyPIServer, alpha: BuiltFile) -> None:
    asked_at: list[float] = []

    def note(request: object) -> bool:
        if getattr(request, "path", "") != DOCUMENT:
            return False
        asked_at.append(time.monotonic())
        return len(asked_at) == 1

    pypi.fault(note, Status(429, {"Retry-After": "2"}))
    repo.refresh("alpha")
    repo.holds(alpha)
    assert len(asked_at) == 2
    assert asked_at[1] - asked_at[0] >= 1.9


@pytest.mark.parametrize("reset", [False, True])
def test_dropped_connections_are_tried_again(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, reset: bool
) -> None:
    pypi.fault(DOCUMENT, DropConnection(reset=reset), times=2)
    repo.refresh("alpha")
    repo.holds(alpha)


def test_a_document_cut_in_the_middle_is_asked_for_again(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.switches.gzip = False
    pypi.fault(DOCUMENT, CutBody(200), times=2)
    repo.refresh("alpha")
    repo.holds(alpha)


@pytest.mark.parametrize("fault", [StallBody(100, 60), Delay(60)])
def test_a_document_that_stalls_is_asked_for_again(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, fault: StallBody | Delay
) -> None:
    pypi.fault(DOCUMENT, fault, times=1)
    started = time.monotonic()
    repo.refresh("alpha", "--timeout-s", "0.5")
    repo.holds(alpha)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("more", [(), (NoLength(),)], ids=["length", "no length"])
def test_a_document_that_crawls_costs_its_project_alone(
    repo: Repository,
    pypi: PyPIServer,
    alpha: BuiltFile,
    beta: BuiltFile,
    more: tuple[Fault, ...],
) -> None:
    pypi.switches.gzip = False
    padded = Mutate(lambda document: {"padding": "x" * 100_000, **document})
    pypi.fault(DOCUMENT, padded, SlowBody(200), *more)
    started = time.monotonic()
    report = repo.refresh("alpha", "beta", "--timeout-s", "0.5", expect=3)
    assert time.monotonic() - started < 60
    repo.holds(beta)
    assert [failure.what for failure in report.failed] == ["alpha"]
    assert "takes too long" in report.failed[0].why
    assert pypi.count(DOCUMENT) == 1
    pypi.clear_faults()
    repo.refresh("alpha", "beta")
    repo.holds(alpha, beta)


@pytest.mark.parametrize(
    "fault", [TruncatedDocument(), TruncatedDocument(0.0), NotJSON(), NotJSON("application/json")]
)
def test_an_unreadable_document_costs_its_project_alone(
    repo: Repository,
    pypi: PyPIServer,
    alpha: BuiltFile,
    beta: BuiltFile,
    fault: TruncatedDocument | NotJSON,
) -> None:
    repo.refresh_all()
    pypi.fault(DOCUMENT, fault)
    report = repo.refresh_all("--force-check", expect=3)
    repo.holds(alpha, beta)
    assert [failure.what for failure in report.failed] == ["alpha"]
    assert "JSON" in report.failed[0].why
    pypi.clear_faults()
    repo.refresh_all("--force-check")
    repo.holds(alpha, beta)


@pytest.mark.parametrize("fault", [TruncatedDocument(), NotJSON(), Status(500), Status(404)])
def test_an_unreadable_list_of_projects_ends_the_run_and_deletes_nothing(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, fault: NotJSON | Status
) -> None:
    repo.refresh_all()
    pypi.fault("/simple/", fault)
    done = repo.run(
        *("refresh", "--packages", "everything", "--retries", "0", *repo.flags()), expect=1
    )
    assert done.stderr.startswith("microrepo: error: ")
    assert done.stderr.count("\n") == 1
    repo.holds(alpha)


def test_an_empty_list_of_projects_deletes_nothing(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    repo.refresh_all()
    index.remove_project("alpha")
    done = repo.run("refresh", "--packages", "everything", *repo.flags(), expect=1)
    assert "lists no projects" in done.stderr
    repo.holds(alpha)


@pytest.mark.parametrize(
    "location", ["{path}", "file:///etc/passwd", "http://[", "ftp://x.example/"]
)
def test_redirects_that_lead_nowhere_cost_their_project_alone(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile, location: str
) -> None:
    pypi.fault(DOCUMENT, Redirect(location))
    report = repo.refresh("alpha", "beta", expect=3)
    repo.holds(beta)
    assert [failure.what for failure in report.failed] == ["alpha"]
    assert "redirect" in report.failed[0].why
    assert pypi.count(DOCUMENT) <= 12


def test_a_redirect_to_another_name_is_followed(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(DOCUMENT, Redirect(pypi.url + "/pypi/Alpha/json"), times=1)
    repo.refresh("alpha")
    repo.holds(alpha)


def test_a_stale_document_is_asked_for_later(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    repo.refresh_all()
    old_serial = index.projects["alpha"].serial
    new = build_wheel("alpha", "2.0")
    index.add("alpha", new)
    pypi.fault(DOCUMENT, StaleDocument(old_serial))
    report = repo.refresh_all(expect=3)
    repo.holds(alpha)
    assert f"serial {old_serial}, the index announced {index.serial}" in report.failed[0].why
    assert repo.query("SELECT serial FROM projects") == [(old_serial,)]
    # The next run tries again; after a second failure in a row the project has to wait, nothing
    # but the list is asked for, and the run says so.
    repo.refresh_all(expect=3)
    pypi.clear_faults()
    pypi.reset()
    report = repo.refresh_all(expect=3)
    assert (report.waiting, pypi.count()) == (1, 1)
    repo.change_state("UPDATE projects SET retry_at = '2020-01-01T00:00:00.000000Z'")
    repo.refresh_all()
    repo.holds(new)
    assert repo.query("SELECT serial FROM projects") == [(index.serial,)]


def test_a_document_without_a_serial_is_taken(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    pypi.fault(DOCUMENT, StaleDocument(None))
    repo.refresh_all()
    repo.holds(alpha)


def test_an_unreachable_source_is_one_message(repo: Repository, pypi: PyPIServer) -> None:
    pypi.close()
    done = repo.run(
        *("refresh", "--packages", "everything", "--retries", "0", *repo.flags()), expect=1
    )
    assert "refused" in done.stderr
    assert done.stderr.count("\n") == 1
