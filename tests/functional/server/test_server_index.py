"""The index over HTTP: negotiation, caching, redirects, pages from a tree and from a scan."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.functional.server.conftest import put, write_tree
from tests.functional.server.serving import HTML, JSON, Served, serve, wait_until
from tests.support.assembled_server import server_module
from tests.support.packages import build_sdist, build_wheel

PIP_ACCEPT = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PIP_ACCEPT, JSON),
        ("", "text/html"),
        ("*/*", "text/html"),
        (f"{HTML}", HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
        (f"{JSON};q=0.5, text/html;q=0.4, */*;q=0.1", JSON),
        (f"{JSON};q=0, */*", "text/html"),
        ("text/*;q=0.1, application/*", HTML),
    ],
)
@pytest.mark.parametrize("path", ["/simple/", "/simple/foo-bar/"])
def test_the_type_is_chosen_by_accept(
    either: Served, path: str, accept: str, expected: str
) -> None:
    reply = either.ask(path, Accept=accept) if accept else either.ask(path)
    assert reply.status == 200
    assert reply.headers["content-type"].partition(";")[0] == expected
    assert reply.headers["vary"] == "Accept"
    assert (reply.body[:1] == b"{") == expected.endswith("json")


@pytest.mark.parametrize(
    "accept", ["image/png", "application/json", f"{JSON};q=0", "text/html;q=0"]
)
def test_a_type_that_is_not_there_is_refused(either: Served, accept: str) -> None:
    reply = either.ask("/simple/foo-bar/", Accept=accept)
    assert reply.status == 406
    assert JSON.encode() in reply.body
    assert reply.headers["vary"] == "Accept"


def test_the_format_parameter_goes_before_accept(either: Served) -> None:
    for value in (JSON, JSON.replace("+", "%2B"), "application/vnd.pypi.simple.latest+json"):
        reply = either.ask(f"/simple/foo-bar/?format={value}", Accept="text/html")
        assert reply.headers["content-type"] == JSON
    assert either.ask("/simple/foo-bar/?format=text/xml").status == 406


def test_index_pages_are_revalidated_each_time(either: Served) -> None:
    """Without Cache-Control uv guesses from Last-Modified and does not ask again for days."""
    for path in ("/simple/", "/simple/foo-bar/"):
        first = either.ask(path, Accept=PIP_ACCEPT)
        assert first.headers["cache-control"] == "max-age=0, must-revalidate"
        assert "last-modified" not in first.headers
        again = either.ask(path, Accept=PIP_ACCEPT, If_None_Match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        other = either.ask(path, Accept="text/html", If_None_Match=first.headers["etag"])
        assert other.status == 200


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/simple", "simple/"),
        ("/simple/Foo_Bar/", "../foo-bar/"),
        ("/simple/foo-bar", "foo-bar/"),
        ("/simple/Foo.Bar?format=x", "foo-bar/?format=x"),
        ("/simple/FOO--bar/index.html", "../foo-bar/index.html"),
        ("/project/Foo.Bar/", "../foo-bar/"),
        ("/project/foo-bar", "foo-bar/"),
        ("/pypi/Foo.Bar/json", "../foo-bar/json"),
    ],
)
def test_other_spellings_are_redirected_relatively(
    served: Served, path: str, location: str
) -> None:
    """A relative Location is right behind a proxy that adds a prefix, too."""
    reply = served.ask(path)
    assert (reply.status, reply.headers["location"]) == (301, location)


def test_a_scanned_page_has_all_that_the_files_tell(served: Served, bare: Path) -> None:
    page = json.loads(served.ask("/simple/foo-bar/", Accept=JSON).body)
    assert page["meta"] == {"api-version": "1.4"}
    assert page["versions"] == ["1.0", "2.0"]
    assert [entry["filename"] for entry in page["files"]] == [
        "foo_bar-1.0-py3-none-any.whl",
        "foo_bar-2.0-py3-none-any.whl",
        "foo_bar-2.0.tar.gz",
    ]
    for entry in page["files"]:
        path = bare / entry["filename"]
        assert entry["url"] == "../../" + path.name
        assert entry["size"] == path.stat().st_size
        assert entry["hashes"] == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        assert entry["upload-time"].endswith("Z")
    wheel, sdist = page["files"][1:]
    sidecar = bare / (wheel["filename"] + ".metadata")
    assert wheel["core-metadata"] == {"sha256": hashlib.sha256(sidecar.read_bytes()).hexdigest()}
    assert page["files"][0]["core-metadata"] is False
    assert (wheel["requires-python"], sdist["requires-python"]) == (">=3.7", ">=3.7")


def test_every_advertised_sidecar_and_file_can_be_fetched(either: Served, bare: Path) -> None:
    for name in json.loads(either.ask("/simple/", Accept=JSON).body)["projects"]:
        page = json.loads(either.ask(f"/simple/{name['name']}/", Accept=JSON).body)
        for entry in page["files"]:
            path = "/" + entry["url"].removeprefix("../../")
            assert either.ask(path).body == (bare / entry["filename"]).read_bytes()
            has_sidecar = entry["core-metadata"] is not False
            assert either.ask(path + ".metadata").status == (200 if has_sidecar else 404)


def test_the_static_page_is_the_truth(with_tree: Path) -> None:
    """Its bytes are served as they are; what people see comes from it, too."""
    with serve(with_tree) as running:
        for accept, name in ((JSON, "index.v1_json"), (HTML, "index.v1_html")):
            expected = (with_tree / "simple/foo-bar" / name).read_bytes()
            assert running.ask("/simple/foo-bar/", Accept=accept).body == expected
            assert running.ask(f"/simple/foo-bar/{name}").body == expected
        page = running.ask("/project/foo-bar/?version=1.0").body.decode()
        assert "yanked" in page
        assert "it &lt;broke&gt;" in page
        assert "old &amp; done" in page


def test_html_is_rendered_when_only_the_json_page_is_there(with_tree: Path) -> None:
    expected = (with_tree / "simple/foo-bar/index.html").read_bytes()
    (with_tree / "simple/foo-bar/index.html").unlink()
    (with_tree / "simple/foo-bar/index.v1_html").unlink()
    with serve(with_tree) as running:
        assert running.ask("/simple/foo-bar/").body == expected


@pytest.mark.parametrize("damage", [b"", b"{", b'{"files": 1}'])
def test_a_damaged_static_page_gives_way_to_the_files(with_tree: Path, damage: bytes) -> None:
    (with_tree / "simple/foo-bar/index.v1_json").write_bytes(damage)
    (with_tree / "simple/foo-bar/index.v1_html").unlink()
    with serve(with_tree) as running:
        reply = running.ask("/simple/foo-bar/")
        assert (reply.status, reply.body.count(b"<a ")) == (200, 3)


def test_a_new_release_is_seen_at_once(served: Served, bare: Path) -> None:
    before = served.ask("/simple/foo-bar/", Accept=JSON)
    put(bare, build_wheel("Foo.Bar", "3.0"), build_sdist("brand-new", "1"))
    after = served.ask("/simple/foo-bar/", Accept=JSON, If_None_Match=before.headers["etag"])
    assert after.status == 200
    assert json.loads(after.body)["versions"] == ["1.0", "2.0", "3.0"]
    assert b"brand-new" in served.ask("/simple/").body
    (bare / "foo_bar-3.0-py3-none-any.whl").unlink()
    assert json.loads(served.ask("/simple/foo-bar/", Accept=JSON).body)["versions"] == [
        "1.0",
        "2.0",
    ]


def test_a_settled_directory_is_answered_from_memory_until_it_changes(bare: Path) -> None:
    """The directory's age decides whether its time stamp can be trusted."""
    past_s = time.time() - 100
    os.utime(bare, (past_s, past_s))
    with serve(bare) as running:
        first = running.ask("/simple/foo-bar/", Accept=JSON)
        assert running.ask("/simple/foo-bar/", Accept=JSON).body == first.body
        put(bare, build_wheel("Foo.Bar", "3.0"))
        os.utime(bare, (past_s + 1, past_s + 1))
        assert b"foo_bar-3.0" in running.ask("/simple/foo-bar/", Accept=JSON).body


