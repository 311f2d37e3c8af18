"""The report of an import as JSON and as text."""

from __future__ import annotations

import msgspec

from microrepo.cli.render.import_text import import_text
from microrepo.operations.bundle_import.import_report import ImportReport
from microrepo.operations.switch.switch_plan import LeavingFile, PlacedFile
from microrepo.stores.flat_directory import OnDisk

THERE = OnDisk(7, 1)
REPORT = ImportReport(
    operation="import",
    exit_code=0,
    started_at="2026-01-02T03:04:05Z",
    seconds=0.1,
    repository="/srv/python",
    bundle="microrepo-5-0123456789ab.tar",
    placed=(
        PlacedFile("new-1.0.tar.gz", "new", "0" * 64, 5),
        PlacedFile("mine-1.0.tar.gz", "mine", "1" * 64, 6, THERE, aside=True),
    ),
    leaving=(LeavingFile("old-1.0.tar.gz", "old", "2" * 64, THERE),),
    projects=3,
    notes=("bundle 5: signed by somebody",),
)


def test_it_can_be_read_again() -> None:
    assert msgspec.json.decode(msgspec.json.encode(REPORT), type=ImportReport) == REPORT


def test_as_text() -> None:
    text = import_text(REPORT)
    for part in ("signed by somebody", "2 files, 11 B", "1 file, 7 B", "mine-1.0.tar.gz"):
        assert part in text
    assert "new-1.0.tar.gz" not in text
    assert "+ new-1.0.tar.gz (5 B)" in import_text(REPORT, verbose=True)
    assert "~ mine" in import_text(msgspec.structs.replace(REPORT, dry_run=True))


def test_without_changes_and_refused() -> None:
    same = msgspec.structs.replace(REPORT, placed=(), leaving=(), projects=0)
    assert "applied already" in import_text(same)
    refused = import_text(msgspec.structs.replace(same, refused="older"))
    assert "refused: older" in refused
    assert "put in place" not in refused
