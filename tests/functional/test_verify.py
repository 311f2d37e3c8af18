"""Verify: what is missing, what is damaged, and putting it right."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def filled(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> list[BuiltFile]:
    """Files of a repository that was filled a moment ago."""
    files = [build_wheel(f"p{number}", "1.0", payload_size=30_000) for number in range(4)]
    for file in files:
        index.add(file.name, file)
    repo.refresh_all()
    pypi.reset()
    return files


def damage(repo: Repository, file: BuiltFile, *, keep_time: bool) -> None:
    """Change one byte; with `keep_time` size and time do not tell."""
    path = repo.path / file.filename
    before = path.stat()
    content = bytearray(file.content)
    content[100] ^= 1
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_all_is_sound(repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]) -> None:
    identity = repo.identity()
    assert "sound       4 files" in repo.do("verify").stdout
    assert "damaged     0 files" in repo.do("verify", "--deep").stdout
    assert pypi.count() == 0
    assert repo.identity() == identity


def test_missing_and_damaged_files_are_told(repo: Repository, filled: list[BuiltFile]) -> None:
    (repo.path / filled[0].filename).unlink()
    (repo.path / filled[1].filename).write_bytes(b"short")
    damage(repo, filled[2], keep_time=False)
    done = repo.do("verify", expect=3)
    assert f"{filled[0].filename}: missing" in done.stdout
    assert f"{filled[1].filename}: damaged: 5 bytes instead of {filled[1].size}" in done.stdout
    assert f"{filled[2].filename}: damaged: sha256 is " in done.stdout
    assert filled[3].filename not in done.stdout
    failed = json.loads(repo.do("verify", "--json", expect=3).stdout)["failed"]
    assert [entry["what"] for entry in failed] == sorted(f.filename for f in filled[:3])


def test_only_reading_finds_damage_that_size_and_time_hide(
    repo: Repository, filled: list[BuiltFile]
) -> None:
    damage(repo, filled[0], keep_time=True)
    repo.do("verify")
    done = repo.do("verify", "--deep", expect=3)
    assert f"{filled[0].filename}: damaged: sha256" in done.stdout


def test_a_file_that_was_only_touched_is_sound(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    (repo.path / filled[0].filename).touch()
    repo.do("verify")
    # The new time is remembered, so the next refresh has nothing to look into.
    assert repo.refresh_all().projects == 0
    assert pypi.paths("/files/") == []


def test_repair_fetches_what_is_wrong_and_nothing_else(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    (repo.path / filled[0].filename).unlink()
    damage(repo, filled[1], keep_time=True)
    done = repo.run("verify", "--deep", "--repair", *repo.flags())
    assert "repaired    2 files" in done.stdout
    repo.holds(*filled)
    assert sorted(path.rpartition("/")[2] for path in pypi.paths()) == [
        filled[0].filename,
        filled[1].filename,
    ]
    repo.do("verify", "--deep")


def test_health_agrees_with_a_repair(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    (repo.path / filled[0].filename).unlink()
    damage(repo, filled[1], keep_time=False)
    repo.do("verify", expect=3)
    assert "2 files damaged or missing" in repo.do("health", expect=3).stdout
    repo.run("verify", "--repair", *repo.flags())
    assert repo.do("health").stdout.startswith("fine")
    damage(repo, filled[1], keep_time=False)
    pypi.fault(f"*/{filled[1].filename}", Status(404))
    repo.run("verify", "--repair", *repo.flags(), expect=3)
    assert "1 file damaged or missing" in repo.do("health", expect=3).stdout


def test_what_cannot_be_repaired_is_told(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    (repo.path / filled[0].filename).unlink()
    (repo.path / filled[1].filename).unlink()
    pypi.fault(f"*/{filled[0].filename}", Status(404))
    done = repo.run("verify", "--repair", *repo.flags(), expect=3)
    assert "repaired    1 file" in done.stdout
    assert filled[0].filename in done.stdout
    repo.holds(*filled[1:])


def test_damage_that_verify_found_is_mended_by_the_next_refresh(
    repo: Repository, filled: list[BuiltFile]
) -> None:
    damage(repo, filled[0], keep_time=True)
    repo.do("verify", "--deep", expect=3)
    repo.refresh_all()
    repo.holds(*filled)


def test_files_of_others_are_looked_at_too(repo: Repository, filled: list[BuiltFile]) -> None:
    mine = build_wheel("mine", "1.0")
    path = mine.write_to(repo.path)
    done = repo.do("verify", "--deep")
    assert "sound       5 files" in done.stdout
    assert "1 file has no recorded digest" in done.stdout
    path.write_bytes(b"")
    assert f"{mine.filename}: damaged: empty" in repo.do("verify", expect=3).stdout
    mine.write_to(repo.path)
    assert "sound       5 files" in repo.do("verify").stdout


@pytest.mark.parametrize("deep", [[], ["--deep"]])
def test_files_without_a_digest_are_opened(
    deep: list[str], tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    wheel, sdist = build_wheel("a", "1.0"), build_sdist("a", "1.0")
    (tmp_path / wheel.filename).write_bytes(wheel.content[:100])
    (tmp_path / sdist.filename).write_bytes(sdist.content[:100])
    (tmp_path / "b-1.0.tar.gz").write_bytes(b"")
    build_wheel("c", "1.0").write_to(tmp_path)
    done = run_microrepo("verify", "--repository", tmp_path, *deep)
    assert done.returncode == 3
    assert "damaged     3 files" in done.stdout
    assert "c-1.0" not in done.stdout


def test_verify_of_no_repository_makes_none(repo: Repository) -> None:
    repo.do("verify", expect=1)
    assert not repo.path.exists()
