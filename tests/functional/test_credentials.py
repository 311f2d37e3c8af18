"""Passwords: taken from netrc or the source's URL, for their own host alone, and never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faults import Redirect, Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer
from tests.support.transports import each_transport

pytestmark = each_transport

SECRET = "pa55/w@rd:x"
QUOTED = "pa55%2Fw%40rd%3Ax"


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """The file to fetch."""
    built = build_wheel("alpha", "1.0", payload_size=5000)
    index.add("alpha", built)
    return built


@pytest.fixture
def closed(pypi: PyPIServer, alpha: BuiltFile) -> PyPIServer:
    """The server wants to know who asks."""
    pypi.switches.auth = ("me", SECRET)
    return pypi


def with_password(pypi: PyPIServer, password: str = QUOTED) -> str:
    return pypi.url.replace("http://", f"http://me:{password}@")


def everything_written(repo: Repository) -> str:
    """Return the content of all that a run left behind but the distributions."""
    texts = [
        path.read_bytes().decode("latin-1")
        for path in repo.path.rglob("*")
        if path.is_file() and path.suffix != ".whl"
    ]
    return "\n".join(texts)


def test_netrc(repo: Repository, closed: PyPIServer, alpha: BuiltFile, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f'machine 127.0.0.1 login me password "{SECRET}"\n')
    repo.refresh("alpha", env={"NETRC": str(netrc)})
    repo.holds(alpha)


def test_netrc_of_the_home_directory(
    repo: Repository, closed: PyPIServer, alpha: BuiltFile
) -> None:
    repo.program.home.mkdir(exist_ok=True)
    netrc = repo.program.home / ".netrc"
    netrc.write_text(f'machine 127.0.0.1 login me password "{SECRET}"\n')
    netrc.chmod(0o600)
    repo.refresh_all()
    repo.holds(alpha)


@pytest.mark.parametrize("wanted", [("alpha",), ("--packages", "everything")])
def test_the_url_of_the_source(
    repo: Repository, closed: PyPIServer, alpha: BuiltFile, wanted: tuple[str, ...]
) -> None:
    repo.source = with_password(closed)
    done = repo.run(
        "refresh", *wanted, *repo.flags(), "--debug", "--log-file", repo.path.parent / "log"
    )
    repo.holds(alpha)
    log = (repo.path.parent / "log").read_text()
    for text in (done.stdout, done.stderr, log, everything_written(repo)):
        assert SECRET not in text
        assert QUOTED not in text


def test_the_url_of_a_simple_index(repo: Repository, closed: PyPIServer, alpha: BuiltFile) -> None:
    repo.source = with_password(closed) + "/simple/"
    repo.refresh_all()
    repo.holds(alpha)


@pytest.mark.parametrize("fault", [None, Status(500), Redirect("{path}")])
def test_failures_do_not_tell_the_password(
    repo: Repository, closed: PyPIServer, fault: Status | None
) -> None:
    repo.source = with_password(closed, "wr0ng")
    if fault is not None:
        closed.switches.auth = None
        closed.fault("*", fault)
    for wanted in (["alpha"], ["--packages", "everything"]):
        # With its tracebacks too.
        done = repo.program("refresh", *wanted, *repo.flags(), "--retries", "0", "--debug")
        assert done.returncode in {1, 3}
        assert "wr0ng" not in done.stdout + done.stderr
        if fault is None:
            assert "401 (credentials are missing or wrong)" in done.stdout + done.stderr


def test_settings_are_shown_without_passwords(repo: Repository, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(
        '{"source": "https://me:s3cret@index.example/", "proxy": "http://you:hidden@proxy.example"}'
    )
    for form in ([], ["--json"]):
        done = repo.run("config", "--config", config, *form)
        assert "index.example" in done.stdout
        assert "proxy.example" in done.stdout
        assert "s3cret" not in done.stdout
        assert "hidden" not in done.stdout


def test_mistakes_in_urls_do_not_tell_the_password(repo: Repository) -> None:
    for source in ("ftp://me:s3cret@index.example", "http://me:s3cret@[", "me:s3cret@host"):
        repo.source = source
        done = repo.run("refresh", "alpha", *repo.flags(), expect=2)
        assert "s3cret" not in done.stdout + done.stderr


def test_other_hosts_do_not_get_the_password(
    repo: Repository, closed: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    with PyPIServer(index) as elsewhere:
        path = index.file("alpha", alpha.filename).path
        index.change("alpha", "1.0", url=elsewhere.url + path)
        repo.source = with_password(closed)
        repo.refresh("alpha")
        assert [request.path for request in elsewhere.requests] == [path]
        assert not any("authorization" in request.headers for request in elsewhere.requests)
    repo.holds(alpha)


def test_a_redirect_does_not_take_the_password_along(
    repo: Repository, closed: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    with PyPIServer(index) as elsewhere:
        closed.fault("/files/*", Redirect(elsewhere.url + index.file("alpha", alpha.filename).path))
        repo.source = with_password(closed)
        repo.refresh("alpha")
        assert elsewhere.count() == 1
        assert not any("authorization" in request.headers for request in elsewhere.requests)


def test_a_page_cannot_ask_for_the_password_by_a_link(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    """Credentials in a link are for that link's host; those of the source never travel there."""
    with PyPIServer(index, auth=("other", "one")) as elsewhere:
        path = index.file("alpha", alpha.filename).path
        index.change("alpha", "1.0", url=elsewhere.url.replace("//", "//other:one@") + path)
        repo.refresh("alpha")
        repo.holds(alpha)
        assert "other:one" not in repo.run("explain", "alpha", "--repository", repo.path).stdout
