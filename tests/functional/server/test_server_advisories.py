"""OSV's API at the server: questions answered from the index that the repository keeps."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microrepo.formats.advisories.index_building import build_index
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles, AdvisoryOrigin
from tests.functional.server.serving import Reply, Served, read_all, read_reply, serve
from tests.support.advisories import osv_archive, osv_record
from tests.support.tools import tool

MALWARE = osv_record("MAL-1", "evil-thing", introduced="")
FLAW = osv_record("PYSEC-1", "foo", fixed="1.1", aliases=["CVE-1"], details="x" * 1000)
LISTED = osv_record("GHSA-1", "foo", introduced="", versions=["1.0", "3.0"])


def keep(directory: Path, *records: dict[str, Any]) -> None:
    """Keep advisories in a repository, as a refresh does."""
    archive = osv_archive(records)
    sha256 = hashlib.sha256(archive).hexdigest()
    built = build_index(io.BytesIO(archive), "all.zip", sha256)
    origin = AdvisoryOrigin("https://osv.example/all.zip", sha256, "2026-06-01T00:00:00.000000Z")
    AdvisoryFiles(directory).save(archive, built.content, origin)


@pytest.fixture
def advised(tmp_path: Path) -> Iterator[Served]:
    keep(tmp_path, MALWARE, FLAW, LISTED)
    with serve(tmp_path) as served:
        yield served


def ask(served: Served, body: object, path: str = "/v1/query", **headers: str) -> Reply:
    connection = served.connect()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request("POST", path, content, headers)
        return read_reply(connection)
    finally:
        connection.close()


def about(name: str, version: str = "", ecosystem: str = "PyPI") -> dict[str, Any]:
    return {"package": {"name": name, "ecosystem": ecosystem}, "version": version}


def ids(reply: Reply) -> list[str]:
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    return [one["id"] for one in json.loads(reply.body).get("vulns", [])]


def test_questions_about_one_release(advised: Served) -> None:
    assert ids(ask(advised, about("foo", "1.0"))) == ["GHSA-1", "PYSEC-1"]
    assert ids(ask(advised, about("Foo", "0.9"))) == ["PYSEC-1"]
    assert ids(ask(advised, about("foo"))) == ["GHSA-1", "PYSEC-1"]
    assert ids(ask(advised, {"package": {"purl": "pkg:pypi/foo@3.0"}})) == ["GHSA-1"]
    assert ids(ask(advised, about("evil.Thing", "9"))) == ["MAL-1"]
    assert ask(advised, about("foo", "1.1")).body == b"{}"
    assert ask(advised, about("other", "1.1")).body == b"{}"
    (record,) = json.loads(ask(advised, about("foo", "0.9")).body)["vulns"]
    assert record == FLAW


def test_questions_about_several(advised: Served) -> None:
    queries = [about("foo", "1.0"), about("foo", "2.0"), about("evil-thing", "1")]
    reply = ask(advised, {"queries": queries}, "/v1/querybatch")
    assert json.loads(reply.body) == {
        "results": [
            {
                "vulns": [
                    {"id": "GHSA-1", "modified": LISTED["modified"]},
                    {"id": "PYSEC-1", "modified": FLAW["modified"]},
                ]
            },
            {},
            {"vulns": [{"id": "MAL-1", "modified": MALWARE["modified"]}]},
        ]
    }


def test_a_thousand_usual_questions(advised: Served) -> None:
    queries = [about("typing-extensions", f"4.12.{number}") for number in range(999)]
    reply = ask(advised, {"queries": [*queries, about("foo", "0.9")]}, "/v1/querybatch")
    results = json.loads(reply.body)["results"]
    assert (len(results), results[0]) == (1000, {})
    assert [one["id"] for one in results[-1]["vulns"]] == ["PYSEC-1"]


def test_an_answer_has_bounds(tmp_path: Path) -> None:
    keep(tmp_path, *(osv_record(f"PYSEC-{number}", "foo") for number in range(21)))
    with serve(tmp_path) as served:
        reply = ask(served, {"queries": [about("foo", "1")] * 1000}, "/v1/querybatch")
        assert reply.status == 400
        assert "more than 20,000 advisories" in json.loads(reply.body)["message"]
        reply = ask(served, {"queries": [about("foo", "1")] * 900}, "/v1/querybatch")
        assert len(json.loads(reply.body)["results"][-1]["vulns"]) == 21


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 50_000,
        b"[]",
        {"commit": "abc"},
        {"package": "foo"},
        {"package": {"name": 5, "ecosystem": "PyPI"}},
        about("foo", ecosystem="npm"),
        {"package": {"purl": "pkg:npm/foo@1"}},
        {**about("foo"), "version": 5},
        about("foo", "1" * 300),
    ],
)
def test_questions_that_cannot_be_answered(advised: Served, body: object) -> None:
    reply = ask(advised, body)
    assert reply.status == 400
    assert json.loads(reply.body)["message"]


@pytest.mark.parametrize("queries", [None, {}, [about("foo")] * 1001, [5]])
def test_batches_that_cannot_be_answered(advised: Served, queries: object) -> None:
    reply = ask(advised, {"queries": queries}, "/v1/querybatch")
    assert reply.status in {400, 413}


def test_bodies_have_bounds(advised: Served) -> None:
    head = b"POST /v1/query HTTP/1.1\r\nHost: x\r\n"
    assert b" 411 " in advised.raw(head + b"Connection: close\r\n\r\n")
    assert b" 413 " in advised.raw(head + b"Content-Length: 262145\r\n\r\n")
    get = head.replace(b"POST", b"GET")
    assert b" 413 " in advised.raw(get + b"Content-Length: 65537\r\n\r\n")
    assert b" 501 " in advised.raw(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert ask(advised, about("foo", "1.0"), "/v1/query/").status == 405
    assert advised.ask("/v1/query").status == 404


def test_a_body_in_pieces_and_the_next_request(advised: Served) -> None:
    body = json.dumps(about("foo", "0.9")).encode()
    head = b"POST /v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    after = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", advised.port), timeout=20) as sock:
        for part in (head[:20], head[20:] + body[:3], body[3:7], body[7:] + after):
            sock.sendall(part)
            time.sleep(0.05)
        answers = read_all(sock)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert b"PYSEC-1" in answers


def test_a_body_that_never_ends_costs_only_its_client(tmp_path: Path) -> None:
    keep(tmp_path, FLAW)
    with serve(tmp_path, header_timeout_s=0.5) as served:
        head = b"POST /v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n"
        assert b" 408 " in served.raw(head + b"{")
        assert served.raw(head) == b""
        assert ids(ask(served, about("foo", "1.0"))) == ["PYSEC-1"]


def test_without_advisories(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        reply = ask(served, about("foo"))
        assert reply.status == 404
        assert json.loads(reply.body) == {
            "code": 5,
            "message": "this repository keeps no advisories",
        }


def test_new_advisories_count_at_once(advised: Served) -> None:
    assert ids(ask(advised, about("foo", "2.0"))) == []
    keep(advised.directory, osv_record("GHSA-9", "foo"))
    assert ids(ask(advised, about("foo", "2.0"))) == ["GHSA-9"]
    index = AdvisoryFiles(advised.directory).index
    index.write_bytes(index.read_bytes()[:-4])
    assert ask(advised, about("foo", "2.0")).status == 503


def test_an_index_behind_a_link_is_not_read(tmp_path: Path) -> None:
    keep(tmp_path / "elsewhere", FLAW)
    (tmp_path / "repository" / ".microrepo").mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere" / ".microrepo" / "osv"
    (tmp_path / "repository" / ".microrepo" / "osv").symlink_to(elsewhere)
    with serve(tmp_path / "repository") as served:
        assert ask(served, about("foo", "1.0")).status == 404


def test_a_login_is_needed_where_reading_needs_one(tmp_path: Path) -> None:
    from tests.support.assembled_server import server_module

    keep(tmp_path, FLAW)
    users = tmp_path / "users"
    users.write_text(f"ann:{server_module.hash_password('secret')}\n")
    with serve(tmp_path, password_file=str(users)) as served:
        assert ask(served, about("foo", "1.0")).status == 401
        login = base64.b64encode(b"ann:secret").decode()
        assert ids(ask(served, about("foo", "1.0"), Authorization=f"Basic {login}")) == ["PYSEC-1"]


def test_scripts_of_other_sites_get_nothing(advised: Served) -> None:
    """A browser sends the question, since a form could, and keeps the answer from the script."""
    reply = ask(advised, about("foo", "1.0"), Origin="https://other.example")
    assert "access-control-allow-origin" not in reply.headers
    assert "POST" not in advised.ask("/v1/query", "OPTIONS").headers["access-control-allow-methods"]


def test_pip_audit_inside(advised: Served, tmp_path: Path) -> None:
    """The real pip-audit asks this server instead of OSV's."""
    pip_audit = tool("pip-audit", ["pip-audit>=2.9"]) / "pip-audit"
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("foo==1.0\nevil-thing==3\nsound==1.0\n")
    done = subprocess.run(
        [
            pip_audit,
            *("--vulnerability-service", "osv", "--osv-url", f"{advised.url}v1/query"),
            *("--requirement", requirements, "--disable-pip", "--no-deps"),
            *("--format", "json", "--aliases", "on", "--progress-spinner", "off"),
        ],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)["dependencies"]}
    flaws = {one["id"]: one for one in found["foo"]["vulns"]}
    assert flaws.keys() == {"GHSA-1", "PYSEC-1"}
    assert flaws["PYSEC-1"]["fix_versions"] == ["1.1"]
    assert flaws["PYSEC-1"]["aliases"] == ["CVE-1"]
    assert [one["id"] for one in found["evil-thing"]["vulns"]] == ["MAL-1"]
    assert found["sound"]["vulns"] == []
