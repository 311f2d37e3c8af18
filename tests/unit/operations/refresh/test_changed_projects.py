"""What a refresh has to look at: by name, by a list that may lie, and by files that were touched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.client import Client, ClientSettings
from microrepo.config.schema import Config
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import Digests, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.change_detection import Changes
from microrepo.operations.refresh.upstream.changed_projects import find_changes, touched_projects
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.rules.policy import build_policy
from microrepo.state import FileRow, Owner, ProjectRow

NAME = "foo-1.0.tar.gz"


class Listing(Sources):
    """A source whose list has a serial."""

    def __init__(self, path: Path, serial: int | None = None) -> None:
        settings = SourceSettings("directory", str(path), name="index")
        super().__init__([settings], lambda: Client(ClientSettings()))
        self.list_serials = {} if serial is None else {"index": serial}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A source that lists foo and bar."""
    (tmp_path / "source").mkdir()
    for name in ("foo", "bar"):
        (tmp_path / "source" / f"{name}-1.0.tar.gz").write_bytes(b"x")
    return tmp_path / "source"


def find(
    config: Config, holdings: Holdings, work: WorkContext, sources: Sources, *requested: str,
    only_these: bool = False, force: bool = False, **changes: Any,
) -> Changes:  # fmt: skip
    changed = msgspec.structs.replace(config, **changes)
    policy = build_policy(changed, parse_requirements(requested) if requested else None)
    rules = Rules(policy, policy.fingerprint())
    return find_changes(holdings, sources, work, rules, only_these=only_these, force=force)


def visited(changes: Changes) -> list[str]:
    return [visit.name for visit in changes.visits]


def remember(holdings: Holdings, *names: str) -> None:
    with holdings.state.transaction():
        holdings.state.save_projects(ProjectRow(NormalizedName(name), name) for name in names)


def test_named_projects_need_no_list(
    config: Config, holdings: Holdings, work: WorkContext, tmp_path: Path
) -> None:
    remember(holdings, "old")
    found = find(config, holdings, work, Listing(tmp_path / "nowhere"), "foo", "zed")
    assert (visited(found), found.unrequested, found.gone) == (["foo", "zed"], ("old",), ())
    found = find(config, holdings, work, Listing(tmp_path / "nowhere"), "foo", only_these=True)
    assert found.unrequested == ()


def test_a_list_tells_new_and_gone_projects(
    config: Config, holdings: Holdings, work: WorkContext, listed: Path
) -> None:
    remember(holdings, "old")
    found = find(config, holdings, work, Listing(listed))
    assert (visited(found), found.gone) == (["bar", "foo"], ("old",))
    assert work.report.asked == 1


def test_excluded_projects_are_counted_and_not_asked_for(
    config: Config, holdings: Holdings, work: WorkContext, listed: Path
) -> None:
    found = find(config, holdings, work, Listing(listed), exclude=["ba*"])
    assert (visited(found), work.report.unasked) == (["foo"], 1)


def test_a_list_that_is_older_than_one_before_takes_nothing_away(
    config: Config, holdings: Holdings, work: WorkContext, listed: Path
) -> None:
    remember(holdings, "old")
    find(config, holdings, work, Listing(listed, 9))
    assert holdings.state.meta("list_serials") == '{"index":9}'
    found = find(config, holdings, work, Listing(listed, 8))
    assert found.gone == ()
    assert [failure.what for failure in work.report.failed] == ["index"]
    assert holdings.state.meta("list_serials") == '{"index":9}'
    work.report.failed.clear()
    assert find(config, holdings, work, Listing(listed, 8), force=True).gone == ("old",)


def test_a_dry_run_remembers_no_list(
    config: Config, holdings: Holdings, work: WorkContext, listed: Path
) -> None:
    work.report.dry_run = True
    find(config, holdings, work, Listing(listed, 9))
    assert holdings.state.meta("list_serials") is None


def test_a_list_with_a_fault_takes_nothing_away(
    config: Config, holdings: Holdings, work: WorkContext, listed: Path
) -> None:
    remember(holdings, "old")
    sources = Listing(listed)
    sources.list_problems.append(("index", "an entry"))
    assert find(config, holdings, work, sources).gone == ()
    assert [failure.what for failure in work.report.failed] == ["index"]


# --- files that were touched --------------------------------------------------------------------------


def hold(holdings: Holdings, owner: Owner = Owner.SOURCE) -> Path:
    path = holdings.directory.file(NAME)
    path.write_bytes(b"four")
    disk = holdings.directory.stat(NAME)
    assert disk is not None
    row = FileRow(
        NAME, NormalizedName("foo"), "1.0", "u", 4, Digests(), True, disk.mtime_ns, owner=owner
    )
    with holdings.state.transaction():
        holdings.state.save_files([row])
    return path


@pytest.mark.parametrize("change", ["", "size", "time", "gone"])
def test_touched_files_name_their_project(
    holdings: Holdings, work: WorkContext, change: str
) -> None:
    path = hold(holdings)
    status = path.stat()
    if change == "size":
        path.write_bytes(b"other")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    if change == "time":
        os.utime(path, ns=(1, 1))
    if change == "gone":
        path.unlink()
    assert touched_projects(holdings, work.report) == ({"foo"} if change else set())
    assert len(list(holdings.state.files())) == 1


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_file_that_its_owner_took_away_is_forgotten(
    holdings: Holdings, work: WorkContext, dry_run: bool
) -> None:
    hold(holdings, Owner.PERSON).unlink()
    work.report.dry_run = dry_run
    touched_projects(holdings, work.report)
    assert len(list(holdings.state.files())) == dry_run
