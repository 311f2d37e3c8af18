"""The source end of a copy: directories, alone and in order, and a source that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from microrepo.client import ClientSettings
from microrepo.errors import ProjectNotFound, Unavailable
from microrepo.model import NormalizedName
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.copy.source_endpoint import SourceEndpoint
from microrepo.repositories.protocol import DestinationSettings, SourceSettings

FOO, BAR = NormalizedName("foo"), NormalizedName("bar")


def directory(path: Path, *filenames: str) -> SourceSettings:
    path.mkdir()
    for name in filenames:
        (path / name).write_bytes(b"x")
    return SourceSettings("directory", str(path), name=path.name)


@contextmanager
def opened(first: SourceSettings, *further: SourceSettings) -> Iterator[SourceEndpoint]:
    endpoints = Endpoints(first, DestinationSettings("directory", "/nowhere"), further=further)
    end = SourceEndpoint(endpoints, ClientSettings())
    try:
        yield end
    finally:
        end.close()


def test_a_directory_is_read_again_after_it_was_closed(tmp_path: Path) -> None:
    with opened(directory(tmp_path / "one", "Foo-1.0.tar.gz")) as end:
        assert end.is_local
        assert end.project_names() == [FOO]
        (tmp_path / "one/bar-1.0.tar.gz").write_bytes(b"x")
        assert end.project_names() == [FOO]
        end.close()
        assert end.project_names() == [BAR, FOO]


def test_the_first_of_several_that_lists_a_project_has_it(tmp_path: Path) -> None:
    one = directory(tmp_path / "one", "foo-1.0.tar.gz")
    two = directory(tmp_path / "two", "foo-2.0.tar.gz", "bar-1.0.tar.gz")
    with opened(one, two) as end:
        assert not end.is_local
        assert end.project_names() == [BAR, FOO]
        assert end.origin(FOO).candidates == (0,)
        assert end.origin(BAR).candidates == (1,)


def test_a_source_that_goes_before_has_to_answer(tmp_path: Path) -> None:
    lost = SourceSettings("directory", str(tmp_path / "gone"), name="gone")
    with opened(lost, directory(tmp_path / "two", "foo-1.0.tar.gz")) as end:
        with pytest.raises(Unavailable, match="gone: may have foo"):
            end.origin(FOO)
        with pytest.raises(Unavailable, match="gone"):
            end.project_names()


@pytest.mark.parametrize(
    ("kinds", "expected"), [(("directory",), False), (("directory", "json"), True)]
)
def test_documents_tell_no_status(kinds: tuple[str, ...], expected: bool) -> None:
    with opened(*(SourceSettings(kind, "https://i.example/") for kind in kinds)) as end:
        assert end.tells_no_status is expected


def test_a_project_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    with opened(directory(tmp_path / "one", "foo-1.0.tar.gz")) as end:
        fetched = end.first().fetch_project("foo")
        assert fetched.project is not None
        assert not end.is_unread(fetched.project.files[0])
        with pytest.raises(ProjectNotFound):
            end.first().fetch_project("bar")
