"""The cool-down: young releases wait, the fix of a held release does not, and each wait has an end."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.advisories import osv_archive, osv_record
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import DEFAULTS, Repository
from tests.support.server import PyPIServer

AN_HOUR_AGO = datetime.now(timezone.utc) - timedelta(hours=1)
UPLOADED = f"{AN_HOUR_AGO:%Y-%m-%dT%H:%M:%S}.000000Z"
DUE = f"{AN_HOUR_AGO + timedelta(days=3):%Y-%m-%dT%H:%M:%S}.000000Z"
UNRELATED = osv_record("GHSA-0", "somebody-else", fixed="2")


@pytest.fixture
def wheels(index: FakeIndex) -> dict[str, BuiltFile]:
    """Return an old release of foo, two of an hour ago, and bar, which needs foo."""
    built = [build_wheel("foo", f"1.{number}") for number in range(3)]
    bar = build_wheel("bar", "1.0", requires_dist=["foo"])
    index.add("bar", bar)
    index.add("foo", built[0])
    index.advisories = osv_archive([UNRELATED])
    return {file.version if file.name == "foo" else "bar": file for file in (*built, bar)}


@pytest.fixture
def patient(repo: Repository, pypi: PyPIServer, wheels: dict[str, BuiltFile]) -> Repository:
    """Return a repository whose releases are three days old, filled once."""
    more = ("--no-server", "--min-age-days", "P3D", "--advisories", pypi.advisories_url)
    repo.settings = (*DEFAULTS, *more)
    repo.refresh("--packages", "bar")
    repo.holds(wheels["1.0"], wheels["bar"])
    return repo


def publish_two(index: FakeIndex, wheels: dict[str, BuiltFile]) -> None:
    for version in ("1.1", "1.2"):
        index.add("foo", wheels[version], upload_time=UPLOADED)


def test_young_releases_wait_and_are_named(
    patient: Repository, index: FakeIndex, wheels: dict[str, BuiltFile]
) -> None:
    publish_two(index, wheels)
    report = patient.refresh("--packages", "bar")
    patient.holds(wheels["1.0"], wheels["bar"])
    assert [(one.project, one.version, one.due_at) for one in report.held_back] == [
        ("foo", "1.2", DUE),
        ("foo", "1.1", DUE),
    ]
    text = patient.run("refresh", "--packages", "bar", *patient.flags()).stdout
    assert f"held back as too young:\n  foo 1.2, due on {DUE[:10]}\n" in text
    how = ("--packages", "bar", "--min-age-days", "3")
    explained = patient.do("explain", "foo", *how)
    assert f"too young (uploaded {UPLOADED}, due on {DUE[:10]})" in explained.stdout
    found = json.loads(patient.do("explain", "foo", *how, "--json").stdout)
    assert found["held_back"] == {wheels["1.1"].filename: DUE, wheels["1.2"].filename: DUE}


def test_the_fix_of_a_held_release_does_not_wait(
    patient: Repository, index: FakeIndex, wheels: dict[str, BuiltFile]
) -> None:
    publish_two(index, wheels)
    flaw = osv_record("PYSEC-1", "foo", fixed="1.1")
    index.advisories = osv_archive([UNRELATED, flaw])
    patient.refresh("--packages", "bar", "--no-min-age-security-exempt")
    patient.holds(wheels["1.0"], wheels["bar"])
    report = patient.refresh("--packages", "bar")
    patient.holds(wheels["1.1"], wheels["bar"])
    assert [one.version for one in report.held_back] == ["1.2"]
    # What it replaced is no longer held, and it stays all the same.
    again = patient.refresh("--packages", "bar")
    assert (again.deleted, again.downloaded) == (0, 0)
    patient.holds(wheels["1.1"], wheels["bar"])


def test_a_fix_for_what_nobody_holds_waits(
    patient: Repository, index: FakeIndex, wheels: dict[str, BuiltFile]
) -> None:
    publish_two(index, wheels)
    index.advisories = osv_archive(
        [UNRELATED, osv_record("PYSEC-1", "foo", introduced="1.0.5", fixed="1.1")]
    )
    patient.refresh("--packages", "bar")
    patient.holds(wheels["1.0"], wheels["bar"])


@pytest.mark.parametrize("closure", ["--dependencies", "--no-dependencies"])
def test_without_upload_times_files_wait_from_when_they_were_seen(
    repo: Repository, pypi: PyPIServer, wheels: dict[str, BuiltFile], closure: str
) -> None:
    pypi.switches.html_only = True
    repo.source = pypi.simple_url
    how = ("--packages", "foo", closure, "--min-age-days", "PT4S", "--max-deletes", "9")
    refused = repo.refresh(*how, expect=3)
    assert refused.rejected == {"uploaded too late": 1}
    waiting = (*how, "--min-age-unknown", "first-seen")
    report = repo.refresh(*waiting, expect=3)
    assert report.rejected == {"too young": 1}
    (held,) = report.held_back
    repo.holds()
    time.sleep(4.5)
    # Even if the page is not sent again: what was seen first is on record.
    report = repo.refresh(*waiting)
    repo.holds(wheels["1.0"])
    assert report.held_back == ()
    explained = json.loads(repo.do("explain", "foo", "--json").stdout)
    seen_at = datetime.fromisoformat(explained["project"]["files"][0]["seen_at"].rstrip("Z"))
    due_at = datetime.fromisoformat(held.due_at.rstrip("Z"))
    assert due_at - seen_at == timedelta(seconds=4)
