"""Advisories: kept beside the files, applied to what is there, and never older than is known."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tarfile
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.operations.monitor.health import Health
from tests.support.advisories import osv_archive, osv_record
from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import DEFAULTS, Repository
from tests.support.server import PyPIServer

ARCHIVE = Path(".microrepo", "osv", "osv-scanner", "PyPI", "all.zip")
UNRELATED = osv_record("GHSA-0", "somebody-else", fixed="2")


def publish(index: FakeIndex, *records: dict[str, Any]) -> None:
    index.advisories = osv_archive([UNRELATED, *records])


@pytest.fixture
def wheels(index: FakeIndex) -> dict[str, BuiltFile]:
    """Return three releases of foo, and bar, which needs it."""
    built = [build_wheel("foo", f"1.{number}") for number in range(3)]
    built.append(build_wheel("bar", "1.0", requires_dist=["foo<9"]))
    for file in built:
        index.add(file.name, file)
    publish(index)
    return {f"{file.name}-{file.version}": file for file in built}


@pytest.fixture
def safe(repo: Repository, pypi: PyPIServer) -> Repository:
    """Return the repository, with advisories and closures."""
    repo.settings = (*DEFAULTS, "--no-server", "--advisories", pypi.advisories_url)
    return repo


def quarantined(repo: Repository) -> set[str]:
    folder = repo.path / ".microrepo" / "quarantine"
    return {path.name for path in folder.rglob("*.whl")}


def health(repo: Repository, *args: str, expect: int) -> Health:
    done = repo.do("health", "--json", *args, expect=expect)
    return msgspec.json.decode(done.stdout, type=Health)


def test_malware_withdrawn_by_the_index_after_two_hours(
    safe: Repository, index: FakeIndex, pypi: PyPIServer, wheels: dict[str, BuiltFile]
) -> None:
    """A stolen token: the release is mirrored before anyone knows, then reported and removed."""
    safe.refresh("--packages", "bar")
    safe.holds(wheels["foo-1.2"], wheels["bar-1.0"])
    publish(index, osv_record("MAL-2026-1", "foo", introduced="", versions=["1.2"]))
    dry = safe.refresh("--packages", "bar", "--dry-run")
    assert [(one.filename, one.cause.value) for one in dry.plan if one.kind.value == "delete"] == [
        (wheels["foo-1.2"].filename, "malware")
    ]
    safe.holds(wheels["foo-1.2"], wheels["bar-1.0"])

    report = safe.refresh("--packages", "bar")
    assert report.malware == ("foo 1.2: MAL-2026-1; needed by bar",)
    assert any("moved to quarantine" in text for text in report.warnings)
    safe.holds(wheels["foo-1.1"], wheels["bar-1.0"])
    assert quarantined(safe) == {wheels["foo-1.2"].filename}
    assert f"quarantine  {wheels['foo-1.2'].filename}  malware (MAL-2026-1)" in (
        safe.do("history").stdout
    )
    explained = safe.do(
        "explain", "foo", "--packages", "bar", "--advisories", pypi.advisories_url
    ).stdout
    assert "malware (MAL-2026-1)" in explained

    index.remove_release("foo", "1.2")
    again = safe.refresh("--packages", "bar")
    assert (again.malware, again.downloaded, again.deleted) == ((), 0, 0)
    safe.holds(wheels["foo-1.1"], wheels["bar-1.0"])


def test_malware_goes_whatever_keeps_other_files(
    safe: Repository, index: FakeIndex, wheels: dict[str, BuiltFile]
) -> None:
    """Neither a pin nor `prune`, `max_deletes` or an unmet goal keeps malware."""
    safe.refresh("--packages", "foo==1.2")
    publish(index, osv_record("MAL-2026-1", "foo", aliases=["GHSA-9"]))
    report = safe.refresh("--packages", "foo==1.2", "--no-prune", "--max-deletes", "0", expect=3)
    assert report.malware == ("foo 1.2: MAL-2026-1 (GHSA-9); needed by foo==1.2",)
    assert [one.what for one in report.failed] == ["foo==1.2 for " + report.environments[0]]
    safe.holds()
    safe.refresh("--packages", "foo==1.2", expect=3)
    safe.holds()
    report = safe.refresh("--packages", "foo==1.2", "--ignore-advisories", "GHSA-9")
    safe.holds(wheels["foo-1.2"])
    report = safe.refresh("--packages", "foo==1.2", "--malware", "report")
    assert report.malware == ("foo 1.2: MAL-2026-1 (GHSA-9); needed by foo==1.2",)
    safe.holds(wheels["foo-1.2"])


def test_only_what_concerns_a_changed_advisory_is_looked_at(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, wheels: dict[str, BuiltFile]
) -> None:
    repo.settings = (*repo.settings, "--advisories", pypi.advisories_url, "--versions", "all")
    how = ("--vulnerabilities", "refuse", "--max-deletes", "9")
    repo.refresh_all(*how)
    repo.holds(*wheels.values())
    assert repo.refresh_all(*how).projects == 0
    publish(index, osv_record("PYSEC-1", "foo", fixed="1.2"))
    report = repo.refresh_all(*how)
    assert (report.projects, report.deleted) == (1, 2)
    assert report.rejected == {"vulnerable": 2}
    repo.holds(wheels["foo-1.2"], wheels["bar-1.0"])
    assert repo.refresh_all(*how).projects == 0
    pypi.reset()
    assert repo.refresh_all(*how).projects == 0
    assert [(one.path, one.status) for one in pypi.requests] == [
        ("/osv/PyPI/all.zip", 304),
        ("/simple/", 304),
    ]
    publish(index)
    repo.refresh_all(*how)
    repo.holds(*wheels.values())


@pytest.mark.parametrize("choice", ["report", "refuse", "quarantine"])
def test_a_held_release_becomes_vulnerable(
    safe: Repository, index: FakeIndex, pypi: PyPIServer, wheels: dict[str, BuiltFile], choice: str
) -> None:
    how = ("--packages", "bar", "--vulnerabilities", choice)
    safe.refresh(*how)
    publish(index, osv_record("PYSEC-1", "foo", introduced="1.2", fixed="1.3", aliases=["CVE-1"]))
    pypi.reset()
    report = safe.refresh(*how)
    assert not [path for path in pypi.paths("/pypi/foo/") if "1." in path]
    if choice == "report":
        assert report.vulnerable == ("foo 1.2: PYSEC-1 (CVE-1), fixed in 1.3; needed by bar",)
        safe.holds(wheels["foo-1.2"], wheels["bar-1.0"])
        return
    assert report.vulnerable == ()
    safe.holds(wheels["foo-1.1"], wheels["bar-1.0"])
    assert quarantined(safe) == ({wheels["foo-1.2"].filename} if choice == "quarantine" else set())


def test_a_vulnerable_release_stays_while_a_goal_needs_it(
    safe: Repository, index: FakeIndex, wheels: dict[str, BuiltFile]
) -> None:
    how = ("--packages", "bar", "--vulnerabilities", "quarantine")
    safe.refresh(*how)
    publish(index, osv_record("PYSEC-1", "foo"))
    report = safe.refresh(*how, expect=3)
    assert report.vulnerable == ("foo 1.2: PYSEC-1; needed by bar",)
    safe.holds(wheels["foo-1.2"], wheels["bar-1.0"])


def test_unreachable_advisories(
    safe: Repository, index: FakeIndex, pypi: PyPIServer, wheels: dict[str, BuiltFile]
) -> None:
    """Without any the run fails; kept ones count until they are stale."""
    pypi.fault("/osv/*", Status(503))
    done = safe.run("refresh", "--packages", "foo", *safe.flags(), "--retries", "0", expect=1)
    assert "/osv/PyPI/all.zip" in done.stderr
    safe.holds()
    pypi.clear_faults()
    safe.refresh("--packages", "foo")
    kept = (safe.path / ARCHIVE).read_bytes()
    assert kept == index.advisories
    pypi.fault("/osv/*", Status(503))
    report = safe.refresh("--packages", "foo", "--retries", "0")
    assert any("could not be renewed, the kept ones count" in text for text in report.warnings)
    assert health(safe, expect=0).advisories_as_of
    age_out(safe)
    report = safe.refresh("--packages", "foo", "--retries", "0", expect=3)
    assert [one.what for one in report.failed] == ["advisories"]
    found = health(safe, expect=1)
    assert found.problems[0].endswith("and stale after 7 days")
    safe.refresh("--packages", "foo", "--retries", "0", "--advisories-max-age", "P30D", expect=0)
    pypi.clear_faults()
    safe.refresh("--packages", "foo")
    health(safe, expect=1)  # nothing changed there, and the source does not state a time
    index.advisories_time = format_datetime(datetime.now(timezone.utc), usegmt=True)
    safe.refresh("--packages", "foo")
    health(safe, expect=0)


def age_out(repo: Repository) -> None:
    """Let the kept advisories be nine days old."""
    path = repo.path / ARCHIVE.with_name("all.origin.json")
    origin = json.loads(path.read_text())
    origin["as_of"] = (
        f"{(datetime.now(timezone.utc) - timedelta(days=9)):%Y-%m-%dT%H:%M:%S.000000Z}"
    )
    path.write_text(json.dumps(origin))


def test_a_copy_that_nobody_renews_grows_stale(
    safe: Repository, index: FakeIndex, wheels: dict[str, BuiltFile]
) -> None:
    index.advisories_time = format_datetime(
        datetime.now(timezone.utc) - timedelta(days=9), usegmt=True
    )
    safe.refresh("--packages", "foo")
    assert health(safe, expect=1).problems[0].startswith("the advisories are of ")


def test_an_older_or_far_smaller_archive_is_no_news(
    safe: Repository, index: FakeIndex, wheels: dict[str, BuiltFile]
) -> None:
    many = [osv_record(f"GHSA-{number}", "foo", introduced="9") for number in range(1, 9)]
    publish(index, osv_record("MAL-1", "foo", introduced="", versions=["1.2"]), *many)
    safe.refresh("--packages", "foo")
    kept = (safe.path / ARCHIVE).read_bytes()
    older = osv_record("MAL-1", "foo", modified="2026-01-01T00:00:00Z")
    for archive in (osv_archive([older] * 1 + many[:1]), b"<html>", b""):
        index.advisories = archive or b"PK"
        report = safe.refresh("--packages", "foo")
        assert any("the kept ones count" in text for text in report.warnings)
        assert (safe.path / ARCHIVE).read_bytes() == kept
        safe.holds(wheels["foo-1.1"])
    publish(index)
    safe.refresh("--packages", "foo", "--force-check")
    safe.holds(wheels["foo-1.2"])


def test_from_a_file(
    repo: Repository, index: FakeIndex, tmp_path: Path, wheels: dict[str, BuiltFile]
) -> None:
    file = tmp_path / "all.zip"
    file.write_bytes(osv_archive([UNRELATED, osv_record("MAL-1", "foo", introduced="1.2")]))
    for text in (str(file), file.as_uri()):
        report = repo.refresh("--packages", "foo", "--advisories", text)
        assert report.rejected == {"malware": 1, "superseded": 1}
        repo.holds(wheels["foo-1.1"])
    os.utime(file, (0, 0))
    repo.refresh("--packages", "foo", "--advisories", str(file))
    assert health(repo, expect=1).problems[0].startswith("the advisories are of 1970-01-01")
    repo.refresh("--packages", "foo", "--advisories", "all.zip", cwd=tmp_path)
    wrong = ("--advisories", "ftp://osv.example/all.zip")
    done = repo.run("refresh", "--packages", "foo", *repo.flags(), *wrong, expect=2)
    assert "neither an http(s) or file: URL nor a path" in done.stderr


def test_a_damaged_file_is_replaced(
    safe: Repository, index: FakeIndex, pypi: PyPIServer, wheels: dict[str, BuiltFile]
) -> None:
    publish(index, osv_record("MAL-1", "foo", introduced="1.2"))
    safe.refresh("--packages", "foo")
    for name in ("all.zip", "all.index", "all.origin.json"):
        (safe.path / ARCHIVE.with_name(name)).write_bytes(b"damage")
        pypi.reset()
        safe.refresh("--packages", "foo")
        safe.holds(wheels["foo-1.1"])
        statuses = [one.status for one in pypi.requests if one.path.startswith("/osv/")]
        assert statuses == [304 if name == "all.index" else 200]
        assert (safe.path / ARCHIVE).read_bytes() == index.advisories


class Inside:
    """A repository behind the gap, fed by bundles only, by either program."""

    def __init__(self, outside: Repository, path: Path, program: str) -> None:
        self._outside = outside
        self.path = path
        self._program = program

    def bring(self, bundle: Path, *args: str) -> str:
        if self._program == "microrepo":
            done = self._outside.run("import", bundle, "--repository", self.path, *args)
            return f"{done.stdout}{done.stderr}"
        extracted = self.path.parent / "import.py"
        with tarfile.open(min(bundle.glob("*.tar"))) as archive:
            member = archive.extractfile("import.py")
            assert member is not None
            extracted.write_bytes(member.read())
        words = [sys.executable, str(extracted), str(bundle), "--repository", str(self.path)]
        told = subprocess.run([*words, *args], capture_output=True, text=True, check=True)
        return told.stdout + told.stderr

    def kept(self) -> dict[str, bytes]:
        folder = self.path / ARCHIVE.parent
        return {path.name: path.read_bytes() for path in folder.glob("*")}

    def receipt(self, path: Path) -> Path:
        if self._program == "microrepo":
            self._outside.run("receipt", path, "--repository", self.path)
        else:
            words = [sys.executable, str(self.path.parent / "import.py"), "--receipt", str(path)]
            subprocess.run([*words, "--repository", str(self.path)], check=True)
        return path


@pytest.fixture(params=["microrepo", "import.py"])
def inside(safe: Repository, tmp_path: Path, request: pytest.FixtureRequest) -> Inside:
    return Inside(safe, tmp_path / "inside", request.param)


def kept_outside(repo: Repository) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (repo.path / ARCHIVE.parent).glob("*")}


def members(bundle: Path) -> set[str]:
    found: set[str] = set()
    for path in bundle.glob("*.tar"):
        with tarfile.open(path) as archive:
            found.update(archive.getnames())
    return {name for name in found if name.startswith("advisories")}


def test_advisories_cross_the_gap(
    safe: Repository, index: FakeIndex, inside: Inside, tmp_path: Path, wheels: dict[str, BuiltFile]
) -> None:
    safe.refresh("--packages", "bar")
    safe.do("export", tmp_path / "b1")
    assert members(tmp_path / "b1") == {"advisories.zip", "advisories.index", "advisories.json"}
    assert "advisories of 20" in inside.bring(tmp_path / "b1")
    assert inside.kept() == kept_outside(safe)

    # Nothing new: nothing is sent, by what is remembered and by what a receipt says.
    assert "Nothing has changed" in safe.do("export", tmp_path / "b2").stdout
    receipt = inside.receipt(tmp_path / "receipt.json")
    index.add("foo", build_wheel("foo", "2.0"))
    safe.refresh("--packages", "bar")
    safe.do("export", tmp_path / "b3", "--for", receipt)
    assert members(tmp_path / "b3") == set()
    inside.bring(tmp_path / "b3")
    assert inside.kept()["all.zip"] == index.advisories

    # New advisories alone are a bundle, too.
    publish(index, osv_record("PYSEC-1", "foo", fixed="3"))
    safe.refresh("--packages", "bar")
    safe.do("export", tmp_path / "b4")
    assert members(tmp_path / "b4") == {"advisories.zip", "advisories.index", "advisories.json"}
    inside.bring(tmp_path / "b4")
    assert inside.kept()["all.zip"] == index.advisories
    assert inside.kept() == kept_outside(safe)


def test_advisories_in_pieces_and_older_ones(
    safe: Repository, index: FakeIndex, inside: Inside, tmp_path: Path, wheels: dict[str, BuiltFile]
) -> None:
    chance = random.Random(1)
    noise = "".join(chance.choices("0123456789abcdef", k=6_000_000))
    publish(index, osv_record("PYSEC-1", "foo", fixed="1.2", details=noise))
    safe.refresh("--packages", "bar")
    safe.do("export", tmp_path / "b1", "--split", "2MB", "--full")
    assert len(list((tmp_path / "b1").glob("*.tar"))) > 2
    inside.bring(tmp_path / "b1")
    assert inside.kept() == kept_outside(safe)
    newer = json.loads(inside.kept()["all.origin.json"])
    newer["as_of"] = "2999-01-01T00:00:00.000000Z"
    (inside.path / ARCHIVE.with_name("all.origin.json")).write_text(json.dumps(newer))
    publish(index)
    safe.refresh("--packages", "bar", "--force-check")
    safe.do("export", tmp_path / "b2", "--full")
    assert "are older than the kept ones, of 2999-01-01" in inside.bring(tmp_path / "b2")
    assert inside.kept()["all.zip"] != index.advisories
