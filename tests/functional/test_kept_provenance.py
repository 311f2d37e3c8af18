"""Provenance objects beside files: kept, listed, served, copied, deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.functional.server.serving import serve
from tests.support.attestations import provenance_of
from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
OBJECT_TYPE = "application/vnd.pypi.integrity.v1+json"


@pytest.fixture(params=["json", "simple"])
def repo(repo: Repository, request: pytest.FixtureRequest) -> Repository:
    """A repository that keeps provenance objects, read by either API."""
    repo.settings = ("--processes", "2", "--connections", "4", "--min-free-space", "0")
    repo.settings += ("--provenance", "keep", "--api", request.param)
    return repo


@pytest.fixture
def tool(index: FakeIndex) -> BuiltFile:
    return publish(index, "1.0")


def publish(index: FakeIndex, version: str, name: str = "tool") -> BuiltFile:
    built = build_wheel(name, version)
    index.add(name, built, provenance=provenance_of(built))
    return built


def beside(repo: Repository, built: BuiltFile) -> Path:
    return repo.path / f"{built.filename}.provenance"


def entries(repo: Repository, project: str = "tool") -> dict[str, dict[str, Any]]:
    page = repo.path / "simple" / project / "index.v1_json"
    return {file["filename"]: file for file in json.loads(page.read_bytes())["files"]}


def test_objects_come_with_their_files(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, tool: BuiltFile
) -> None:
    plain = build_sdist("plain", "1.0")
    index.add("plain", plain)
    repo.refresh("tool", "plain")
    assert beside(repo, tool).read_bytes() == provenance_of(tool)
    assert not beside(repo, plain).exists()
    assert pypi.count("/integrity/") == 1
    pypi.reset()
    repo.refresh("tool", "plain")
    assert pypi.count("/integrity/") == 0
    assert not repo.partials()


def test_pages_on_disk_list_no_relative_address(repo: Repository, tool: BuiltFile) -> None:
    repo.refresh("tool")
    (entry,) = entries(repo).values()
    assert "provenance" not in entry
    html = (repo.path / "simple" / "tool" / "index.html").read_text()
    assert "data-provenance" not in html


def test_pages_list_absolute_addresses_of_other_hosts(repo: Repository, tool: BuiltFile) -> None:
    repo.settings += ("--files-url", "https://files.example/x")
    repo.refresh("tool")
    url = f"https://files.example/x/{tool.filename}.provenance"
    (entry,) = entries(repo).values()
    assert entry["provenance"] == url
    html = (repo.path / "simple" / "tool" / "index.html").read_text()
    assert f'data-provenance="{url}"' in html


@pytest.mark.parametrize("pages", [True, False], ids=["written pages", "scanned directory"])
def test_the_server_lists_and_serves_objects(
    repo: Repository, tool: BuiltFile, pages: bool
) -> None:
    if not pages:
        repo.settings += ("--no-simple", "--no-server")
    repo.refresh("tool")
    with serve(repo.path) as server:
        for host in (f"127.0.0.1:{server.port}", "mirror.example:81"):
            page = server.ask("/simple/tool/", Accept=JSON_TYPE, Host=host)
            (entry,) = json.loads(page.body)["files"]
            assert entry["provenance"] == f"http://{host}/{tool.filename}.provenance"
        shown = server.ask("/project/tool/").body.decode()
        assert "<dt>Attested by</dt>" in shown
        assert "GitHub acme/tool (release.yml)" in shown
        answer = server.ask(f"/{tool.filename}.provenance")
        assert (answer.status, answer.headers["content-type"]) == (200, OBJECT_TYPE)
        assert answer.body == provenance_of(tool)


def test_large_pages_are_completed_too(repo: Repository, index: FakeIndex) -> None:
    count = 250
    for number in range(count):
        publish(index, f"1.{number}")
    repo.settings += ("--versions", "all", "--no-dependencies")
    repo.refresh("tool")
    page = repo.path / "simple" / "tool" / "index.v1_json"
    assert page.stat().st_size > 64 << 10
    with serve(repo.path) as server:
        answer = server.ask("/simple/tool/", Accept=JSON_TYPE)
        files = json.loads(answer.body)["files"]
        assert len({file["provenance"] for file in files}) == count
        again = server.ask("/simple/tool/", Accept=JSON_TYPE, If_None_Match=answer.headers["etag"])
        assert again.status == 304


def test_a_mirror_of_the_mirror_has_the_same_objects(
    repo: Repository, tool: BuiltFile, run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    repo.refresh("tool")
    with serve(repo.path) as server:
        second = Repository(tmp_path / "second", f"simple+{server.url}simple/", run_microrepo)
        second.settings = repo.settings
        second.refresh("tool")
    assert beside(second, tool).read_bytes() == provenance_of(tool)


def test_switched_on_later_objects_are_completed(
    repo: Repository, tool: BuiltFile, pypi: PyPIServer
) -> None:
    repo.settings += ("--provenance", "off")
    repo.refresh("tool")
    assert not beside(repo, tool).exists()
    repo.settings += ("--provenance", "keep")
    pypi.reset()
    repo.refresh("tool")
    assert beside(repo, tool).read_bytes() == provenance_of(tool)
    assert pypi.count("/files/") == 0
    with serve(repo.path) as server:
        page = server.ask("/simple/tool/", Accept=JSON_TYPE)
        assert b'"provenance"' in page.body


def test_objects_go_with_their_files(repo: Repository, index: FakeIndex, tool: BuiltFile) -> None:
    repo.refresh("tool")
    newer = publish(index, "2.0")
    repo.refresh("tool")
    assert not beside(repo, tool).exists()
    assert beside(repo, newer).exists()
    repo.do("delete", "tool")
    assert not beside(repo, newer).exists()


def test_an_object_that_does_not_come_is_reported_and_comes_later(
    repo: Repository, tool: BuiltFile, pypi: PyPIServer
) -> None:
    pypi.fault("/integrity/*", Status(503))
    report = repo.refresh("tool", expect=3)
    assert [one.what for one in report.failed] == [f"{tool.filename}.provenance"]
    assert (repo.path / tool.filename).exists()
    pypi.clear_faults()
    repo.refresh("tool")
    assert beside(repo, tool).exists()


def test_an_object_of_the_wrong_form_is_not_kept(repo: Repository, index: FakeIndex) -> None:
    built = build_wheel("tool", "1.0")
    index.add("tool", built, provenance=b'{"version": 1}')
    report = repo.refresh("tool", expect=3)
    assert "not a provenance object" in report.failed[0].why
    assert not beside(repo, built).exists()


def test_copies_take_objects_along(
    repo: Repository, tool: BuiltFile, run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    repo.refresh("tool")
    other = Repository(tmp_path / "other", "", run_microrepo)
    repo.run("copy", "--source", repo.path, "--destination", other.path, "--all")
    assert beside(other, tool).read_bytes() == provenance_of(tool)
