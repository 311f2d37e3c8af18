"""`microrepo audit`: offline, inside after an import, and in the form of pip-audit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.functional.server.serving import serve
from tests.support.advisories import osv_archive, osv_record
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import DEFAULTS, Repository
from tests.support.server import PyPIServer
from tests.support.tools import tool

RECORDS = [
    osv_record("PYSEC-1", "foo", fixed="1.1", aliases=["CVE-1"], summary="Foo can be fooled."),
    osv_record(
        "GHSA-1", "foo", fixed="1.1", aliases=["CVE-1"], database_specific={"severity": "HIGH"}
    ),
    osv_record("MAL-1", "evil", introduced="", versions=["1.0"], summary="Malware in evil"),
]


@pytest.fixture
def outside(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> Repository:
    """A repository with an old foo that bar needs, evil, and the advisories that tell of them."""
    for version in ("1.0", "1.1"):
        index.add("foo", build_wheel("foo", version))
    index.add("bar", build_wheel("bar", "1.0", requires_dist=["foo<1.1"]))
    index.add("evil", build_wheel("evil", "1.0"))
    index.advisories = osv_archive(RECORDS)
    repo.settings = (*DEFAULTS, "--advisories", pypi.advisories_url, "--malware", "report")
    repo.refresh("--packages", "bar,evil")
    return repo


def audited(repo: Repository, *args: str | Path, expect: int = 3) -> dict[str, Any]:
    done = repo.do("audit", *args, "--format", "json", expect=expect)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_is_affected_and_what_fixes_it(outside: Repository, pypi: PyPIServer) -> None:
    pypi.reset()
    text = outside.do("audit", expect=3).stdout
    assert text.splitlines()[2:] == [
        "releases    3",
        "affected    2 releases",
        "evil 1.0 is malware:",
        "  MAL-1: Malware in evil",
        "  no later release that is not affected is known",
        "  needed by evil",
        "foo 1.0:",
        "  PYSEC-1 (CVE-1, GHSA-1), fixed in 1.1 [high]: Foo can be fooled.",
        "  foo 1.1 is not affected; a refresh can download it",
        "  needed by bar",
    ]
    found = audited(outside, "bar")
    assert (found["releases"], [one["project"] for one in found["affected"]]) == (2, ["foo"])
    assert found == json.loads(outside.do("audit", "bar", "--json", expect=3).stdout)
    assert pypi.count() == 0


def test_inside_after_an_import(outside: Repository, tmp_path: Path) -> None:
    inside = Repository(tmp_path / "inside", "", outside.program)
    outside.do("export", tmp_path / "bundle")
    inside.do("import", tmp_path / "bundle")
    assert [one["project"] for one in audited(inside)["affected"]] == ["evil", "foo"]
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("foo>=1\n")
    (foo,) = audited(inside, "-r", requirements)["affected"]
    assert foo["known_fix"] == ""
    outside.do("delete", "evil")
    assert audited(outside, "--ignore-advisories", "PYSEC-1", expect=0)["affected"] == []
    assert "nothing" in outside.do("audit", "nothing", expect=3).stderr


def test_the_form_of_pip_audit(outside: Repository, tmp_path: Path) -> None:
    """The real pip-audit says the same of the same releases, asking our server."""
    ours = json.loads(outside.do("audit", "--format", "pip-audit", expect=3).stdout)
    pip_audit = tool("pip-audit", ["pip-audit>=2.9"]) / "pip-audit"
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("bar==1.0\nevil==1.0\nfoo==1.0\n")
    with serve(outside.path) as served:
        done = subprocess.run(
            [
                pip_audit,
                *("--vulnerability-service", "osv", "--osv-url", f"{served.url}v1/query"),
                *("--requirement", requirements, "--disable-pip", "--no-deps"),
                *("--format", "json", "--desc", "on", "--aliases", "on"),
                *("--progress-spinner", "off"),
            ],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull},
            capture_output=True,
            text=True,
            timeout=120,
        )
    theirs = json.loads(done.stdout)
    assert ours.keys() == theirs.keys()
    by_name = {one["name"]: one for one in theirs["dependencies"]}
    assert [one["name"] for one in ours["dependencies"]] == ["bar", "evil", "foo"]
    for one in ours["dependencies"]:
        same = by_name[one["name"]]
        assert one.keys() == same.keys()
        assert one["version"] == same["version"]
        for vuln in one["vulns"]:
            twin = next(two for two in same["vulns"] if two["id"] == vuln["id"])
            assert vuln.keys() == twin.keys()
            assert vuln["fix_versions"] == twin["fix_versions"]
            assert vuln["description"] == twin["description"]
            assert set(twin["aliases"]) <= set(vuln["aliases"])
