"""Files that pages list and no row describes: those of people are recorded, others are not."""

from __future__ import annotations

from pathlib import Path

from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.switch.listed_files import record_listed_files
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.publish.links import BESIDE
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.state import open_state
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf


def lost(path: Path) -> Holdings:
    """Return a repository with three releases on a page, another on none, and a new state."""
    shelf = Shelf(path)
    for version in ("1.0", "2.0", "3.0"):
        shelf.hold(build_wheel("app", version), yanked=version == "1.0")
    shelf.publish()
    shelf.state.close()
    (path / "app-4.0-py3-none-any.whl").write_bytes(build_wheel("app", "4.0").content)
    shelf.directory.state_file.unlink()
    return Holdings(open_state(shelf.directory.state_file)[0], shelf.directory, BESIDE)


def recorded(holdings: Holdings, *targets: ManifestFile, of_source: str = "") -> dict[str, bool]:
    others = SoundFiles(holdings).others
    assert len(others) == 4
    found = record_listed_files(holdings, others, targets, lambda name, _: name == of_source)
    rows = holdings.state.publication.found(["app"])
    files = {row.file.version: row.file.yanked for row in rows}
    assert found == bool(files)
    holdings.state.close()
    return files


def test_what_the_page_lists_is_recorded_as_it_is_listed(tmp_path: Path) -> None:
    assert recorded(lost(tmp_path)) == {"1.0": True, "2.0": False, "3.0": False}


def test_files_of_the_target_or_a_source_are_not(tmp_path: Path) -> None:
    target = ManifestFile("app", "app-2.0-py3-none-any.whl", "2.0", 1, "0" * 64)
    found = recorded(lost(tmp_path), target, of_source="app-3.0-py3-none-any.whl")
    assert found == {"1.0": True}


def test_another_content_than_that_of_the_page_is_not(tmp_path: Path) -> None:
    holdings = lost(tmp_path)
    page = tmp_path / "simple/app/index.v1_json"
    page.write_bytes(page.read_bytes().replace(b'"sha256":"', b'"sha256":"0'))
    assert recorded(holdings) == {}
