"""Real servers as sources: trees of bandersnatch, devpi, pypiserver and others, and ourselves.

None of them but ourselves announces serials: what has not changed is found out by conditional
requests, or by what the pages say, and no file is fetched a second time.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.functional.server.serving import serve
from tests.support.index import FakeIndex
from tests.support.mirrors import bandersnatch, under_packages
from tests.support.nginx import NGINX, nginx_over
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.peers import PASSWORD, USER, Peers, install_peers
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
SETTINGS = (
    *("--processes", "2", "--connections", "4", "--min-free-space", "0", "--no-dependencies"),
    *("--versions", "all", "--python-versions", "all", "--yanked"),
)
# bandersnatch's own advice for nginx: the Accept header chooses among the files of a folder.
_TREE_SITE = r"""
map $http_accept $suffix {
    default ".html";
    "~*application/vnd\\.pypi\\.simple\\.v1\\+json" ".v1_json";
    "~*application/vnd\\.pypi\\.simple\\.v1\\+html" ".v1_html";
}
server {
    listen 127.0.0.1:{port};
    root "{root}";
    location /simple/ {
        index index$suffix index.html;
        types {
            application/vnd.pypi.simple.v1+json v1_json;
            application/vnd.pypi.simple.v1+html v1_html;
            text/html html;
        }
    }
    location /packages/ { default_type application/octet-stream; }
}
"""


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Peers:
    """The servers of others; skips where they cannot be installed."""
    base = tmp_path_factory.getbasetemp()
    return install_peers(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def files(index: FakeIndex) -> list[BuiltFile]:
    built = [
        build_wheel("Foo.Bar", "1.0", requires_dist=["dep>=1"]),
        build_sdist("Foo.Bar", "1.0"),
        build_wheel("dep", "1.0", requires_python=">=3.6", payload_size=70_000),
        build_wheel("Foo.Bar", "2.0"),
    ]
    for file in built[:-1]:
        index.add(file.name, file)
    index.add("Foo.Bar", built[-1], yanked="it broke")
    return built


@pytest.fixture
def theirs(tmp_path: Path, run_microrepo: MicrorepoRunner) -> Repository:
    """The repository at the end of the chain."""
    return Repository(tmp_path / "theirs", "", run_microrepo, SETTINGS)


@pytest.fixture
def ours(tmp_path: Path, pypi: PyPIServer, run_microrepo: MicrorepoRunner) -> Repository:
    """The repository in the middle of the chain."""
    return Repository(tmp_path / "ours", pypi.url, run_microrepo, SETTINGS)


def distributions(repo: Repository) -> dict[str, str]:
    """Return the digests of distributions and of their metadata files."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in repo.path.glob("*-[0-9]*")
        if path.is_file()
    }


def facts(repo: Repository) -> dict[str, Any]:
    """Return what the pages say, without the serials, which each repository counts alone."""
    pages = {}
    for path in sorted((repo.path / "simple").glob("*/index.v1_json")):
        page = json.loads(path.read_bytes())
        page["meta"].pop("_last-serial", None)
        pages[path.parent.name] = page
    return pages


def yanked(repo: Repository) -> set[str]:
    found = [file for page in facts(repo).values() for file in page["files"]]
    return {file["filename"] for file in found if file["yanked"] is not False}


def settle(directory: Path) -> None:
    """Make files look as if they had been written a while ago, as most have been."""
    for path in directory.rglob("*"):
        if path.is_file() and path.stat().st_mtime > 1_700_000_000:
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 120 * 10**9))


def again_costs_nothing(repo: Repository) -> None:
    """Refresh once more: every project is found unchanged, and nothing is fetched or written."""
    before = repo.identity()
    report = repo.refresh_all()
    assert (report.downloaded, report.fetched, report.deleted) == (0, 0, 0)
    assert repo.identity() == before


