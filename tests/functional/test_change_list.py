"""The change list of each run: applied to a copy, it makes the copy the same."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.faults import SlowBody
from tests.support.index import FakeIndex
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import PLAIN, Repository, digest_of, wait_until
from tests.support.server import PyPIServer

SETTINGS = tuple(flag for flag in PLAIN if flag not in {"--no-simple", "--no-server"})


@pytest.fixture
def repo(tmp_path: Path, pypi: PyPIServer, run_microrepo: MicrorepoRunner) -> Repository:
    """A repository with pages and server, in a place with a name of its own."""
    return Repository(tmp_path / "Spiegel für Räder", pypi.url, run_microrepo, SETTINGS)


@pytest.fixture
def lists(repo: Repository, tmp_path: Path) -> Path:
    """Where the change lists go, by the settings."""
    folder = tmp_path / "Änderungen"
    repo.settings = (*repo.settings, "--change-list", str(folder))
    return folder


def content_of(folder: Path) -> dict[str, str]:
    """Return the digest of every file that clients see, by its path."""
    return {
        str(path.relative_to(folder)): digest_of(path)
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != ".microrepo"
    }


def apply_with_rsync(repo: Repository, lists: Path, copy: Path) -> None:
    rsync = shutil.which("rsync")
    if rsync is None:
        pytest.skip("no rsync here")
    copy.mkdir(exist_ok=True)
    adds = [rsync, "-aI", f"--files-from={lists / 'adds.txt'}", f"{repo.path}/", f"{copy}/"]
    subprocess.run(adds, check=True, timeout=60)
    with (lists / "deletes.txt").open("rb") as names:
        remove = ["xargs", "-d", "\n", "rm", "-f", "--"]
        subprocess.run(remove, stdin=names, cwd=copy, check=True, timeout=60)


def apply_in_python(repo: Repository, lists: Path, copy: Path) -> None:
    """Do by the JSON what rsync does by the plain lists, checking what it promises."""
    changes = json.loads((lists / "changes.json").read_text())
    assert [one["path"] for one in changes["add"]] == (lists / "adds.txt").read_text().split("\n")[
        :-1
    ]
    for one in changes["delete"]:
        (copy / one["path"]).unlink(missing_ok=True)
    for one in changes["add"]:
        source = repo.path / one["path"]
        assert (source.stat().st_size, digest_of(source)) == (one["size"], one["sha256"])
        (copy / one["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy / one["path"])


Apply = Callable[[Repository, Path, Path], None]


@pytest.mark.parametrize("apply", [apply_with_rsync, apply_in_python], ids=["rsync", "python"])
def test_a_copy_follows_run_by_run(
    repo: Repository, index: FakeIndex, lists: Path, tmp_path: Path, apply: Apply
) -> None:
    copy = tmp_path / "copy"
    for name in ("alpha", "beta", "gamma"):
        index.add(name, build_wheel(name, "1.0"))
        index.add(name, build_sdist(name, "1.0"))

    def follow() -> None:
        apply(repo, lists, copy)
        assert content_of(copy) == content_of(repo.path)

    repo.refresh_all()
    follow()
    assert "server.py" in content_of(copy)
    # Nothing new: the list before stays, for those who have not taken it yet.
    before = (lists / "changes.json").read_bytes()
    repo.refresh_all()
    repo.do("verify", "--change-list", lists)
    assert (lists / "changes.json").read_bytes() == before
    follow()
    index.add("alpha", build_wheel("alpha", "2.0"))
    index.remove_project("gamma")
    index.yank("beta", "1.0", "broken")
    repo.refresh_all()
    changes = json.loads((lists / "changes.json").read_text())
    gone = {one["path"]: one for one in changes["delete"]}
    assert {"simple/gamma/index.html", "pypi/gamma/json"} <= gone.keys()
    old = gone["gamma-1.0.tar.gz"]
    assert (len(old["sha256"]), old["reason"]) == (64, "removed upstream")
    follow()
    # Other commands leave their lists, too; damage that was mended is to be carried over.
    repo.run("delete", "alpha", *repo.flags())
    follow()
    index.add("beta", build_wheel("beta", "1.1"))
    repo.refresh_all()
    follow()
    (repo.path / "beta-1.1-py3-none-any.whl").write_bytes(b"damaged")
    repo.run("verify", "--repair", *repo.flags())
    assert (lists / "adds.txt").read_text() == "beta-1.1-py3-none-any.whl\n"
    # Files that others put into the directory are part of it.
    shutil.copy(repo.path / "beta-1.1-py3-none-any.whl", tmp_path)
    own = build_wheel("own", "1.0")
    (repo.path / own.filename).write_bytes(own.content)
    repo.do("index", "--change-list", lists)
    assert own.filename in (lists / "adds.txt").read_text()
    follow()


def test_a_state_that_was_lost_leads_to_a_full_list(
    repo: Repository, index: FakeIndex, lists: Path, tmp_path: Path
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    repo.refresh_all()
    (repo.path / ".microrepo" / "state.db").unlink()
    repo.refresh_all()
    assert "alpha-1.0-py3-none-any.whl" in (lists / "adds.txt").read_text()


def test_the_history_of_lists(repo: Repository, index: FakeIndex, lists: Path) -> None:
    repo.settings = (*repo.settings, "--change-list-history")
    index.add("alpha", build_wheel("alpha", "1.0"))
    first = repo.refresh_all()
    assert repo.refresh_all().downloaded == 0
    index.add("alpha", build_wheel("alpha", "2.0"))
    third = repo.refresh_all()
    assert (first.run, third.run) == (1, 3)
    names = {path.name for path in lists.iterdir()}
    assert names == {
        f"{kind}-{run:06}.{ending}"
        for run in (1, 3)
        for kind, ending in (("changes", "json"), ("adds", "txt"), ("deletes", "txt"))
    }
    # The state tells the same.
    told = repo.do("history", "--changes", "3", "--paths", "add").stdout
    assert told == (lists / "adds-000003.txt").read_text()
    told = repo.do("history", "--changes", "--paths", "delete").stdout
    assert told == (lists / "deletes-000003.txt").read_text()
    written = json.loads((lists / "changes-000003.json").read_text())
    recorded = json.loads(repo.do("history", "--changes", "--json").stdout)
    assert [one for one in recorded if one["action"] == "add"] == written["add"]
    assert [one for one in recorded if one["action"] == "delete"] == written["delete"]
    assert written["add"][-1]["path"] in {"last-modified", "server.py"}  # the root comes last
    since = repo.do("history", "--since", "1", "--paths", "add").stdout.splitlines()
    assert len(since) == len(set(since))
    assert "alpha-1.0-py3-none-any.whl" not in since
    assert "add     alpha-2.0-py3-none-any.whl" in repo.do("history", "--since", "1").stdout
    assert "has no run 9" in repo.do("history", "--changes", "9", expect=1).stderr
    repo.do("history", "--paths", "add", expect=2)


def test_an_index_without_files_lists_its_pages(
    repo: Repository, index: FakeIndex, lists: Path
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    repo.refresh_all("--no-files")
    adds = (lists / "adds.txt").read_text().splitlines()
    assert "simple/alpha/index.html" in adds
    assert {path for path in adds if "/" not in path} == {"server.py", "last-modified"}
    assert (lists / "deletes.txt").read_text() == ""


def test_an_interrupted_run_leaves_its_list(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, lists: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    index.add("alpha", build_wheel("alpha", "1.0"))
    repo.refresh_all()
    apply_in_python(repo, lists, copy)
    # Another state: what lies there is adopted at once, and noted, before anything is fetched.
    (repo.path / ".microrepo" / "state.db").unlink()
    slow = build_wheel("slow", "1.0", payload_size=2_000_000)
    index.add("slow", slow)
    pypi.fault(f"*/{slow.filename}", SlowBody(20_000))
    (lists / "adds.txt").unlink()
    running = repo.start("--packages", "everything")
    wait_until(lambda: bool(repo.partials()))
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert "alpha-1.0-py3-none-any.whl\n" in (lists / "adds.txt").read_text()
    report = json.loads((repo.path / ".microrepo" / "report.json").read_text())
    assert (report["interrupted"], report["exit_code"], report["run"]) == (True, 130, 1)
    pypi.clear_faults()
    repo.refresh_all()
    apply_in_python(repo, lists, copy)
    assert content_of(copy) == content_of(repo.path)


def test_a_killed_run_is_told_by_the_next(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, lists: Path, tmp_path: Path
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    repo.refresh_all()
    copy = tmp_path / "copy"
    copy.mkdir()
    apply_in_python(repo, lists, copy)
    index.add("alpha", build_wheel("alpha", "2.0"))
    slow = build_wheel("slow", "1.0", payload_size=2_000_000)
    index.add("slow", slow)
    pypi.fault(f"*/{slow.filename}", SlowBody(20_000))
    running = repo.start("--packages", "everything")
    wait_until((repo.path / "alpha-2.0-py3-none-any.whl").exists)
    running.kill()
    running.communicate(timeout=60)
    pypi.clear_faults()
    repo.refresh_all()
    apply_in_python(repo, lists, copy)
    assert content_of(copy) == content_of(repo.path)


def test_a_list_that_cannot_be_written_is_no_secret(
    repo: Repository, index: FakeIndex, lists: Path
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    lists.write_text("in the way")
    report = repo.refresh_all(expect=3)
    assert report.downloaded == 1
    assert [failure.what for failure in report.failed] == ["change list"]
    assert repo.query("SELECT exit_code FROM runs") == [(3,)]
