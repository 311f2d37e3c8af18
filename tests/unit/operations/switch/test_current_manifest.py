"""The manifest of the present: the facts of the pages, in the order of manifests."""

from __future__ import annotations

from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.current_manifest import CurrentManifest, Entry
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from tests.support.packages import build_wheel
from tests.support.shelf import UPLOADED, Shelf

APP, LIB, OWN = build_wheel("App", "1"), build_wheel("lib", "1"), build_wheel("Own", "1")


def entries(holdings: Holdings, work: WorkContext) -> list[Entry]:
    return list(CurrentManifest(holdings, SoundFiles(holdings), work.pool).entries())


def test_facts_of_pages(shelf: Shelf, holdings: Holdings, work: WorkContext) -> None:
    shelf.hold(LIB)
    shelf.hold(APP, serial=7, yanked=True, yanked_reason="bad", requires_python=">=3.9")
    shelf.record(NormalizedName("app"), "App", 7, status="archived", status_reason="old")
    shelf.publish()
    found = entries(holdings, work)
    assert found[0] == ManifestProject("app", "App", 7, "archived", "old")
    file = found[1]
    assert isinstance(file, ManifestFile)
    metadata = shelf.page("app").files[0].core_metadata_sha256
    assert metadata
    assert file == ManifestFile(
        *("app", APP.filename, "1", APP.size, APP.sha256, UPLOADED, ">=3.9", "bad", metadata)
    )
    assert [entry.order for entry in found] == sorted(entry.order for entry in found)


def test_files_of_users_are_theirs(shelf: Shelf, holdings: Holdings, work: WorkContext) -> None:
    (shelf.path / OWN.filename).write_bytes(OWN.content)
    project, file = entries(holdings, work)
    assert project.project == "own"
    assert isinstance(file, ManifestFile)
    assert (file.owner, file.sha256) == ("person", OWN.sha256)


def test_damaged_files_have_no_entry(shelf: Shelf, holdings: Holdings, work: WorkContext) -> None:
    shelf.hold(LIB)
    shelf.hold(APP)
    (shelf.path / APP.filename).unlink()
    assert {entry.project for entry in entries(holdings, work)} == {"lib"}


def test_nothing_is_written(shelf: Shelf, holdings: Holdings, work: WorkContext) -> None:
    shelf.hold(APP)
    before = shelf.identities()
    entries(holdings, work)
    assert shelf.identities() == before