@contextmanager
def python_server(directory: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a directory as `python -m http.server` does; yields its URL and its requests."""
    log: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            number = code.value if isinstance(code, http.HTTPStatus) else code
            log.append(f"{self.path} {number}")

        def log_message(self, *args: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(directory))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", log
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- ourselves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["documents", "pages", "nginx", "directory"])
def test_two_of_us_in_a_chain(
    ours: Repository, theirs: Repository, index: FakeIndex, files: list[BuiltFile], way: str
) -> None:
    """The second holds what the first does, to the byte: files, metadata, marks, pages."""
    if way == "nginx" and NGINX is None:
        pytest.skip("nginx is not installed")
    ours.refresh_all()
    serving = (
        nginx_over(ours.path, ours.path.parent / "nginx") if way == "nginx" else serve(ours.path)
    )
    with serving as served:
        theirs.source = {
            "documents": served.url,
            "pages": served.url + "simple/",
            "nginx": served.url + "simple/",
            "directory": str(ours.path),
        }[way]
        theirs.refresh_all()
        assert distributions(theirs) == distributions(ours)
        assert facts(theirs) == facts(ours)
        again_costs_nothing(theirs)
        index.add("dep", build_wheel("dep", "1.1"))
        index.yank("dep", "1.0", "a second thought")
        index.remove_release("foo-bar", "2.0")
        ours.refresh_all()
        report = theirs.refresh_all()
        assert report.downloaded == 1
        assert distributions(theirs) == distributions(ours)
        assert facts(theirs) == facts(ours)


def test_our_static_tree_behind_a_server_that_knows_nothing(
    ours: Repository, theirs: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    """`python -m http.server` has no ETag and no types: the HTML pages and their times must do."""
    ours.refresh_all()
    settle(ours.path)
    with python_server(ours.path) as (url, log):
        theirs.source = url + "simple/"
        theirs.refresh_all()
        assert distributions(theirs) == distributions(ours)
        assert yanked(theirs) == {files[-1].filename}
        log.clear()
        again_costs_nothing(theirs)
        assert sorted(log) == ["/simple/ 200", "/simple/dep/ 304", "/simple/foo-bar/ 304"]
        index.add("dep", build_wheel("dep", "1.1"))
        ours.refresh_all()
        log.clear()
        assert theirs.refresh_all().downloaded == 1
        assert "/simple/foo-bar/ 304" in log
        # That page is too young for its time to tell the next change in the same second.
        theirs.refresh_all()
        assert log.count("/simple/dep/ 200") == 2


# --- others as sources --------------------------------------------------------------------------------


@needs_nginx
@pytest.mark.parametrize("form", ["json", "html"])
def test_a_tree_of_bandersnatch(
    theirs: Repository,
    index: FakeIndex,
    pypi: PyPIServer,
    files: list[BuiltFile],
    tmp_path: Path,
    form: str,
) -> None:
    """Made by the program itself, served by nginx as its makers advise."""
    under_packages(index)
    home = tmp_path / "bandersnatch"
    more = "" if form == "json" else "simple-format = HTML"
    bandersnatch(home, pypi.url, more=more)
    for path in (home / "mirror" / "web").rglob("*"):
        # An ETag of nginx proves nothing about a file of the last seconds.
        os.utime(path, (path.lstat().st_atime, path.lstat().st_mtime - 60), follow_symlinks=False)
    with nginx_over(home / "mirror" / "web", tmp_path / "nginx", _TREE_SITE) as nginx:
        theirs.source = nginx.url + "simple/"
        theirs.refresh_all()
        theirs.settings = SETTINGS
        assert {name: d for name, d in distributions(theirs).items() if "metadata" not in name} == {
            file.filename: file.sha256 for file in files
        }
        assert yanked(theirs) == {files[-1].filename}
        nginx.log.write_text("")
        again_costs_nothing(theirs)
        asked = nginx.log.read_text().split("\n")[:-1]
        assert sorted(asked)[1:] == ["GET /simple/dep/ 304", "GET /simple/foo-bar/ 304"]

        index.add("dep", build_wheel("dep", "1.1"))
        index.yank("foo-bar", "1.0", "so did this")
        under_packages(index)
        bandersnatch(home, pypi.url, more=more)
        report = theirs.refresh_all()
        assert (report.downloaded, report.fetched) == (1, 2)
        assert len(yanked(theirs)) == 3


def test_devpi(theirs: Repository, files: list[BuiltFile], peers: Peers, tmp_path: Path) -> None:
    with peers.devpi(tmp_path / "devpi") as url:
        upload(peers, url, files[:3], tmp_path, "root")
        theirs.source = url + "+simple/"
        theirs.refresh_all()
        theirs_are(theirs, files[:3])
        again_costs_nothing(theirs)
        upload(peers, url, files[3:], tmp_path, "root")
        assert theirs.refresh_all().downloaded == 1
        theirs_are(theirs, files)


def test_pypiserver(
    theirs: Repository, files: list[BuiltFile], peers: Peers, tmp_path: Path
) -> None:
    with peers.pypiserver(tmp_path / "pypi") as url:
        upload(peers, url, files[:3], tmp_path, USER)
        login = f"{quote(USER)}:{quote(PASSWORD, safe='')}@"
        theirs.source = url.replace("://", f"://{login}") + "simple/"
        theirs.refresh_all()
        theirs_are(theirs, files[:3])
        again_costs_nothing(theirs)
        upload(peers, url, files[3:], tmp_path, USER)
        assert theirs.refresh_all().downloaded == 1
        theirs_are(theirs, files)


def test_a_server_without_digests(
    theirs: Repository, files: list[BuiltFile], peers: Peers, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    for file in files[:3]:
        folder = served / file.name.lower().replace(".", "-")
        folder.mkdir(parents=True, exist_ok=True)
        file.write_to(folder)
    with peers.simple_repository(served) as url:
        theirs.source = url
        theirs.settings = (*SETTINGS, "--no-require-digests")
        theirs.refresh_all()
        theirs_are(theirs, files[:3])
        again_costs_nothing(theirs)
        files[3].write_to(served / "foo-bar")
        assert theirs.refresh_all().downloaded == 1
        theirs_are(theirs, files)


def upload(peers: Peers, url: str, files: list[BuiltFile], home: Path, user: str) -> None:
    (home / "dist").mkdir(exist_ok=True)
    for file in files:
        file.write_to(home / "dist")
    paths = [home / "dist" / file.filename for file in files]
    peers.twine(url, paths, home, username=user, password=PASSWORD)


def theirs_are(repo: Repository, files: list[BuiltFile]) -> None:
    found = {n: d for n, d in distributions(repo).items() if not n.endswith(".metadata")}
    assert found == {file.filename: file.sha256 for file in files}


def test_a_private_devpi_before_a_public_index(
    theirs: Repository,
    index: FakeIndex,
    pypi: PyPIServer,
    files: list[BuiltFile],
    peers: Peers,
    tmp_path: Path,
) -> None:
    """The same name in both, the newer in public; then the private one goes down."""
    mine = build_wheel("dep", "0.1")
    with peers.devpi(tmp_path / "devpi") as url:
        upload(peers, url, [mine], tmp_path, "root")
        theirs.source = json.dumps([url + "+simple/", pypi.url])
        theirs.refresh_all()
        expected = [mine, *(file for file in files if file.name != "dep")]
        theirs_are(theirs, expected)
        assert "dep" not in " ".join(pypi.paths("/pypi/") + pypi.paths("/files/"))
    pypi.reset()
    report = theirs.refresh("dep", "--retries", "0", expect=3)
    assert report.downloaded == 0
    assert pypi.requests == []
    theirs.refresh_all("--retries", "0", expect=3)
    theirs_are(theirs, expected)
    assert "dep" not in " ".join(pypi.paths("/pypi/") + pypi.paths("/files/"))


def test_a_private_pypiserver_that_refers_to_the_public_index(
    theirs: Repository, pypi: PyPIServer, files: list[BuiltFile], peers: Peers, tmp_path: Path
) -> None:
    """As it does unless told otherwise; what is reserved for it must come from itself."""
    served = tmp_path / "pypi"
    served.mkdir()
    mine = build_wheel("acme", "0.1")
    mine.write_to(served)
    pypi.index.add("acme-tool", build_wheel("acme-tool", "9.0"))
    with peers.pypiserver(served, auth=False, fallback=pypi.simple_url) as url:
        private = {"url": url + "simple/", "packages": ["acme*"]}
        theirs.source = json.dumps([private, pypi.url])
        theirs.refresh("acme", "dep")
        theirs_are(theirs, [mine, files[2]])
        pypi.reset()
        report = theirs.refresh("acme-tool", "acme", "dep", expect=3)
        (failure,) = report.failed
        assert "redirects to another server" in failure.why
        theirs_are(theirs, [mine, files[2]])
        assert "acme" not in " ".join(pypi.paths())
        # Alone it may speak for others, as any server may.
        theirs.source = url + "simple/"
        assert theirs.refresh("acme-tool").downloaded == 1
