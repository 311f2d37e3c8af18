"""The directory that files pass through: what is made, and what is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.copy.working_directory import WorkingDirectory
from microrepo.repositories.protocol import DestinationSettings, SourceSettings

SOURCE = SourceSettings("directory", "/from", name="from")


def to_directory(path: Path, *, dry_run: bool = False) -> WorkingDirectory:
    destination = DestinationSettings("directory", str(path))
    return WorkingDirectory(Endpoints(SOURCE, destination), dry_run=dry_run)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache directory of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def to_index(url: str = "https://u.example/legacy/") -> WorkingDirectory:
    return WorkingDirectory(Endpoints(SOURCE, DestinationSettings("upload", url)), dry_run=False)


def test_a_directory_is_its_own_place(tmp_path: Path) -> None:
    place = to_directory(tmp_path / "to")
    (tmp_path / "to/foo.whl").write_bytes(b"x")
    place.tidy(is_done=True)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["foo.whl"]


def test_a_directory_that_nothing_came_to_is_gone_again(tmp_path: Path) -> None:
    to_directory(tmp_path / "to").tidy(is_done=False)
    assert not (tmp_path / "to").exists()
    (tmp_path / "there").mkdir()
    to_directory(tmp_path / "there").tidy(is_done=False)
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("kept", ["partial/half", "state.db"])
def test_partial_downloads_and_repositories_stay(tmp_path: Path, kept: str) -> None:
    place = to_directory(tmp_path / "to")
    path = place.directory.control / kept
    path.write_bytes(b"x")
    place.tidy(is_done=True)
    assert path.exists()


def test_a_control_directory_of_before_stays(tmp_path: Path) -> None:
    (tmp_path / "to/.microrepo").mkdir(parents=True)
    to_directory(tmp_path / "to").tidy(is_done=True)
    assert (tmp_path / "to/.microrepo").is_dir()


def test_a_dry_run_makes_nothing_at_the_destination(tmp_path: Path) -> None:
    place = to_directory(tmp_path / "to", dry_run=True)
    assert place.directory.partial.is_dir()
    place.tidy(is_done=True)
    assert not (tmp_path / "to").exists()
    assert not place.directory.partial.exists()


@pytest.mark.parametrize("is_done", [False, True])
def test_files_for_an_index_wait_in_the_cache_until_they_are_sent(
    cache: Path, is_done: bool
) -> None:
    place = to_index()
    path = place.directory.partial / "half"
    path.write_bytes(b"x")
    place.tidy(is_done=is_done)
    assert path.exists() is not is_done
    assert cache in place.directory.path.parents


def test_each_index_has_its_place(cache: Path) -> None:
    one, again = to_index().directory.path, to_index().directory.path
    assert one == again != to_index("https://other.example/").directory.path
