"""Which source gives which project, and which lists have to be read to know it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.client import Client, ClientSettings
from microrepo.errors import Unavailable
from microrepo.model import NormalizedName
from microrepo.operations.run.project_sources import Sources
from microrepo.repositories.protocol import SourceSettings

FOO, BAR, ACME = map(NormalizedName, ("foo", "bar", "acme-x"))


class Counted(Sources):
    """Sources that count how often a list is read."""

    def __init__(self, *settings: SourceSettings) -> None:
        self.read = 0
        super().__init__(settings, self._new_client)

    def _new_client(self) -> Client:
        self.read += 1
        return Client(ClientSettings())


def source(path: Path, *projects: str, **more: object) -> SourceSettings:
    path.mkdir()
    for name in projects:
        (path / f"{name}-1.0.tar.gz").write_bytes(b"x")
    settings = SourceSettings("directory", str(path), name=path.name)
    return msgspec.structs.replace(settings, **more)


def lost(path: Path, **more: object) -> SourceSettings:
    settings = SourceSettings("directory", str(path), name=path.name)
    return msgspec.structs.replace(settings, **more)


def test_one_source_has_every_project(tmp_path: Path) -> None:
    sources = Counted(source(tmp_path / "only", "foo"))
    assert sources.owner(BAR).candidates == (0,)
    assert sources.read == 0
    assert sources.source_of() is None
    assert list(sources.merged().listed) == ["foo"]


def test_the_first_that_lists_a_project_owns_it(tmp_path: Path) -> None:
    sources = Counted(source(tmp_path / "one", "foo"), source(tmp_path / "two", "foo", "bar"))
    assert [sources.owner(name).candidates for name in (FOO, BAR)] == [(0,), (1,)]
    assert sources.read == 1  # the last one has the rest, whatever it lists


def test_a_reserved_project_needs_no_list(tmp_path: Path) -> None:
    reserved = lost(tmp_path / "gone", packages=("acme-*",))
    sources = Counted(reserved, source(tmp_path / "two", "acme-x"))
    assert sources.owner(ACME).candidates == (0,)
    assert sources.read == 0


def test_a_source_that_does_not_answer_may_own_any_project(tmp_path: Path) -> None:
    sources = Counted(lost(tmp_path / "gone"), source(tmp_path / "two", "foo"))
    assert sources.owner(FOO).unknown == 0
    assert "gone" in sources.problem(0)
    assert [name for name, _ in sources.unreached()] == ["gone"]


def test_a_source_without_projects_is_not_believed(tmp_path: Path) -> None:
    sources = Counted(source(tmp_path / "empty"), source(tmp_path / "two", "foo"))
    assert sources.owner(FOO).unknown == 0


def test_a_source_that_is_asked_by_page_is_a_candidate(tmp_path: Path) -> None:
    by_page = source(tmp_path / "one", "foo", by_page=True)
    sources = Counted(by_page, source(tmp_path / "two", "foo"))
    assert sources.owner(FOO).candidates == (0, 1)
    assert sources.read == 0


def test_merged_lists_say_whose_a_project_is(tmp_path: Path) -> None:
    sources = Counted(source(tmp_path / "one", "foo"), source(tmp_path / "two", "foo", "bar"))
    assert set(sources.merged().listed) == {"foo", "bar"}
    source_of = sources.source_of()
    assert source_of is not None
    assert (source_of("foo"), source_of("bar")) == ("one", "two")
    assert sources.owner(BAR).candidates == (1,)
    assert sources.read == 2


def test_merged_lists_without_one_of_them(tmp_path: Path) -> None:
    sources = Counted(lost(tmp_path / "gone"), source(tmp_path / "two", "foo"))
    assert sources.merged().unknown == 0
    assert sources.owner(FOO).unknown == 0


def test_the_only_list_has_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Counted(lost(tmp_path / "gone")).merged()


def test_names_are_those_of_the_settings(tmp_path: Path) -> None:
    sources = Counted(lost(tmp_path / "a"), lost(tmp_path / "b"))
    assert (sources.name(1), set(sources.names())) == ("b", {"a", "b"})