def test_a_file_written_in_place_gets_a_new_digest(bare: Path) -> None:
    past_s = time.time() - 100
    os.utime(bare, (past_s, past_s))
    wheel = build_wheel("Foo.Bar", "2.0", summary="rebuilt")
    with serve(bare) as running:
        running.ask("/simple/foo-bar/", Accept=JSON)
        with (bare / wheel.filename).open("r+b") as stream:
            stream.truncate()
            stream.write(wheel.content)
        wait_until(
            lambda: wheel.sha256.encode() in running.ask("/simple/foo-bar/", Accept=JSON).body
        )


def test_a_replaced_static_page_is_seen_at_once(with_tree: Path) -> None:
    path = with_tree / "simple/foo-bar/index.v1_json"
    with serve(with_tree) as running:
        before = running.ask("/simple/foo-bar/", Accept=JSON)
        page = server_module.parse_project_json(path.read_bytes())
        fresh = path.with_name("new")
        fresh.write_bytes(server_module.render_project_json(page._replace(serial=99)))
        fresh.replace(path)
        after = running.ask("/simple/foo-bar/", Accept=JSON, If_None_Match=before.headers["etag"])
        assert json.loads(after.body)["meta"]["_last-serial"] == 99


def test_large_files_are_hashed_in_the_background(bare: Path) -> None:
    """The page comes at once without the digest, and with it a little later."""
    name = "huge-1.0.tar.gz"
    with (bare / name).open("wb") as stream:
        stream.truncate(server_module.PAGE_HASH_BYTES + 1)
    with serve(bare) as running:
        first = json.loads(running.ask("/simple/huge/", Accept=JSON).body)
        assert first["files"][0]["hashes"] == {}

        def hashed() -> bool:
            page = json.loads(running.ask("/simple/huge/", Accept=JSON).body)
            return "sha256" in page["files"][0]["hashes"]

        wait_until(hashed, 20)


