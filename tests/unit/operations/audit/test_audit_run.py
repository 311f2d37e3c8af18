"""Audit: which held releases are affected, and which release fixes that."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError, Unavailable
from microrepo.model import File, Project
from microrepo.operations.audit.audit_report import AuditReport
from microrepo.operations.audit.audit_run import audit
from microrepo.operations.run.goals import read_requests
from microrepo.state import ProjectRow, open_state, pack
from tests.support.advisories import osv_archive, osv_record
from tests.support.packages import build_wheel

RECORDS = [
    osv_record("PYSEC-1", "foo", fixed="1.1", aliases=["CVE-1"]),
    osv_record("PYSEC-2", "foo", introduced="1.1", fixed="1.2"),
    osv_record("MAL-1", "evil", introduced="", versions=["2"]),
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A plain directory of distributions, without a state."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    built = [build_wheel("foo", "1.0"), build_wheel("evil", "2"), build_wheel("sound", "1")]
    built.append(build_wheel("bar", "1", requires_dist=["sound"]))
    for file in built:
        (folder / file.filename).write_bytes(file.content)
    return folder


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    path = tmp_path / "all.zip"
    path.write_bytes(osv_archive(RECORDS))
    return path


def settings(directory: Path, advisories: Path | str) -> Config:
    flags = {"repository": str(directory), "advisories": str(advisories)}
    return load(None, flags, {}).config


def put(directory: Path, *versions: str) -> None:
    for version in versions:
        built = build_wheel("foo", version)
        (directory / built.filename).write_bytes(built.content)


def fixes(report: AuditReport) -> dict[str, tuple[str, str]]:
    return {
        f"{one.project} {one.version}": (one.held_fix, one.known_fix) for one in report.affected
    }


def test_any_directory(directory: Path, advisories: Path) -> None:
    report = audit(settings(directory, advisories))
    assert [(one.project, one.version) for one in report.releases] == [
        ("bar", "1"),
        ("evil", "2"),
        ("foo", "1.0"),
        ("sound", "1"),
    ]
    evil, foo = report.affected
    assert (evil.project, evil.is_malware) == ("evil", True)
    assert (foo.project, foo.is_malware) == ("foo", False)
    assert [one.id for one in foo.advisories] == ["PYSEC-1"]
    assert report.exit_code == 3
    assert not (directory / ".microrepo").exists()


def test_a_fix_has_no_flaw_of_its_own(directory: Path, advisories: Path) -> None:
    """1.1 fixes one flaw and has another; pre-releases are no fix for a final release."""
    put(directory, "1.1", "1.2rc1", "1.3")
    assert fixes(audit(settings(directory, advisories))) == {
        "evil 2": ("", ""),
        "foo 1.0": ("1.3", ""),
        "foo 1.1": ("1.3", ""),
        "foo 1.2rc1": ("1.3", ""),
    }


def test_a_fix_that_the_source_lists(directory: Path, advisories: Path) -> None:
    files = [
        File(
            f"foo-{version}-py3-none-any.whl", "u", version, "bdist_wheel", yanked=version == "1.2"
        )
        for version in ("1.0", "1.1", "1.2", "1.3", "1.4")
    ]
    control = directory / ".microrepo"
    control.mkdir()
    state, _ = open_state(control / "state.db")
    with state.transaction():
        record = Project("foo", "foo", files=tuple(files))  # type: ignore[arg-type]
        state.save_documents([("foo", pack(record))])
        state.save_projects([ProjectRow("foo", "foo")])  # type: ignore[arg-type]
    state.close()
    config = settings(directory, advisories)
    assert fixes(audit(config))["foo 1.0"] == ("", "1.3")
    put(directory, "1.4")
    assert fixes(audit(config))["foo 1.0"] == ("1.4", "1.3")
    put(directory, "1.3")
    assert fixes(audit(config))["foo 1.0"] == ("1.3", "")


def test_only_what_requirements_install(directory: Path, advisories: Path) -> None:
    config = settings(directory, advisories)
    report = audit(config, read_requests(["bar"], directory))
    assert [one.project for one in report.releases] == ["bar", "sound"]
    assert report.exit_code == 0
    report = audit(config, read_requests(["foo", "nothing"], directory))
    assert list(fixes(report)) == ["foo 1.0"]
    assert [text.partition(" for ")[0] for text in report.missing] == ["nothing"]
    assert audit(config, read_requests(["nothing"], directory)).exit_code == 3


def test_ignored_ones(directory: Path, advisories: Path) -> None:
    config = msgspec.structs.replace(
        settings(directory, advisories), ignore_advisories=["CVE-1", "MAL-1"]
    )
    assert audit(config).affected == ()


def test_stale_advisories_are_a_warning(directory: Path, advisories: Path) -> None:
    os.utime(advisories, (0, 0))
    report = audit(settings(directory, advisories))
    assert report.advisories_as_of.startswith("1970-01-01")
    assert len(report.warnings) == 1


def test_records_that_cannot_be_read_are_a_warning(directory: Path, advisories: Path) -> None:
    advisories.write_bytes(osv_archive([osv_record("PYSEC-1", "other")], {"odd.json": b"{"}))
    report = audit(settings(directory, advisories))
    assert report.affected == ()
    (warning,) = [text for text in report.warnings if "record" in text]
    assert "1 record cannot be used (first: odd.json" in warning


def test_without_advisories(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="keeps no advisories"):
        audit(settings(directory, ""))
    with pytest.raises(RepositoryError, match="keeps no advisories"):
        audit(settings(directory, "https://osv.example/all.zip"))
    with pytest.raises(Unavailable):
        audit(settings(directory, tmp_path / "missing.zip"))
