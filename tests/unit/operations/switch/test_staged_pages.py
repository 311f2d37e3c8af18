"""Page trees that are built aside: readers see the old ones until the exchange."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.staged_pages import StagedPages
from microrepo.operations.switch.switch_journal import SwitchJournal
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

APP, NEW = build_wheel("app", "1"), build_wheel("app", "2")


@pytest.fixture
def journal(shelf: Shelf) -> SwitchJournal:
    journal = SwitchJournal(shelf.directory)
    journal.clear()
    return journal


def test_readers_see_the_new_pages_at_once(
    shelf: Shelf, config: Config, holdings: Holdings, work: WorkContext, journal: SwitchJournal
) -> None:
    shelf.hold(APP)
    shelf.publish()
    before = shelf.identities()
    shelf.hold(NEW)
    config = msgspec.structs.replace(config, browse=True)
    pages = StagedPages(config, holdings, work, journal, rebuild=False)
    assert list(pages.pending()) == ["app"]
    pages.publish(["app"])
    now = shelf.identities()
    assert {path: now[path] for path in before} == before
    pages.exchange()
    assert len(shelf.page("app").files) == 2
    assert shelf.root().projects.keys() == {"app"}
    page = (shelf.path / "browse/project/app/index.html").read_text()
    assert NEW.filename in page
    assert (shelf.path / "server.py").is_file()
    assert (shelf.path / "last-modified").is_file()
    assert list(pages.pending()) == []


def test_without_pages(
    shelf: Shelf, config: Config, holdings: Holdings, work: WorkContext, journal: SwitchJournal
) -> None:
    shelf.hold(APP)
    config = msgspec.structs.replace(config, simple=False)
    pages = StagedPages(config, holdings, work, journal, rebuild=False)
    assert not pages.wanted
    pages.publish(["app"])
    pages.exchange()
    assert not (shelf.path / "simple").exists()


def test_existing_pages_are_kept_up_to_date(
    shelf: Shelf, config: Config, holdings: Holdings, work: WorkContext, journal: SwitchJournal
) -> None:
    """Also if the settings of this command do not ask for pages."""
    shelf.hold(APP)
    shelf.publish()
    config = msgspec.structs.replace(config, simple=False)
    assert StagedPages(config, holdings, work, journal, rebuild=False).wanted
