"""Facts of the files that are held: nothing else exists, and what installers refuse is no fact."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import NormalizedName, Project
from microrepo.operations.closure.held_records import HeldRecords
from microrepo.selection.resolver.facts import MetadataNeed, Needs, UrlFile
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.transfer.download.remote_metadata import pack_metadata
from tests.support.odd_wheels import odd_wheel
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

FOO = NormalizedName("foo")
WHEEL = build_wheel("foo", "1.0", requires_dist=["bar"])


@pytest.fixture
def supply(shelf: Shelf, config: Config) -> HeldRecords:
    return HeldRecords(shelf.state, shelf.directory, config)


def names(supply: HeldRecords) -> list[str] | None:
    supply.answer(Needs(projects=frozenset({FOO})))
    found = supply.facts.projects[FOO]
    return None if found is None else [file.filename for file in found.files]


def metadata_of(supply: HeldRecords, filename: str = WHEEL.filename) -> CoreMetadata | str:
    supply.answer(Needs(metadata=frozenset({MetadataNeed(FOO, filename)})))
    return supply.facts.metadata[filename]


def replace(shelf: Shelf, content: bytes, filename: str = WHEEL.filename) -> None:
    (shelf.path / filename).write_bytes(content)


def test_only_files_that_lie_there_exist(shelf: Shelf, supply: HeldRecords) -> None:
    assert names(supply) is None
    shelf.hold(WHEEL)
    gone = build_wheel("foo", "2.0")
    shelf.hold(gone)
    (shelf.path / gone.filename).unlink()
    assert names(supply) == [WHEEL.filename]


@pytest.mark.parametrize(
    ("change", "there"),
    [({}, True), ({"present": False}, False), ({"size": 1}, False), ({"size": None}, True),
     ({"mtime_ns": DAMAGED_MTIME_NS}, False), ({"mtime_ns": 1}, True)],
)  # fmt: skip
def test_a_file_counts_as_there(
    shelf: Shelf, supply: HeldRecords, change: dict[str, Any], there: bool
) -> None:
    shelf.hold(WHEEL)
    (row,) = shelf.state.files()
    assert supply.has(msgspec.structs.replace(row, **change)) is there


def test_an_index_has_what_it_lists(shelf: Shelf, config: Config) -> None:
    shelf.hold(WHEEL)
    (shelf.path / WHEEL.filename).unlink()
    index = HeldRecords(shelf.state, shelf.directory, msgspec.structs.replace(config, files=False))
    assert names(index) == [WHEEL.filename]


def test_rules_admit_some_of_the_files(shelf: Shelf, config: Config) -> None:
    shelf.hold(WHEEL)

    def admits(project: Project) -> list[Any]:
        assert project.name == "foo"
        return []

    assert names(HeldRecords(shelf.state, shelf.directory, config, admits)) == []


def test_metadata_is_read_from_the_file(shelf: Shelf, supply: HeldRecords) -> None:
    shelf.hold(WHEEL)
    found = metadata_of(supply)
    assert isinstance(found, CoreMetadata)
    assert found.requires_dist == ("bar",)
    assert supply.facts.blocking == set()


def test_metadata_of_the_state_spares_reading(shelf: Shelf, supply: HeldRecords) -> None:
    packed = pack_metadata(CoreMetadata("foo", "1.0", ("stored",)))
    with shelf.state.transaction():
        shelf.state.save_metadata([(WHEEL.filename, "sha256:x", packed)])
    found = metadata_of(supply)
    assert isinstance(found, CoreMetadata)
    assert found.requires_dist == ("stored",)


@pytest.mark.parametrize("name", ["foo", "other"])
def test_stored_metadata_of_another_release_stops_installers(
    shelf: Shelf, supply: HeldRecords, name: str
) -> None:
    with shelf.state.transaction():
        packed = pack_metadata(CoreMetadata(name, "1.0"))
        shelf.state.save_metadata([(WHEEL.filename, "sha256:x", packed)])
    metadata_of(supply)
    assert (WHEEL.filename in supply.facts.blocking) is (name == "other")


@pytest.mark.parametrize(
    ("fault", "blocks"),
    [("", False), ("another name", True), ("another version", True), ("not utf-8", True),
     ("two infos", True), ("cut", True), ("bad requirement", False)],
)  # fmt: skip
def test_wheels_that_stop_installers(
    shelf: Shelf, supply: HeldRecords, fault: str, blocks: bool
) -> None:
    shelf.hold(WHEEL)
    replace(shelf, odd_wheel(WHEEL.filename, fault=fault))
    metadata_of(supply)
    assert (WHEEL.filename in supply.facts.blocking) is blocks


def test_a_file_that_cannot_be_read_has_no_metadata(supply: HeldRecords) -> None:
    assert "cannot be read" in str(metadata_of(supply))


@pytest.mark.parametrize(
    ("url", "known"),
    [
        (f"https://files.example/{WHEEL.filename}", True),
        (f"https://elsewhere.example/{WHEEL.filename}", False),
        (f"https://elsewhere.example/{WHEEL.filename}#sha256={WHEEL.sha256}", True),
        (f"https://files.example/{WHEEL.filename}#sha256={'0' * 64}", False),
        ("https://files.example/foo-9.0.tar.gz", False),
        ("git+https://files.example/foo", False),
    ],
)
def test_what_is_behind_a_url(shelf: Shelf, supply: HeldRecords, url: str, known: bool) -> None:
    shelf.hold(WHEEL)
    supply.answer(Needs(urls=frozenset({url})))
    assert isinstance(supply.facts.urls[url], UrlFile) is known
