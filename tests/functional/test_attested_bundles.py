"""Provenance objects in snapshots and bundles, and the trusted root behind a gap."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from microrepo.standalone.assemble import IMPORTER, assemble
from tests.functional.server.serving import serve
from tests.support.attestations import provenance_of
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
pytestmark = pytest.mark.usefixtures("default_settings")


@pytest.fixture
def repo(repo: Repository) -> Repository:
    repo.settings = ("--processes", "2", "--connections", "4", "--min-free-space", "0")
    repo.settings += ("--provenance", "keep", "--versions", "all", "--no-dependencies")
    return repo


@pytest.fixture
def default_settings() -> None:
    """These tests have settings of their own."""


def publish(index: FakeIndex, version: str, build: Any = build_wheel) -> BuiltFile:
    built: BuiltFile = build("tool", version)
    index.add("tool", built, provenance=provenance_of(built))
    return built


def members(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            for one in archive:
                stream = archive.extractfile(one)
                found[one.name] = stream.read() if stream else b""
    return found


def export(repo: Repository, folder: Path, *flags: str) -> dict[str, bytes]:
    repo.run("export", folder, "--repository", repo.path, *flags)
    return members(folder)


def bring_in(repo: Repository, program: str, inside: Path, folder: Path) -> None:
    if program == "microrepo":
        repo.run("import", folder, "--repository", inside, "--allow-unsigned")
        return
    script = folder / "import.py"
    script.write_text(assemble(IMPORTER))
    command = [sys.executable, script, *sorted(folder.glob("*.tar")), "--allow-unsigned"]
    command += ["--repository", inside]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def listed(path: Path) -> dict[str, str | None]:
    """Return the URL of the attestations of each file, as the server lists it."""
    with serve(path) as server:
        page = server.ask("/simple/tool/", Accept=JSON_TYPE, Host="m.example")
    return {file["filename"]: file.get("provenance") for file in json.loads(page.body)["files"]}


def holds(path: Path, *files: BuiltFile) -> None:
    """Assert that the objects of exactly these files are in a repository, and listed."""
    names = {one.name for one in path.glob("*.provenance")}
    assert names == {f"{file.filename}.provenance" for file in files}
    for file in files:
        beside = path / f"{file.filename}.provenance"
        assert beside.read_bytes() == provenance_of(file)
        assert beside.stat().st_mtime_ns == (path / file.filename).stat().st_mtime_ns
    urls = {
        name for name, url in listed(path).items() if url == f"http://m.example/{name}.provenance"
    }
    assert urls == {file.filename for file in files}


@pytest.mark.parametrize("program", ["microrepo", "import.py"])
def test_objects_cross_the_gap_once(
    repo: Repository, index: FakeIndex, tmp_path: Path, program: str
) -> None:
    inside = tmp_path / "inside"
    wheel, sdist = publish(index, "1.0"), publish(index, "1.0", build_sdist)
    repo.refresh("tool")
    first = export(repo, tmp_path / "first")
    assert first[f"provenance/{wheel.filename}.provenance"] == provenance_of(wheel)
    bring_in(repo, program, inside, tmp_path / "first")
    holds(inside, wheel, sdist)
    newer = publish(index, "2.0")
    repo.refresh("tool")
    second = export(repo, tmp_path / "second")
    assert [name for name in second if name.startswith("provenance/")] == [
        f"provenance/{newer.filename}.provenance"
    ]
    bring_in(repo, program, inside, tmp_path / "second")
    holds(inside, wheel, sdist, newer)
    index.remove_release("tool", "1.0")
    repo.refresh("tool", "--force-check")
    export(repo, tmp_path / "third")
    bring_in(repo, program, inside, tmp_path / "third")
    holds(inside, newer)


@pytest.mark.parametrize("program", ["microrepo", "import.py"])
def test_objects_that_are_kept_later_follow_their_files(
    repo: Repository, index: FakeIndex, tmp_path: Path, program: str
) -> None:
    inside = tmp_path / "inside"
    wheel = publish(index, "1.0")
    repo.settings += ("--provenance", "off")
    repo.refresh("tool")
    export(repo, tmp_path / "first")
    bring_in(repo, program, inside, tmp_path / "first")
    holds(inside)
    repo.settings += ("--provenance", "keep")
    repo.refresh("tool")
    second = export(repo, tmp_path / "second")
    assert not [name for name in second if name.startswith("files/")]
    bring_in(repo, program, inside, tmp_path / "second")
    holds(inside, wheel)


def test_a_restore_brings_objects_back(repo: Repository, index: FakeIndex) -> None:
    old = publish(index, "1.0")
    repo.refresh("tool")
    repo.do("snapshot", "create", "first")
    index.remove_release("tool", "1.0")
    new = publish(index, "2.0")
    repo.refresh("tool", "--force-check")
    holds(repo.path, new)
    repo.do("snapshot", "restore", "first")
    holds(repo.path, old)
    repo.do("snapshot", "restore", "first")
    holds(repo.path, old)
    repo.do("verify", "--provenance", "keep")


def test_objects_are_protected_as_long_as_a_snapshot(repo: Repository, index: FakeIndex) -> None:
    publish(index, "1.0")
    repo.refresh("tool")
    repo.do("snapshot", "create", "first")
    stored = repo.path / ".microrepo" / "objects"
    assert len([path for path in stored.rglob("*") if path.is_file()]) == 2
    publish(index, "2.0")
    repo.refresh("tool")
    repo.do("snapshot", "create", "second")
    repo.do("snapshot", "delete", "second")
    assert len([path for path in stored.rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize("program", ["microrepo", "import.py"])
def test_the_trusted_root_comes_along(
    repo: Repository,
    index: FakeIndex,
    tmp_path: Path,
    program: str,
    run_microrepo: MicrorepoRunner,
) -> None:
    pytest.importorskip("sigstore", reason="the extra provenance is not installed")
    built = build_wheel("tool", "1.0")
    index.add("tool", built)
    repo.settings += ("--provenance", "verify")
    repo.refresh("tool")
    config = tmp_path / "config.json"
    config.write_text('{"provenance": "verify"}')
    carried = export(repo, tmp_path / "out", "--config", str(config))
    assert b"tlogs" in carried["trusted_root.json"]
    inside = tmp_path / "inside"
    bring_in(repo, program, inside, tmp_path / "out")
    place = inside / ".microrepo" / "trusted_root.json"
    assert place.read_bytes() == carried["trusted_root.json"]
    assert run_microrepo("verify", "--repository", inside, "--provenance", "verify").returncode == 0
