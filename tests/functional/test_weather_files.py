"""Bad weather on the way to files: cut, stalled, wrong, too long, too short."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.faults import (
    CorruptBody,
    CutBody,
    DropConnection,
    IgnoreRange,
    LongerBody,
    NoLength,
    Redirect,
    ShiftRange,
    ShorterBody,
    SlowBody,
    StallBody,
    Status,
    WrongBody,
)
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository, watching
from tests.support.server import PyPIServer
from tests.support.transports import each_transport

pytestmark = each_transport

FILES = "/files/*"
CUT = 150_000


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """A file large enough to be cut in the middle."""
    built = build_wheel("alpha", "1.0", payload_size=400_000)
    index.add("alpha", built)
    return built


def ranges_asked(pypi: PyPIServer) -> list[str]:
    return [
        request.headers.get("range", "") for request in pypi.requests if "/files/" in request.path
    ]


def resumed_at(pypi: PyPIServer) -> int:
    """Return where the second of two requests for a file goes on; the first asks for all of it."""
    first, second = ranges_asked(pypi)
    assert first == ""
    return int(second.removeprefix("bytes=").removesuffix("-"))


def bytes_of_files(pypi: PyPIServer) -> list[int]:
    return [request.bytes_sent for request in pypi.requests if "/files/" in request.path]


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_is_resumed_by_a_range(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, reset: bool
) -> None:
    pypi.fault(FILES, CutBody(CUT, reset=reset), times=1)
    report = repo.refresh("alpha")
    repo.holds(alpha)
    received = resumed_at(pypi)
    # A reset connection takes with it what was still under way.
    assert 0 < received <= CUT if reset else received == CUT
    assert bytes_of_files(pypi)[1] == alpha.size - received
    assert report.received_bytes == alpha.size


def test_a_cut_connection_without_range_support_begins_anew(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.switches.no_ranges = True
    pypi.fault(FILES, CutBody(CUT), times=1)
    repo.refresh("alpha")
    repo.holds(alpha)
    assert bytes_of_files(pypi) == [CUT, alpha.size]


def test_a_range_answered_by_the_whole_file(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, CutBody(CUT), times=1)
    pypi.fault(FILES, IgnoreRange(), times=1)
    repo.refresh("alpha")
    repo.holds(alpha)
    assert bytes_of_files(pypi) == [CUT, alpha.size]


def test_a_range_answered_by_another_one(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, CutBody(CUT), times=1)
    pypi.fault(FILES, ShiftRange(1000), times=1)
    repo.refresh("alpha")
    repo.holds(alpha)
    assert ranges_asked(pypi) == ["", f"bytes={CUT}-", ""]


def test_a_cut_connection_without_a_length_is_not_taken_for_the_end(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, NoLength(), CutBody(CUT), times=1)
    repo.refresh("alpha")
    repo.holds(alpha)


def test_a_stalled_body_is_given_up_and_resumed(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, StallBody(CUT, 60), times=1)
    started = time.monotonic()
    repo.refresh("alpha", "--timeout-s", "0.5")
    repo.holds(alpha)
    assert time.monotonic() - started < 30
    assert 0 < resumed_at(pypi) <= CUT


def test_a_download_that_keeps_breaking_is_kept_for_the_next_run(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, CutBody(CUT), times=1)
    pypi.fault(FILES, DropConnection())
    report = repo.refresh("alpha", "--retries", "1", expect=3)
    repo.holds()
    assert [failure.what for failure in report.failed] == [alpha.filename]
    assert [path.stat().st_size for path in repo.partials()] == [CUT]
    pypi.clear_faults()
    pypi.reset()
    report = repo.refresh("alpha")
    repo.holds(alpha)
    assert ranges_asked(pypi) == [f"bytes={CUT}-"]
    assert bytes_of_files(pypi) == [alpha.size - CUT]
    assert report.resumed == 1
    assert repo.partials() == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_in_trouble_does_not_cost_what_came_before(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, status: int
) -> None:
    pypi.fault(FILES, CutBody(CUT), times=1)
    pypi.fault(FILES, Status(status))
    report = repo.refresh("alpha", "--retries", "1", expect=3)
    assert str(status) in report.failed[0].why
    assert [path.stat().st_size for path in repo.partials()] == [CUT]


@pytest.mark.parametrize("status", [500, 503])
def test_a_burst_of_server_errors_is_outlasted(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, status: int
) -> None:
    pypi.fault(FILES, Status(status), times=3)
    repo.refresh("alpha")
    repo.holds(alpha)


def test_retry_after_is_honoured(repo: Repository, pypi: PyPIServer, alpha: BuiltFile) -> None:
    pypi.fault(FILES, Status(429, {"Retry-After": "1"}), times=1)
    started = time.monotonic()
    repo.refresh("alpha")
    repo.holds(alpha)
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    "fault", [CorruptBody(), LongerBody(1000), ShorterBody(1000), WrongBody(b"another file")]
)
class TestWrongContent:
    """Content that is not what was announced."""

    def test_is_fetched_anew_once_and_then_right(
        self, repo: Repository, pypi: PyPIServer, alpha: BuiltFile, fault: CorruptBody
    ) -> None:
        pypi.fault(FILES, fault, times=1)
        with watching(repo.path, {alpha.filename: alpha}):
            repo.refresh("alpha")
        repo.holds(alpha)
        first, second = [request for request in pypi.requests if "/files/" in request.path]
        assert "cache-control" not in first.headers
        assert (second.headers["cache-control"], second.headers.get("range")) == ("no-cache", None)

    def test_is_reported_and_never_visible(
        self, repo: Repository, pypi: PyPIServer, alpha: BuiltFile, fault: CorruptBody
    ) -> None:
        pypi.fault(FILES, fault)
        with watching(repo.path, {}):
            report = repo.refresh("alpha", expect=3)
        assert pypi.count("/files/") == 2
        assert [failure.what for failure in report.failed] == [alpha.filename]
        assert "announced" in report.failed[0].why
        assert repo.partials() == []
        pypi.clear_faults()
        repo.refresh("alpha")
        repo.holds(alpha)


def test_a_failed_file_is_tried_again_when_its_time_has_come(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, CorruptBody())
    repo.refresh_all(expect=3)
    # The next run tries again; after that there are pauses, and each run says that it waits.
    assert repo.refresh_all(expect=3).waiting == 0
    pypi.clear_faults()
    pypi.reset()
    assert repo.refresh_all(expect=3).waiting == 1
    assert pypi.count() == 1
    repo.change_state("UPDATE projects SET retry_at = '2020-01-01T00:00:00.000000Z'")
    repo.refresh_all()
    repo.holds(alpha)
    assert pypi.paths("/pypi/") == []


def test_a_partial_download_of_other_content_is_thrown_away(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, CutBody(CUT), times=1)
    pypi.fault(FILES, DropConnection())
    repo.refresh("alpha", "--retries", "1", expect=3)
    (partial,) = repo.partials()
    partial.write_bytes(b"x" * CUT)
    pypi.clear_faults()
    repo.refresh("alpha")
    repo.holds(alpha)


def test_a_file_that_is_gone_is_reported(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.fault(FILES, Status(404))
    report = repo.refresh("alpha", expect=3)
    repo.holds()
    assert "404" in report.failed[0].why


@pytest.mark.parametrize("location", ["{path}", "file:///etc/passwd", "http://["])
def test_redirects_that_lead_nowhere_cost_one_file(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile, location: str
) -> None:
    other = build_wheel("beta", "1.0")
    index.add("beta", other)
    pypi.fault(f"*/{alpha.filename}", Redirect(location))
    report = repo.refresh("alpha", "beta", expect=3)
    repo.holds(other)
    assert "redirect" in report.failed[0].why


def test_a_redirect_to_another_server_is_followed(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    with PyPIServer(index) as mirror:
        path = index.file("alpha", alpha.filename).path
        pypi.fault(FILES, Redirect(mirror.url + path))
        repo.refresh("alpha")
        assert mirror.paths() == [path]
    repo.holds(alpha)


def test_a_file_that_crawls_goes_on_in_the_next_run(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    beta = build_wheel("beta", "1.0")
    index.add("beta", beta)
    crawl = pypi.fault("/files/*alpha*", SlowBody(200))
    report = repo.refresh("alpha", "beta", "--timeout-s", "0.5", expect=3)
    repo.holds(beta)
    assert [failure.what for failure in report.failed] == [alpha.filename]
    assert "takes too long" in report.failed[0].why
    assert crawl.hits == 1
    received = sum(path.stat().st_size for path in repo.partials())
    pypi.clear_faults()
    report = repo.refresh("alpha", "beta")
    assert report.received_bytes == alpha.size - received
    repo.holds(alpha, beta)


def test_a_silent_host_is_given_up_and_no_other(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    dead = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        for number in range(60):
            built = build_wheel("dead", f"{number}.0")
            file = index.add("dead", built)
            index.change("dead", f"{number}.0", url=f"http://{host}{file.path}")
            dead.append(built)
        options = ("--timeout-s", "0.5", "--retries", "1", "--internal-hosts", "127.0.0.1")
        every = ("--versions", "all")
        started = time.monotonic()
        report = repo.refresh("dead", "alpha", *every, *options, expect=3)
        took_s = time.monotonic() - started
    repo.holds(alpha)
    assert {failure.what for failure in report.failed} == {built.filename for built in dead}
    unsent = [failure for failure in report.failed if "not requested" in failure.why]
    assert len(unsent) > len(dead) / 2
    assert took_s < 20
