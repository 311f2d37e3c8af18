"""The journal: there from the first visible step to the last."""

from __future__ import annotations

import json

import pytest

from microrepo.errors import RepositoryError
from microrepo.operations.switch.switch_journal import SwitchJournal
from microrepo.operations.switch.switch_plan import SwitchKind, SwitchPlan
from microrepo.standalone.importer.manifest_entries import ManifestProject
from tests.support.shelf import Shelf

PLAN = SwitchPlan("token", SwitchKind.RESTORE, "0" * 64, "monthly")
SIX = ManifestProject("six", "six")


@pytest.fixture
def journal(shelf: Shelf) -> SwitchJournal:
    journal = SwitchJournal(shelf.directory)
    journal.clear()
    return journal


def test_it_names_what_is_needed_to_go_on(journal: SwitchJournal, shelf: Shelf) -> None:
    assert journal.plan() is None
    journal.write_target([SIX], name="monthly")
    journal.begin(PLAN)
    record = json.loads((shelf.directory.control / "switch.json").read_text())
    assert (record["kind"], record["name"]) == ("restore", "monthly")
    assert (shelf.directory.control / record["manifest"]).is_file()
    again = SwitchJournal(shelf.directory)
    assert again.plan() == PLAN
    assert list(again.target()) == [SIX]


def test_the_end_leaves_only_other_contents(journal: SwitchJournal) -> None:
    journal.write_target([SIX])
    journal.begin(PLAN)
    (journal.objects / "used").touch()
    (journal.objects / "kept for the next import").touch()
    journal.end(["used", "never there"])
    assert journal.plan() is None
    assert [path.name for path in journal.objects.iterdir()] == ["kept for the next import"]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format": 9}'])
def test_a_damaged_journal_is_an_error(journal: SwitchJournal, content: bytes) -> None:
    journal.path.write_bytes(content)
    with pytest.raises(RepositoryError, match=r"switch\.json"):
        journal.plan()


def test_a_newer_format_is_refused(journal: SwitchJournal) -> None:
    journal.write_target([SIX])
    journal.begin(PLAN)
    record = json.loads(journal.path.read_text())
    journal.path.write_text(json.dumps({**record, "format": 2}))
    with pytest.raises(RepositoryError, match="newer microrepo"):
        journal.plan()


def test_a_target_that_is_gone_is_an_error(journal: SwitchJournal) -> None:
    with pytest.raises(RepositoryError, match="cannot be read"):
        list(journal.target())
