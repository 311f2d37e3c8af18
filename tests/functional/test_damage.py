"""Damage stays damage: no command takes a file for sound that is not what was said of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer

FOO = build_wheel("foo", "1.0", payload_size=5000)
BAR = build_wheel("bar", "1.0")
Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    """Change one byte; size and time stay."""
    status, body = path.stat(), bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(bytes(body))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def replace(path: Path) -> None:
    build_wheel("foo", "1.0", payload_size=4000).write_to(path.parent)


@pytest.fixture
def damaged(repo: Repository, pypi: PyPIServer, request: pytest.FixtureRequest) -> Repository:
    """A repository that was carried without its state, with a damaged file."""
    for file in (FOO, BAR):
        pypi.index.add(file.name, file)
    repo.settings = tuple(word for word in repo.settings if word != "--no-simple")
    repo.refresh("foo", "bar")
    shutil.rmtree(repo.path / ".microrepo")
    request.param(repo.path / FOO.filename)
    return repo


COMMANDS: dict[str, Callable[[Path], tuple[str | Path, ...]]] = {
    "index": lambda _: ("index",),
    "adopt in place": lambda path: ("adopt", path),
    "verify": lambda _: ("verify", "--deep"),
}


@pytest.mark.parametrize("damaged", [flip, cut, replace], indirect=True)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_remembers_what_the_file_was(
    command: str, damaged: Repository, run_microrepo: MicrorepoRunner
) -> None:
    arguments = COMMANDS[command](damaged.path)
    for _ in range(2):  # once more: nobody has forgotten it meanwhile
        done = run_microrepo(*arguments, "--repository", damaged.path)
        assert done.returncode == 3, done.stdout
        assert FOO.filename in done.stdout
    assert run_microrepo("check", "--repository", damaged.path, "foo").returncode == 3
    assert run_microrepo("check", "--repository", damaged.path, "bar").returncode == 0
    repaired = damaged.refresh("foo", "bar")
    assert repaired.exit_code == 0
    assert (damaged.path / FOO.filename).read_bytes() == FOO.content
    assert run_microrepo("verify", "--deep", "--repository", damaged.path).returncode == 0
    assert run_microrepo("check", "--repository", damaged.path, "foo").returncode == 0


@pytest.mark.parametrize("damaged", [flip], indirect=True)
@pytest.mark.parametrize("links", [(), ("--no-link",)])
def test_damage_does_not_travel(
    links: tuple[str, ...], damaged: Repository, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    there = tmp_path / "there"
    route = ("--source", damaged.path, "--destination", there)
    done = run_microrepo("copy", *route, *links, "--all")
    assert done.returncode == 3
    assert sorted(path.name for path in there.glob("*.whl")) == [BAR.filename]
    done = run_microrepo("mirror", "foo", "1.0", *route)
    assert done.returncode != 0
    assert not (there / FOO.filename).exists()


def test_a_hash_beside_a_file_counts(tmp_path: Path, run_microrepo: MicrorepoRunner) -> None:
    pile = tmp_path / "pile"
    pile.mkdir()
    FOO.write_to(pile)
    (pile / f"{FOO.filename}.hash").write_text(f"sha256={'0' * 64}")
    done = run_microrepo("copy", "--source", pile, "--destination", tmp_path / "there", "foo")
    assert done.returncode == 3
    assert run_microrepo("index", "--repository", pile).returncode == 3
    pages = [path.read_text() for path in pile.glob("simple/**/*") if path.is_file()]
    assert pages
    assert not any(FOO.filename in page for page in pages)


def test_a_file_under_another_projects_name_stays(repo: Repository, index: FakeIndex) -> None:
    alpha, beta = build_wheel("alpha", "1.0"), build_wheel("beta", "1.0")
    for built in (alpha, beta):
        index.add(built.name, built)
    repo.refresh_all()
    repo.change_state(
        "UPDATE files SET project = 'beta', version = '3' WHERE filename LIKE 'alpha%'"
    )
    index.touch("beta")  # so that beta's files are decided about again
    report = repo.refresh_all()
    assert any("wrong project or version" in text for text in report.warnings)
    repo.holds(alpha, beta)
    assert repo.query("SELECT project, version FROM files ORDER BY filename") == [
        ("alpha", "1.0"),
        ("beta", "1.0"),
    ]
    assert repo.refresh_all().warnings == ()
