"""The static tree as the program writes it, and as pip and uv read it from a `file://` address."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from microrepo.standalone.server.index_pages import parse_project_json
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import Completed, Environment, MicrorepoRunner
from tests.support.repository import Repository, processes_of
from tests.support.server import PyPIServer

SETTINGS = (
    *("--processes", "2", "--connections", "4", "--min-free-space", "0"),
    *("--no-dependencies", "--python-versions", "all"),
)


@pytest.fixture
def kept(tmp_path: Path, pypi: PyPIServer, run_microrepo: MicrorepoRunner) -> Repository:
    """A repository, not there yet, that keeps a tree."""
    return Repository(tmp_path / "a répository", pypi.url, run_microrepo, SETTINGS)


@pytest.fixture
def bare(tmp_path: Path, run_microrepo: MicrorepoRunner) -> Repository:
    """A directory of distributions that microrepo did not fill."""
    repository = Repository(tmp_path / "bare dir é", "http://127.0.0.1:9/", run_microrepo)
    repository.path.mkdir()
    for built in (
        build_wheel("Foo.Bar", "1.0"),
        build_wheel("Foo.Bar", "2.0", requires_python=">=3.99"),
        build_wheel("Foo.Bar", "1.5", requires_dist=["dep"]),
        build_wheel("dep", "0.1"),
        build_sdist("dep", "0.1"),
    ):
        built.write_to(repository.path)
    return repository


def _published(path: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return inode, time and content of everything but the control directory."""
    return {
        str(file.relative_to(path)): (
            file.stat().st_ino,
            file.stat().st_mtime_ns,
            file.read_bytes(),
        )
        for file in path.rglob("*")
        if file.is_file() and ".microrepo" not in file.parts
    }


def _contents(path: Path) -> dict[str, bytes]:
    return {
        name: content
        for name, (_, _, content) in _published(path).items()
        if name != "last-modified"
    }


def _listed(repository: Repository, project: str) -> set[str]:
    page = (repository.path / "simple" / project / "index.v1_json").read_bytes()
    return {entry.filename for entry in parse_project_json(page).files}


def _index(repository: Repository, expect: int = 0) -> dict[str, object]:
    done = repository.do("index", "--json", expect=expect)
    report: dict[str, object] = json.loads(done.stdout)
    return report


# --- pip and uv, without any server ---------------------------------------------------------------


@pytest.mark.parametrize("way", ["index", "links"])
@pytest.mark.parametrize("program", ["pip", "uv"])
def test_clients_install_from_the_tree_wherever_it_is_moved(
    bare: Repository,
    tmp_path: Path,
    fresh_venv: Callable[..., Environment],
    program: str,
    way: str,
) -> None:
    """Copied with the times, without the state, and read-only; the page chooses what fits."""
    _index(bare)
    moved = tmp_path / "elsewhere" / "mövéd %20 #1"
    shutil.copytree(bare.path, moved, ignore=shutil.ignore_patterns(".microrepo"))
    shutil.rmtree(bare.path)
    for path in (*moved.rglob("*"), moved):
        path.chmod(path.stat().st_mode & ~0o222)
    uri = moved.as_uri()
    where = {
        "index": ("--index-url", f"{uri}/simple/"),
        "links": ("--no-index", "--find-links", f"{uri}/simple/links.html"),
    }[way]
    environment = fresh_venv()
    if program == "pip":
        environment.pip("install", "--no-cache-dir", *where, "foo-bar")
    else:
        environment.uv("pip", "install", *where, "foo-bar")
    code = "import foo_bar, dep; print(foo_bar.__version__, dep.__version__)"
    assert environment.run("-c", code).stdout.split() == ["1.5", "0.1"]
    for path in (moved, *moved.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)


def test_pip_decides_by_the_metadata_of_the_tree(
    bare: Repository, offline_pip: Callable[..., Completed], tmp_path: Path
) -> None:
    """What it finds there keeps a release away whose wheel it could not even open."""
    build_wheel("Foo.Bar", "1.9", requires_dist=["dep>=99"]).write_to(bare.path)
    _index(bare)
    (bare.path / "foo_bar-1.9-py3-none-any.whl").write_bytes(b"no archive")
    report = tmp_path / "report.json"
    offline_pip(
        *("install", "--dry-run", "--ignore-installed", "--report", report, "foo-bar"),
        *("--index-url", f"{bare.path.as_uri()}/simple/", "--no-cache-dir"),
    )
    chosen = json.loads(report.read_text())["install"]
    found = {one["metadata"]["name"]: one["metadata"]["version"] for one in chosen}
    assert found == {"Foo.Bar": "1.5", "dep": "0.1"}


