"""Attestations that are forged, and files that have them: ``"provenance": "verify"``."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

CASES = Path(__file__).parents[1] / "cases" / "attestations"
pytest.importorskip("sigstore", reason="the extra provenance is not installed")


@pytest.fixture
def repo(repo: Repository) -> Repository:
    repo.settings = ("--processes", "2", "--connections", "4", "--min-free-space", "0")
    repo.settings += ("--provenance", "verify")
    return repo


def forged_for(built: BuiltFile) -> bytes:
    """Return a real provenance object whose statement was changed to name another file."""
    name = "pypi_attestations-0.0.19.tar.gz.provenance"
    values: dict[str, Any] = json.loads((CASES / name).read_bytes())
    envelope = values["attestation_bundles"][0]["attestations"][0]["envelope"]
    statement = json.loads(base64.b64decode(envelope["statement"]))
    statement["subject"] = [{"name": built.filename, "digest": {"sha256": built.sha256}}]
    envelope["statement"] = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps(values).encode()


def publish(index: FakeIndex, version: str, *, forged: bool) -> BuiltFile:
    built = build_wheel("tool", version)
    day = version.replace(".", "-0")
    index.add(
        "tool",
        built,
        upload_time=f"2024-0{day}T00:00:00Z",
        provenance=forged_for(built) if forged else None,
    )
    return built


@pytest.mark.parametrize("closure", [True, False], ids=["closure", "rules"])
def test_a_forged_release_is_refused(repo: Repository, index: FakeIndex, closure: bool) -> None:
    repo.settings += () if closure else ("--no-dependencies",)
    good = publish(index, "1.1", forged=False)
    bad = publish(index, "2.1", forged=True)
    report = repo.refresh("tool")
    repo.holds(good)
    assert report.distrusted == (f"{bad.filename}: wrong signature",)
    done = repo.do("explain", "tool", "--json", "--provenance", "verify")
    reasons = {
        one["file"]["filename"]: one["reason"] for one in json.loads(done.stdout)["decisions"]
    }
    assert reasons[bad.filename] == "forged attestation"


@pytest.mark.parametrize("prune", [True, False], ids=["prune", "no prune"])
def test_a_held_file_is_quarantined(repo: Repository, index: FakeIndex, prune: bool) -> None:
    bad = publish(index, "1.1", forged=True)
    repo.settings += ("--provenance", "keep")
    repo.refresh("tool")
    assert (repo.path / f"{bad.filename}.provenance").exists()
    repo.settings += ("--provenance", "verify", *(() if prune else ("--no-prune",)))
    report = repo.refresh("tool", expect=3)
    assert report.distrusted, report.failed
    assert not (repo.path / bad.filename).exists()
    aside = repo.path / ".microrepo" / "quarantine" / "tool"
    assert {path.name for path in aside.iterdir()} == {
        bad.filename,
        f"{bad.filename}.provenance",
        f"{bad.filename}.reason",
    }
    assert "wrong signature" in (aside / f"{bad.filename}.reason").read_text()


def test_a_verdict_is_given_once(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> None:
    publish(index, "1.1", forged=False)
    publish(index, "2.1", forged=True)
    repo.refresh("tool")
    assert pypi.count("/integrity/") == 1
    index.touch("tool")
    repo.refresh("tool")
    assert pypi.count("/integrity/") == 1


def test_a_wrong_root_is_a_mistake_in_the_settings(
    repo: Repository, index: FakeIndex, tmp_path: Path
) -> None:
    publish(index, "1.1", forged=False)
    path = tmp_path / "root.json"
    path.write_text("{}")
    done = repo.run("refresh", "tool", *repo.flags(), "--trusted-root", path, expect=2)
    assert "not a trusted root" in done.stderr


def test_verify_finds_forged_and_damaged_objects(repo: Repository, index: FakeIndex) -> None:
    bad = publish(index, "1.1", forged=True)
    repo.settings += ("--provenance", "keep")
    repo.refresh("tool")
    name = f"{bad.filename}.provenance"
    repo.do("verify", "--provenance", "keep")
    done = repo.do("verify", "--provenance", "verify", "--json", expect=3)
    (failure,) = json.loads(done.stdout)["failed"]
    assert failure == {"what": name, "why": "forged: wrong signature"}
    (repo.path / name).write_bytes(b"{}")
    done = repo.do("verify", "--provenance", "keep", "--json", expect=3)
    assert "not a provenance object" in done.stdout
    repo.do("verify")
