"""Modes, odd paths, places that cannot be written to, disks that are full."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository, digest_of
from tests.support.server import PyPIServer


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """A file to put somewhere."""
    built = build_wheel("alpha", "1.0", payload_size=2000)
    index.add("alpha", built)
    return built


@pytest.mark.parametrize(("umask", "file_mode", "directory_mode"), [
    ("022", 0o644, 0o755),
    ("027", 0o640, 0o750),
    ("000", 0o666, 0o777),
])  # fmt: skip
def test_modes_follow_the_umask(
    repo: Repository, alpha: BuiltFile, umask: str, file_mode: int, directory_mode: int
) -> None:
    script = f'umask {umask}; exec "$@"'
    words = repo.program.command("refresh", "alpha", *repo.flags())
    subprocess.run(
        ["sh", "-c", script, "sh", *words],
        env=repo.program.environment(),
        check=True,
        capture_output=True,
    )
    assert (repo.path / alpha.filename).stat().st_mode & 0o777 == file_mode
    assert repo.path.stat().st_mode & 0o777 == directory_mode
    assert (repo.path / ".microrepo" / "state.db").stat().st_mode & 0o777 == file_mode & 0o644


@pytest.mark.parametrize(
    "name", ["with space", "größe 📦", "50% #1?&x=y", "-dash", "a'b\"c", "new\nline"]
)
def test_odd_paths(repo: Repository, alpha: BuiltFile, tmp_path: Path, name: str) -> None:
    repo.path = tmp_path / name / "repo"
    repo.refresh("alpha")
    repo.holds(alpha)
    assert repo.do("list").stdout == f"{alpha.filename}\n"
    assert repo.refresh("alpha").unchanged == 1


def test_a_relative_path_and_a_symbolic_link(
    repo: Repository, alpha: BuiltFile, tmp_path: Path
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    repo.path = Path("link")
    report = repo.refresh("alpha")
    assert report.repository == str(link)
    assert (real / alpha.filename).read_bytes() == alpha.content
    assert link.is_symlink()


def test_a_path_below_a_file_is_one_message(
    repo: Repository, alpha: BuiltFile, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "repo"):
        repo.path = path
        done = repo.run("refresh", "alpha", *repo.flags(), expect=1)
        assert str(path) in done.stderr
        assert done.stderr.count("\n") == 1


def without_override(repo: Repository, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run microrepo so that file modes bind it, also where the tests run as root."""
    words = repo.program.command(*args)
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("running as root, and there is no setpriv to lay powers down with")
        words = [setpriv, "--bounding-set", "-dac_override,-dac_read_search", *words]
    done = subprocess.run(
        words, env=repo.program.environment(), capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def sealed(repo: Repository, alpha: BuiltFile) -> Repository:
    """A filled repository that nobody may write to."""
    repo.refresh("alpha")
    folders = [repo.path, *(path for path in repo.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    return repo


def test_a_read_only_repository_is_one_message(sealed: Repository, index: FakeIndex) -> None:
    index.add("alpha", build_wheel("alpha", "2.0"))
    done = without_override(sealed, "refresh", "alpha", *sealed.flags())
    assert done.returncode == 1
    assert "cannot be written to" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_read_only_repository_can_be_looked_at(sealed: Repository, alpha: BuiltFile) -> None:
    for command in (["list"], ["stats"], ["explain", "alpha"], ["verify", "--deep"], ["health"]):
        done = without_override(sealed, *command, "--repository", sealed.path)
        assert done.returncode == 0, done.stderr
    changes = without_override(sealed, "history", "--changes", "--repository", sealed.path)
    assert alpha.filename in changes.stdout
    dry = without_override(sealed, "refresh", "alpha", "--dry-run", *sealed.flags())
    assert dry.returncode == 0, dry.stderr


def test_a_place_that_cannot_be_made_is_one_message(
    repo: Repository, alpha: BuiltFile, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    repo.path = locked / "repo"
    done = without_override(repo, "refresh", "alpha", *repo.flags())
    assert done.returncode == 1
    assert "cannot be written to: Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_read_is_told(sealed: Repository, alpha: BuiltFile) -> None:
    (sealed.path / alpha.filename).chmod(0)
    done = without_override(sealed, "verify", "--deep", "--repository", sealed.path)
    assert done.returncode == 3
    assert f"{alpha.filename}: cannot be read: Permission denied" in done.stdout


ON_A_SMALL_DISK = """\
set -e
mount -t tmpfs -o size="$SIZE" tmpfs "$DISK"
"$@" > "$OUT/full.json" 2> "$OUT/full.err" && echo 0 > "$OUT/full.code" || echo $? > "$OUT/full.code"
ls "$DISK/repo" > "$OUT/full.names"
mount -o remount,size=50m,nr_inodes=10k "$DISK"
"$@" > "$OUT/roomy.json" 2> "$OUT/roomy.err" && echo 0 > "$OUT/roomy.code" || echo $? > "$OUT/roomy.code"
cp -r "$DISK/repo" "$OUT/copy"
"""


class SmallDisk:
    """Two runs on a file system of its own: first too small, then roomy enough."""

    def __init__(self, runner: MicrorepoRunner, tmp_path: Path) -> None:
        self.disk, self.out = tmp_path / "disk", tmp_path / "out"
        self.disk.mkdir()
        self.out.mkdir()
        self.environment = runner.environment({"DISK": str(self.disk), "OUT": str(self.out)})

    def run(self, size: str, words: list[str]) -> None:
        unshare = shutil.which("unshare")
        if unshare is None:
            pytest.skip("there is no unshare to mount a small disk with")
        options = ["-m"] if os.geteuid() == 0 else ["-rm"]
        alone = subprocess.run([unshare, *options, "true"], capture_output=True)
        if alone.returncode != 0:
            pytest.skip(f"no private mounts here: {alone.stderr.decode().strip()}")
        done = subprocess.run(
            [unshare, *options, "sh", "-c", ON_A_SMALL_DISK, "sh", *words],
            env={**self.environment, "SIZE": size},
            capture_output=True,
            text=True,
            timeout=120,
        )
        if "mount:" in done.stderr:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr

    def said(self, name: str) -> str:
        return (self.out / name).read_text()


def test_a_full_disk_costs_no_more_than_what_does_not_fit(
    pypi: PyPIServer, index: FakeIndex, run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    files = [build_wheel(f"p{number}", "1", payload_size=100_000) for number in range(6)]
    for file in files:
        index.add(file.name, file)
    # Pages without sizes: no plan can know beforehand that there is too little room.
    pypi.switches.html_only = True
    disk = SmallDisk(run_microrepo, tmp_path)
    repo = Repository(disk.disk / "repo", pypi.simple_url, run_microrepo)
    disk.run("700k", repo.program.command("refresh", *[f.name for f in files], *repo.flags()))
    assert disk.said("full.code") in {"1\n", "3\n"}
    told = disk.said("full.err") + disk.said("full.json")
    assert "No space left on device" in told or "full" in told
    assert "Traceback" not in told
    expected = {file.filename: file.sha256 for file in files}
    assert set(disk.said("full.names").split()) < set(expected)
    assert disk.said("roomy.code") == "0\n", disk.said("roomy.err") + disk.said("roomy.json")
    found = {path.name: digest_of(path) for path in (disk.out / "copy").iterdir() if path.is_file()}
    assert found == expected


def test_a_disk_too_small_for_the_state_is_one_message(
    pypi: PyPIServer, alpha: BuiltFile, run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    disk = SmallDisk(run_microrepo, tmp_path)
    repo = Repository(disk.disk / "repo", pypi.url, run_microrepo)
    disk.run("40k", repo.program.command("refresh", "alpha", *repo.flags()))
    assert disk.said("full.code") == "1\n"
    assert disk.said("full.err").startswith("microrepo: error: ")
    assert "Traceback" not in disk.said("full.err")
    assert disk.said("roomy.code") == "0\n", disk.said("roomy.err")
    assert (disk.out / "copy" / alpha.filename).read_bytes() == alpha.content


@pytest.mark.parametrize("inodes", [4, 7, 9, 36], ids="{} inodes".format)
def test_a_disk_without_inodes_is_called_that(
    pypi: PyPIServer,
    index: FakeIndex,
    run_microrepo: MicrorepoRunner,
    tmp_path: Path,
    inodes: int,
) -> None:
    files = [build_wheel(f"p{number:02}", "1") for number in range(30)]
    for file in files:
        index.add(file.name, file)
    disk = SmallDisk(run_microrepo, tmp_path)
    repo = Repository(disk.disk / "repo", pypi.url, run_microrepo)
    words = repo.program.command("refresh", *[f.name for f in files], *repo.flags(), "--json")
    disk.run(f"50m,nr_inodes={inodes}", words)
    assert disk.said("full.code") in {"1\n", "3\n"}
    said = disk.said("full.err") + disk.said("full.json")
    assert "inodes" in said
    assert "Traceback" not in said
    assert disk.said("roomy.code") == "0\n", disk.said("roomy.err") + disk.said("roomy.json")


def test_the_program_needs_no_home(repo: Repository, alpha: BuiltFile) -> None:
    environment = repo.program.environment()
    del environment["HOME"]
    words = [sys.executable, "-m", "microrepo", "refresh", "alpha", *repo.flags()]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    repo.holds(alpha)