def test_the_front_page_hashes_nothing(bare: Path) -> None:
    """It shows many projects, whose files may be of any size."""
    repository = server_module.Repository(str(bare))
    assert repository.card("foo-bar").summary == "A new <summary>"
    known = repository.project("foo-bar", hash_bytes=None)
    assert [entry.hashes for entry in known.page.files] == [{}, {}, {}]
    assert all(entry.hashes for entry in repository.project("foo-bar").page.files)


def test_names_come_before_summaries_in_a_search(bare: Path) -> None:
    for name, summary in (
        ("aaa", "other things"),
        ("zother", ""),
        ("an-other", ""),
        ("otherwise", ""),
    ):
        put(bare, build_wheel(name, "1", summary=summary))
    with serve(bare) as running:
        body = running.ask("/?q=Other").body.decode()
    found = re.findall(r'<a href="project/([^/]+)/"><b>', body)
    assert found == ["other", "otherwise", "an-other", "zother", "aaa"]


def test_the_links_page_has_every_file(served: Served, bare: Path) -> None:
    served.ask("/simple/foo-bar/")
    body = served.ask("/simple/links.html").body
    assert body.count(b"<a ") == 4
    assert body.count(b"#sha256=") >= 3
    assert b'"../other-0.1%2Blocal.1-py3-none-any.whl' in body


def test_an_unknown_project_is_not_found(either: Served) -> None:
    for path in ("/simple/nope/", "/project/nope/", "/pypi/nope/json", "/simple/foo-bar/x"):
        reply = either.ask(path, Accept="*/*")
        assert reply.status == 404
        assert "immutable" not in reply.headers["cache-control"]


def test_documents_for_other_mirrors_are_served(with_tree: Path) -> None:
    """With whole addresses below /packages/ and the serial in a header: bandersnatch needs both."""
    folder = with_tree / "pypi/foo-bar"
    folder.mkdir(parents=True)
    name = "foo_bar-1.0-py3-none-any.whl"
    text = r"Say \"url\":\"../../x\" and \"last_serial\": 9"
    (folder / "json").write_text(
        f'{{"info":{{"summary":"{text}"}},"last_serial":7,"urls":[{{"url":"../../{name}"}}]}}'
    )
    (with_tree / "last-modified").write_text("20260101T00:00:00\n")
    with serve(with_tree) as running:
        reply = running.ask("/pypi/foo-bar/json", Host="packages.example:81")
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-pypi-last-serial"] == "7"
        document = json.loads(reply.body)
        assert document["info"]["summary"] == 'Say "url":"../../x" and "last_serial": 9'
        assert document["urls"][0]["url"] == f"http://packages.example:81/packages/{name}"
        assert running.ask(f"/packages/{name}").body == (with_tree / name).read_bytes()
        again = running.ask(
            "/pypi/foo-bar/json", Host="packages.example:81", If_None_Match=reply.headers["etag"]
        )
        assert again.status == 304
        assert running.ask("/last-modified").body == b"20260101T00:00:00\n"
        for path in ("/packages", "/packages/", "/packages/x/y.zip", "/packages/notes.txt"):
            assert running.ask(path).status == 404


def test_read_only_media_without_state(bare: Path) -> None:
    """Nothing is written: the directory and its files are the same afterwards."""
    write_tree(bare)
    before = {path: path.stat().st_mtime_ns for path in bare.rglob("*")}
    for path in (bare, *(path for path in before if path.is_dir())):
        path.chmod(0o555)
    try:
        with serve(bare) as running:
            assert running.ask("/simple/foo-bar/").status == 200
            assert running.ask("/").status == 200
    finally:
        for path in (bare, *(path for path in before if path.is_dir())):
            path.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in bare.rglob("*")} == before


def test_a_directory_that_is_gone_is_no_crash(bare: Path) -> None:
    with serve(bare, may_complain=True) as running:
        bare.rename(bare.with_name("gone"))
        assert running.ask("/simple/foo-bar/").status in {404, 503}
        assert running.ask("/").status in {200, 503}
        bare.with_name("gone").rename(bare)
        assert running.ask("/simple/foo-bar/").status == 200


def test_the_health_page(served: Served, bare: Path) -> None:
    assert served.ask("/healthz").status == 200
    bare.rename(bare.with_name("gone"))
    assert served.ask("/healthz").status == 503