# --- after a refresh ------------------------------------------------------------------------------


def test_a_refresh_keeps_the_tree_current(kept: Repository, index: FakeIndex) -> None:
    """Added, changed, yanked, removed: each is there after the run that brought it."""
    index.add("Foo", build_wheel("Foo", "1.0"))
    index.add("Foo", build_sdist("Foo", "1.0"))
    index.add("bar", build_wheel("bar", "1.0"))
    kept.refresh_all()
    assert _listed(kept, "foo") == {"foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"}
    index.add("Foo", build_wheel("Foo", "2.0"))
    index.yank("Foo", "1.0", "it broke")
    index.remove_project("bar")
    kept.refresh_all("--max-deletes", "10")
    assert _listed(kept, "foo") == {"foo-2.0-py3-none-any.whl"}
    assert not (kept.path / "simple/bar").exists()
    root = json.loads((kept.path / "simple/index.v1_json").read_bytes())
    assert [row["name"] for row in root["projects"]] == ["Foo"]
    kept.refresh_all("--yanked", "--versions", "all")
    page = parse_project_json((kept.path / "simple/foo/index.v1_json").read_bytes())
    assert {entry.yanked for entry in page.files} == {False, "it broke"}


def test_a_refresh_without_news_writes_nothing(kept: Repository, index: FakeIndex) -> None:
    for name in ("foo", "bar"):
        index.add(name, build_wheel(name, "1.0"))
    kept.refresh_all()
    before = _published(kept.path)
    kept.refresh_all()
    kept.refresh_all("--force-check")
    assert _published(kept.path) == before


@pytest.mark.parametrize(
    "lost", ["simple", "pypi", "simple/{name}", "simple/{name}/index.v1_json", "pypi/{name}/json"]
)
def test_pages_that_somebody_removed_come_back(
    kept: Repository, index: FakeIndex, lost: str
) -> None:
    for name in ("alpha", "beta"):
        index.add(name, build_wheel(name, "1.0"))
    kept.refresh_all()
    before = {path: path.read_bytes() for path in _pages_of(kept)}
    place = kept.path / lost.format(name="alpha")
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    kept.refresh_all()
    assert {path: path.read_bytes() for path in _pages_of(kept)} == before


def _pages_of(repo: Repository) -> list[Path]:
    folders = (repo.path / "simple", repo.path / "pypi")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_the_index_of_a_refreshed_repository_writes_nothing(
    kept: Repository, index: FakeIndex
) -> None:
    for name in ("foo", "bar"):
        index.add(name, build_wheel(name, "1.0"))
    kept.refresh_all()
    before = _published(kept.path)
    report = _index(kept)
    assert (report["read"], report["projects"], report["files"]) == (0, 2, 2)
    assert _published(kept.path) == before


