"""Another host for the files: asked first, never trusted further than digests reach."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.faults import CorruptBody, CutBody, Fault, Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def near(index: FakeIndex) -> Iterator[PyPIServer]:
    """Another server with the same files under the same paths."""
    with PyPIServer(index) as server:
        yield server


@pytest.fixture
def files(index: FakeIndex) -> list[BuiltFile]:
    built = [build_wheel(name, "1.0", payload_size=200_000) for name in ("alpha", "beta")]
    for file in built:
        index.add(file.name, file)
    return built


@pytest.fixture
def hosted(repo: Repository, near: PyPIServer, files: list[BuiltFile]) -> Repository:
    repo.settings = (*repo.settings, "--file-host", near.url + "/", "--retries", "0")
    return repo


def test_files_come_from_there(
    hosted: Repository, near: PyPIServer, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    report = hosted.refresh_all()
    hosted.holds(*files)
    assert (report.fallbacks, report.warnings) == (0, ())
    assert (near.count("/files/"), near.count()) == (2, 2)
    assert pypi.count("/files/") == 0
    rows = hosted.query("SELECT url FROM files")
    assert all(url.startswith(pypi.url) for (url,) in rows)  # where they really belong


@pytest.mark.parametrize(
    "fault", [Status(404), Status(403), CorruptBody(), CutBody(1000)], ids=type
)
def test_what_it_does_not_have_comes_from_the_source(
    hosted: Repository, near: PyPIServer, pypi: PyPIServer, files: list[BuiltFile], fault: Fault
) -> None:
    near.fault("*/alpha*", fault)
    report = hosted.refresh_all()
    hosted.holds(*files)
    assert report.fallbacks == 1
    assert report.warnings[0].startswith("the file host failed; downloaded from the source: alpha")
    assert [path for path in pypi.paths("/files/") if "beta" in path] == []


def test_a_host_that_is_down(hosted: Repository, near: PyPIServer, files: list[BuiltFile]) -> None:
    near.close()
    assert hosted.refresh_all().fallbacks == 2
    hosted.holds(*files)


def test_without_fallback_nothing_comes_from_the_source(
    hosted: Repository, near: PyPIServer, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    near.fault("*/alpha*", Status(404))
    report = hosted.refresh_all("--no-file-host-fallback", expect=3)
    hosted.holds(files[1])
    assert [failure.what for failure in report.failed] == [files[0].filename]
    assert pypi.count("/files/") == 0
    near.clear_faults()
    hosted.refresh_all("--no-file-host-fallback")
    hosted.holds(*files)


def test_when_neither_has_it_both_are_told(
    hosted: Repository, near: PyPIServer, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    near.fault("*/alpha*", Status(404))
    pypi.fault("/files/*alpha*", Status(410))
    report = hosted.refresh_all(expect=3)
    (failure,) = report.failed
    assert "HTTP 410" in failure.why
    assert "the file host: " in failure.why
    assert "HTTP 404" in failure.why


def test_content_without_a_digest_is_asked_for_at_the_source(
    hosted: Repository, index: FakeIndex, near: PyPIServer, pypi: PyPIServer
) -> None:
    index.add("gamma", build_wheel("gamma", "1.0"), digests=False)
    hosted.refresh("gamma", "--no-require-digests")
    assert (near.count(), pypi.count("/files/")) == (0, 1)


def test_repair_asks_it_too(
    hosted: Repository, near: PyPIServer, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    hosted.refresh_all()
    (hosted.path / files[0].filename).unlink()
    near.reset()
    flags = [flag for flag in hosted.flags() if flag not in {"--repository", str(hosted.path)}]
    hosted.do("verify", "--repair", *flags)
    hosted.holds(*files)
    assert near.count("/files/") == 1


def test_metadata_of_a_closure(
    hosted: Repository, index: FakeIndex, near: PyPIServer, pypi: PyPIServer
) -> None:
    goal = build_wheel("goal", "1.0", requires_dist=["alpha"])
    index.add("goal", goal)
    hosted.settings = tuple(word for word in hosted.settings if word != "--no-dependencies")
    hosted.refresh("goal")
    assert len([path for path in near.paths() if path.endswith(".metadata")]) == 2
    assert pypi.count("/files/") == 0


def test_its_password_goes_to_it_alone(
    hosted: Repository, near: PyPIServer, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    near.switches.auth = ("me", "geheim")
    login = near.url.replace("http://", "http://me:geheim@")
    report = hosted.refresh_all()
    assert report.fallbacks == 2
    hosted.settings = (*hosted.settings, "--file-host", login, "--force-check")
    for file in files:
        (hosted.path / file.filename).unlink()
    assert hosted.refresh_all().fallbacks == 0
    hosted.holds(*files)
    assert all("authorization" not in request.headers for request in pypi.requests)


@pytest.mark.parametrize("host", ["ftp://f.example", "f.example", "https://f.example/?a=b"])
def test_mistakes(hosted: Repository, host: str) -> None:
    hosted.settings = (*hosted.settings, "--file-host", host)
    assert "$.file_host: " in hosted.run("refresh", "a", *hosted.flags(), expect=2).stderr


def test_a_host_that_hangs_is_given_up() -> None:
    """Its silence costs a few files their time, not every file."""
    from microrepo.model import Digests, Outcome
    from microrepo.transfer.download import file_host
    from microrepo.transfer.tasks import FetchFile

    asked = []

    def fetch(task: FetchFile) -> Outcome:
        asked.append(task.url)
        return Outcome(task.filename, ok="near" not in task.url, error="no answer")

    host = file_host.FileHost("https://near.example", fallback=True)
    task = FetchFile("a.whl", "https://far.example/x/a.whl?y", Digests(sha256="0" * 64))
    host.fetch(task, fetch)
    assert asked == ["https://near.example/x/a.whl?y", "https://far.example/x/a.whl?y"]
    for _ in range(file_host._PATIENCE):
        host._remember(failed=True, seconds=file_host._SLOW_S + 1)
    asked.clear()
    assert host.fetch(task, fetch).ok
    assert asked == ["https://far.example/x/a.whl?y"]
