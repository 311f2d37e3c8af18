"""Two repositories share a store: each content is downloaded and stored once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

FILES = ("one-1.0-py3-none-any.whl", "two-1.0-py3-none-any.whl")


@pytest.fixture
def flags(index: FakeIndex, pypi: PyPIServer, tmp_path: Path) -> list[str]:
    for name in ("one", "two"):
        index.add(name, build_wheel(name, "1.0"))
    return ["--source", pypi.url, "--store", str(tmp_path / "store"), "--packages", "one,two"]


def fetched(pypi: PyPIServer) -> list[str]:
    return [path.rpartition("/")[2] for path in pypi.paths() if path.endswith(".whl")]


def test_the_second_repository_downloads_nothing(
    repo: Repository, pypi: PyPIServer, flags: list[str], tmp_path: Path
) -> None:
    second = tmp_path / "second"
    repo.run("refresh", "--repository", repo.path, *flags)
    done = repo.run("refresh", "--repository", second, *flags)
    assert sorted(fetched(pypi)) == sorted(FILES)
    assert "from the store" in done.stdout
    for name in FILES:
        assert (second / name).samefile(repo.path / name)
    repo.run("verify", "--deep", "--repository", second)
    repo.run("delete", "one", "--repository", second)
    assert (repo.path / FILES[0]).exists()


def test_damage_in_one_repository_does_not_spread(
    repo: Repository, flags: list[str], tmp_path: Path
) -> None:
    repo.run("refresh", "--repository", repo.path, *flags)
    content = (repo.path / FILES[0]).read_bytes()
    (repo.path / FILES[0]).write_bytes(b"?" + content[1:])  # in place
    second = tmp_path / "second"
    repo.run("refresh", "--repository", second, *flags)
    assert (second / FILES[0]).read_bytes() == content
    repo.run("verify", "--deep", "--repository", second)


def test_unused_content_is_deleted_on_request(
    repo: Repository, flags: list[str], tmp_path: Path
) -> None:
    store = ["--store", str(tmp_path / "store")]
    repo.run("refresh", "--repository", repo.path, *flags)
    assert "without a link  0 files" in repo.run("store", "status", *store).stdout
    (repo.path / FILES[0]).unlink()
    assert "to delete" in repo.run("store", "gc", "--unused-for", "0s", "--dry-run", *store).stdout
    repo.run("store", "gc", *store)
    assert "contents        2 files" in repo.run("store", "status", *store).stdout
    repo.run("store", "gc", "--unused-for", "0s", *store)
    assert "contents        1 file" in repo.run("store", "status", *store).stdout
    done = repo.run("store", "status", "--store", tmp_path / "none", expect=2)
    assert "store not found" in done.stderr