def test_a_refresh_that_failed_for_some_publishes_the_others(
    kept: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    """Including the files of the same project that did arrive."""
    for version in ("1.0", "2.0"):
        index.add("foo", build_wheel("foo", version))
    index.add("bar", build_wheel("bar", "1.0"))
    broken = index.add("bad", build_wheel("bad", "1.0"), digests={"sha256": "0" * 64})
    index.add("foo", build_wheel("foo", "3.0"), digests={"sha256": "1" * 64})
    kept.refresh_all("--versions", "all", expect=3)
    assert _listed(kept, "foo") == {f"foo-{v}.0-py3-none-any.whl" for v in (1, 2)}
    assert _listed(kept, "bar") == {"bar-1.0-py3-none-any.whl"}
    assert not (kept.path / "simple/bad").exists()
    assert not (kept.path / broken.filename).exists()


def test_a_dry_run_publishes_nothing(kept: Repository, index: FakeIndex) -> None:
    index.add("foo", build_wheel("foo", "1.0"))
    kept.refresh_all("--dry-run")
    assert not kept.path.exists()


def test_a_digest_that_the_source_does_not_give_is_computed(
    kept: Repository, index: FakeIndex
) -> None:
    wheel = build_wheel("foo", "1.0")
    index.add("foo", wheel, digests={"md5": wheel.md5})
    kept.refresh_all()
    page = parse_project_json((kept.path / "simple/foo/index.v1_json").read_bytes())
    assert page.files[0].hashes == {"sha256": wheel.sha256}


def test_what_is_switched_off_is_not_written(kept: Repository, index: FakeIndex) -> None:
    index.add("foo", build_wheel("foo", "1.0"))
    kept.refresh_all("--no-simple", "--no-server")
    assert set(_published(kept.path)) == {"foo-1.0-py3-none-any.whl"}
    kept.refresh_all("--no-simple")
    assert set(_published(kept.path)) == {"foo-1.0-py3-none-any.whl", "server.py"}
    kept.refresh_all()
    assert _listed(kept, "foo") == {"foo-1.0-py3-none-any.whl"}
    report = kept.refresh_all("--no-simple")
    assert any("simple/" in text for text in report.warnings)


def test_a_server_file_of_another_version_is_replaced(kept: Repository, index: FakeIndex) -> None:
    index.add("foo", build_wheel("foo", "1.0"))
    kept.refresh_all()
    server = kept.path / "server.py"
    ours = server.read_bytes()
    server.write_text("an older one")
    kept.refresh_all()
    assert server.read_bytes() == ours


# --- a directory that others have filled ----------------------------------------------------------


def test_a_bare_directory_is_indexed(bare: Repository) -> None:
    report = _index(bare)
    assert (report["projects"], report["files"], report["read"]) == (2, 5, 5)
    page = parse_project_json((bare.path / "simple/foo-bar/index.v1_json").read_bytes())
    assert [entry.requires_python for entry in page.files] == ["", "", ">=3.99"]
    assert all(isinstance(entry.core_metadata, dict) for entry in page.files)
    root = json.loads((bare.path / "simple/index.v1_json").read_bytes())
    assert [row["name"] for row in root["projects"]] == ["dep", "Foo.Bar"]


def test_indexing_a_bare_directory_again_reads_and_writes_nothing(bare: Repository) -> None:
    _index(bare)
    before = _published(bare.path)
    assert _index(bare)["read"] == 0
    assert _published(bare.path) == before


def test_a_bare_directory_may_change(bare: Repository) -> None:
    """A file more, a file less, another file under the same name, a project less."""
    _index(bare)
    build_wheel("Foo.Bar", "3.0").write_to(bare.path)
    (bare.path / "foo_bar-1.0-py3-none-any.whl").unlink()
    other = build_wheel("Foo.Bar", "1.5", summary="rebuilt")
    (bare.path / other.filename).unlink()
    for name in ("dep-0.1-py3-none-any.whl", "dep-0.1.tar.gz"):
        (bare.path / name).unlink()
    assert _index(bare)["read"] == 1
    other.write_to(bare.path)
    assert _index(bare)["read"] == 1
    page = parse_project_json((bare.path / "simple/foo-bar/index.v1_json").read_bytes())
    digests = {entry.filename: entry.hashes["sha256"] for entry in page.files}
    assert sorted(digests) == [f"foo_bar-{v}-py3-none-any.whl" for v in ("1.5", "2.0", "3.0")]
    assert digests[other.filename] == other.sha256
    assert not (bare.path / "simple/dep").exists()
    assert not (bare.path / "pypi/dep").exists()


def test_half_a_wheel_is_left_out(bare: Repository) -> None:
    """A copy that broke off: installers would be offered it else."""
    whole = build_wheel("Foo.Bar", "9.0", payload_size=50_000)
    (bare.path / whole.filename).write_bytes(whole.content[:30_000])
    report = _index(bare, expect=3)
    assert [failure["what"] for failure in report["failed"]] == [whole.filename]  # type: ignore[attr-defined]
    assert whole.filename not in _listed(bare, "foo-bar")


def test_an_emptied_directory_does_not_empty_its_index(bare: Repository) -> None:
    """Most likely a file system that is not mounted."""
    _index(bare)
    for path in bare.path.glob("*.*"):
        if path.suffix in {".whl", ".gz"}:
            path.unlink()
    before = _published(bare.path)
    report = _index(bare, expect=1)
    assert "mounted" in str(report["refused"])
    assert _published(bare.path) == before


def test_an_empty_directory_gets_an_empty_index(
    tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    repository = Repository(tmp_path / "empty", "", run_microrepo)
    repository.path.mkdir()
    assert _index(repository)["projects"] == 0
    assert b"<a" not in (repository.path / "simple/index.html").read_bytes()


def test_pages_that_others_wrote_are_replaced(bare: Repository) -> None:
    """As bandersnatch and Morgan leave them; what is not a page stays."""
    foreign = bare.path / "simple" / "gone"
    foreign.mkdir(parents=True)
    (foreign / "index.html").write_text("<a href='../../gone-1.0.tar.gz'>gone-1.0.tar.gz</a>")
    (foreign / "notes.txt").write_text("mine")
    (bare.path / "simple/index.html").write_text("<a href='gone/'>gone</a>")
    _index(bare)
    assert [path.name for path in foreign.iterdir()] == ["notes.txt"]
    assert b"gone" not in (bare.path / "simple/index.html").read_bytes()


def test_files_of_others_are_neither_updated_nor_deleted_by_a_refresh(
    kept: Repository, index: FakeIndex
) -> None:
    """A private wheel beside a mirror: on the pages, out of the reach of pruning."""
    for version in ("1.0", "2.0"):
        index.add("foo", build_wheel("foo", version))
    private, newer = build_wheel("private", "1.0"), build_wheel("foo", "7.0+local")
    kept.path.mkdir()
    private.write_to(kept.path)
    newer.write_to(kept.path)
    _index(kept)
    kept.refresh_all()
    index.add("foo", build_wheel("foo", "3.0"))
    kept.refresh_all()
    expected = {newer.filename, "foo-3.0-py3-none-any.whl"}
    assert _listed(kept, "foo") == expected
    assert _listed(kept, "private") == {private.filename}
    kept.do("prune", "--packages", "foo", "--max-deletes", "100%")
    assert (kept.path / private.filename).read_bytes() == private.content
    _index(kept)
    assert _listed(kept, "foo") == expected


def test_a_file_of_others_that_the_source_lists_is_adopted(
    kept: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    """From then on it is ours: upstream's marks hold for it, and it goes when it is superseded."""
    wheel = build_wheel("foo", "1.0")
    kept.path.mkdir()
    wheel.write_to(kept.path)
    _index(kept)
    index.add("foo", wheel, upload_time="2020-02-02T02:02:02Z")
    kept.refresh_all()
    assert pypi.count("/files/*") == 0
    page = parse_project_json((kept.path / "simple/foo/index.v1_json").read_bytes())
    assert page.files[0].upload_time.startswith("2020-02-02")
    index.add("foo", build_wheel("foo", "2.0"))
    kept.refresh_all()
    assert _listed(kept, "foo") == {"foo-2.0-py3-none-any.whl"}


# --- what must survive ------------------------------------------------------------------------------


def test_marks_outlive_the_state(kept: Repository, index: FakeIndex) -> None:
    """A yanked file without its mark must not be mirrored (PEP 592)."""
    index.add("foo", build_wheel("foo", "1.0", requires_python=">=3.5"), yanked="bad")
    index.add("foo", build_wheel("foo", "2.0"), upload_time="2021-01-01T00:00:00Z")
    index.set_status("foo", "archived")
    kept.refresh_all("--yanked", "--versions", "all", "--api", "simple")
    before = _contents(kept.path)
    shutil.rmtree(kept.path / ".microrepo")
    report = _index(kept)
    assert report["read"] == 2
    page = parse_project_json((kept.path / "simple/foo/index.v1_json").read_bytes())
    facts = {entry.version or entry.release: entry for entry in page.files}
    assert (facts["1.0"].yanked, facts["1.0"].requires_python) == ("bad", ">=3.5")
    assert facts["2.0"].upload_time.startswith("2021-01-01")
    assert page.status == "archived"
    pages = {name: text for name, text in before.items() if name.startswith("simple/foo/")}
    after = _without_serials(_contents(kept.path))
    assert _without_serials(pages).items() <= after.items()


def test_a_copy_without_times_is_recognised(
    kept: Repository, index: FakeIndex, tmp_path: Path
) -> None:
    """As by `cp -r`: every file is read once, none is left out, no page changes."""
    for name in ("foo", "bar"):
        index.add(name, build_wheel(name, "1.0"))
    kept.refresh_all()
    before = _contents(kept.path)
    copy = tmp_path / "copy"
    shutil.copytree(kept.path, copy, copy_function=shutil.copyfile)
    kept.path = copy
    assert _index(kept)["read"] == 2
    assert _contents(copy) == before
    assert _index(kept)["read"] == 0


@pytest.mark.parametrize("how", ["shorter", "other", "gone"])
def test_a_damaged_file_is_left_out_until_it_is_mended(
    kept: Repository, index: FakeIndex, how: str
) -> None:
    for version in ("1.0", "2.0"):
        index.add("foo", build_wheel("foo", version))
    kept.refresh_all("--versions", "all")
    good = _contents(kept.path)
    hurt = kept.path / "foo-1.0-py3-none-any.whl"
    if how == "gone":
        hurt.unlink()
    else:
        content = hurt.read_bytes()
        hurt.write_bytes(content[:-9] if how == "shorter" else content[:-9] + b"overwrite")
    report = _index(kept, expect=3)
    assert [failure["what"] for failure in report["failed"]] == [hurt.name]  # type: ignore[attr-defined]
    assert _listed(kept, "foo") == {"foo-2.0-py3-none-any.whl"}
    kept.refresh_all("--versions", "all")
    _index(kept)
    assert _contents(kept.path).keys() == good.keys()
    assert _listed(kept, "foo") == {hurt.name, "foo-2.0-py3-none-any.whl"}


def test_many_projects_are_written_by_the_workers(
    tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    """As if each were written alone."""
    repository = Repository(tmp_path / "many", "", run_microrepo)
    repository.path.mkdir()
    names = [f"project-{number:03d}" for number in range(620)]
    for name in names:
        build_sdist(name, "1.0", with_pyproject=False).write_to(repository.path)
    report = _index(repository)
    assert report["projects"] == len(names)
    root = json.loads((repository.path / "simple/index.v1_json").read_bytes())
    assert [row["name"] for row in root["projects"]] == names
    links = (repository.path / "simple/links.html").read_bytes()
    assert links.count(b"<a ") == len(names)
    assert not list((repository.path / ".microrepo/pages").iterdir())


def _assert_whole(path: Path) -> None:
    """Assert that each page is whole, and that each file it names is there."""
    for page in (path / "simple").rglob("index.*html"):
        assert page.read_bytes().rstrip().endswith((b"</html>", b"-->")), page
    for page in (path / "simple").rglob("index.v1_json"):
        document = json.loads(page.read_bytes())
        for entry in document.get("files", ()):
            assert (path / entry["filename"]).exists(), entry
            if entry["core-metadata"]:
                assert (path / f"{entry['filename']}.metadata").exists()
    for document_path in path.glob("pypi/*/json"):
        json.loads(document_path.read_bytes())


def test_a_killed_index_leaves_whole_pages_and_is_made_good(
    tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    repository = Repository(tmp_path / "killed", "", run_microrepo)
    repository.path.mkdir()
    files: list[BuiltFile] = []
    for number in range(330):
        files.append(build_wheel(f"p{number:03d}", "1.0"))
        files[-1].write_to(repository.path)
    draw = random.Random(5)
    killed = 0
    for _ in range(7):
        victim = run_microrepo.start("index", "--repository", repository.path)
        time.sleep(draw.uniform(0.2, 2.5))
        killed += victim.poll() is None
        victim.kill()
        victim.communicate()
        while processes_of(run_microrepo):
            time.sleep(0.01)
        if (repository.path / "simple").exists():
            _assert_whole(repository.path)
        else:
            assert not killed or victim.returncode == -signal.SIGKILL
    assert killed
    assert _index(repository)["projects"] == len(files)
    _assert_whole(repository.path)
    fresh = Repository(tmp_path / "fresh", "", run_microrepo)
    fresh.path.mkdir()
    for built in files:
        path = fresh.path / built.filename
        path.write_bytes(built.content)
        status = (repository.path / built.filename).stat()
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    _index(fresh)
    assert _without_serials(_contents(repository.path)) == _without_serials(_contents(fresh.path))


_SERIAL = re.compile(rb"(?<=SERIAL |erial\":)[0-9]+")


def _without_serials(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Serials may have grown over the attempts."""
    return {name: _SERIAL.sub(b"0", content) for name, content in contents.items()}
