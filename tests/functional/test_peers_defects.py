"""What goes wrong with bandersnatch does not go wrong here: each known defect is a test.

Those that other modules hold already are named in `ELSEWHERE`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.faults import CorruptBody, Status
from tests.support.index import FakeIndex
from tests.support.mirrors import bandersnatch, under_packages
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import CHECKOUT, MicrorepoRunner
from tests.support.proxy import Proxy
from tests.support.repository import PLAIN, Repository, built_files
from tests.support.server import PyPIServer

ELSEWHERE = {
    "the lock is released once a run has begun": "test_locking.py::test_a_second_run_ends_at_once",
    "a lock is looked for before it is taken": "test_locking.py::test_the_lock_goes_with_its_holder",
    "its own output cannot be mirrored": (
        "clients/test_mirrors_of_us.py::test_microrepo_mirrors_our_server_by_its_documents"
    ),
    "a changed filter is not seen": "test_refresh.py::test_a_changed_filter_is_applied_without_crawling",
    "filtered files stay": "test_prune.py::test_what_is_excluded_goes",
    "removed projects stay": "test_prune.py::test_is_deleted",
    "a broken download begins anew": "test_weather_files.py::test_a_cut_connection_is_resumed_by_a_range",
    "one failing project stops the serial": "test_weather.py::test_lasting_server_errors_cost_one_project",
    "a stale record is given up": "test_weather.py::test_a_stale_document_is_asked_for_later",
    "an option spelt with dashes is ignored": (
        "../unit/formats/foreign/test_translations.py::test_dashes_and_underscores_are_one"
    ),
}


@pytest.mark.parametrize("defect", ELSEWHERE)
def test_is_held_elsewhere(defect: str) -> None:
    path, _, name = ELSEWHERE[defect].partition("::")
    text = (Path(__file__).parent / path).read_text(encoding="utf-8")
    assert re.search(rf"^\s*def {name}\(", text, flags=re.MULTILINE)


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    built = build_wheel("alpha", "1.0", payload_size=3000)
    index.add("alpha", built)
    return built


@pytest.fixture
def beta(index: FakeIndex) -> BuiltFile:
    built = build_sdist("beta", "1.0")
    index.add("beta", built)
    return built


def test_a_file_that_cannot_be_had_is_tried_again_and_told(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    """There: asked for once, exit code 0."""
    path = index.file("alpha", alpha.filename).path
    pypi.fault(path, Status(503))
    report = repo.refresh_all("--retries", "2", expect=3)
    assert pypi.count(path) == 3
    assert [failure.what for failure in report.failed] == [alpha.filename]
    repo.holds(beta)
    pypi.clear_faults()
    repo.refresh_all()
    repo.holds(alpha, beta)


def test_wrong_content_leaves_nothing_behind(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    """There: a temporary file among the packages, for each attempt."""
    repo.refresh("beta")
    before = everything_below(repo.path)
    pypi.fault(index.file("alpha", alpha.filename).path, CorruptBody())
    for _ in range(2):
        repo.refresh("alpha", expect=3)
    assert everything_below(repo.path) == before


def everything_below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_a_source_that_knows_md5_alone_is_not_fetched_again(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    """There, with `digest_name = md5`: each file anew on each check."""
    built = build_wheel("alpha", "1.0")
    index.add("alpha", built, digests={"md5": built.md5})
    repo.refresh_all()
    pypi.reset()
    index.touch("alpha")
    repo.refresh_all("--force-check")
    assert pypi.count("/files/") == 0
    repo.do("verify", "--deep")
    repo.holds(built)


def test_repairs_go_the_way_that_refreshes_go(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    """There: `verify` refuses plain http although it is allowed, and knows no proxy."""
    file = index.file("alpha", alpha.filename)
    index.change("alpha", "1.0", url=f"http://files.example{file.path}")
    repo.source = "http://pypi.example"
    with Proxy(pypi.port) as proxy:
        way = ("--allow-http", "--proxy", proxy.url)
        repo.refresh("alpha", *way)
        (repo.path / alpha.filename).write_bytes(b"")
        proxy.forwarded.clear()
        repo.run("verify", "--repair", *repo.flags(), *way)
        assert proxy.forwarded == [f"http://files.example{file.path}"]
    repo.holds(alpha)


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory as plain files; yields the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_mirror_of_bandersnatch_is_a_source(
    index: FakeIndex,
    pypi: PyPIServer,
    tmp_path: Path,
    run_microrepo: MicrorepoRunner,
    alpha: BuiltFile,
    beta: BuiltFile,
) -> None:
    """There: a mirror of its mirror has no project, and that is exit code 0. It gives no serials."""
    under_packages(index)
    bandersnatch(tmp_path / "old", pypi.url)
    with served(tmp_path / "old" / "mirror" / "web") as address:
        repo = Repository(tmp_path / "repo", f"{address}/simple/", run_microrepo)
        repo.refresh_all()
        repo.holds(alpha, beta)
        assert repo.refresh_all().downloaded == 0


_COUNTING = """\
import sys
from microrepo.cli import main
code = main(sys.argv[1:])
with open("/proc/self/io") as io:
    written = dict(line.split(": ") for line in io.read().splitlines())["wchar"]
print("written", written.strip(), file=sys.stderr)
raise SystemExit(code)
"""


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs Linux's /proc")
def test_what_is_written_grows_with_the_projects_and_not_with_their_square(
    index: FakeIndex, pypi: PyPIServer, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    """There: the list of what is left to do is written anew after each project."""
    for number in range(320):
        name = f"p{number:03}"
        index.add(name, build_sdist(name, "1.0"))
    written = {}
    for count in (40, 320):
        names = [f"p{number:03}" for number in range(count)]
        flags = ["--repository", str(tmp_path / f"repo-{count}"), "--source", pypi.url, *PLAIN]
        done = subprocess.run(
            [sys.executable, "-c", _COUNTING, "refresh", *names, *flags],
            env=run_microrepo.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            cwd=CHECKOUT,
        )
        assert done.returncode == 0, done.stderr
        written[count] = int(done.stderr.rpartition("written ")[2])
    assert written[320] < 3 * 8 * written[40]  # the square would be 64 times as much


def test_nothing_of_a_tree_is_lost_on_the_way_from_bandersnatch(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, tmp_path: Path, alpha: BuiltFile
) -> None:
    """The whole way: its tree adopted, its settings translated, one file that it missed fetched."""
    under_packages(index)
    bandersnatch(tmp_path / "old", pypi.url)
    index.add("gamma", build_wheel("gamma", "1.0"))
    config = tmp_path / "config.json"
    repo.run("config", "--from-bandersnatch", tmp_path / "old" / "conf", "-o", config)
    flags = ("--config", config, "--repository", repo.path, "--no-simple", "--no-server")
    repo.run("adopt", tmp_path / "old" / "mirror", *flags[:6])
    pypi.reset()
    repo.run("refresh", *flags, "--min-free-space", "0")
    paths = [Path(p).name for p in [*pypi.paths("/files/"), *pypi.paths("/packages/")]]
    assert paths == ["gamma-1.0-py3-none-any.whl"]
    repo.holds(*built_files(index))
