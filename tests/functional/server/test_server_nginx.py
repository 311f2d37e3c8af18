"""The printed nginx configuration, by Debian's nginx, held against our own server."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microrepo.publish.client_texts.nginx_conf import nginx_config
from microrepo.publish.tree.people_pages import update_browse
from tests.functional.server.conftest import write_tree
from tests.functional.server.serving import HTML, JSON, Reply, read_reply, serve, wait_until
from tests.support.programs import Environment

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PIP_ACCEPT = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.fixture
def nginx(with_tree: Path, tmp_path: Path) -> Iterator[int]:
    """The port of an nginx that serves the repository by our configuration."""
    write_tree_documents(with_tree)
    port, home = _free_port(), tmp_path / "nginx"
    home.mkdir()
    (home / "site.conf").write_text(nginx_config(with_tree, listen=f"127.0.0.1:{port}"))
    temporary = "".join(
        f"{name}_temp_path {home / name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "" if os.geteuid() else "user root;"
    (home / "nginx.conf").write_text(
        f"{user} daemon off; pid {home}/pid; error_log {home}/error.log;"
        f"events {{}} http {{ access_log off; {temporary} include {home}/site.conf; }}"
    )
    process = subprocess.Popen([str(NGINX), "-p", home, "-c", home / "nginx.conf", "-e", "stderr"])
    try:
        wait_until(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def write_tree_documents(directory: Path) -> None:
    folder = directory / "pypi/foo-bar"
    folder.mkdir(parents=True)
    (folder / "json").write_text('{"info": {}}')
    (directory / "last-modified").write_text("20260101T00:00:00\n")
    (directory / ".microrepo").mkdir()
    (directory / ".microrepo/state.db").write_bytes(b"secret")
    (directory / "notes.txt").write_bytes(b"secret")
    (directory.parent / "out-1.0.zip").write_bytes(b"secret")
    (directory / "link-1.0.zip").symlink_to(directory.parent / "out-1.0.zip")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _ask(port: int, path: str, method: str = "GET", **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        return read_reply(connection)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/simple/", {"Accept": PIP_ACCEPT}),
        ("/simple/foo-bar/", {"Accept": PIP_ACCEPT}),
        ("/simple/foo-bar/", {"Accept": "text/html"}),
        ("/simple/foo-bar/", {"Accept": HTML}),
        ("/simple/foo-bar/", {"Accept": "*/*"}),
        ("/simple/foo-bar/", {}),
        ("/simple/foo-bar/", {"Accept": "application/vnd.pypi.simple.latest+json"}),
        ("/simple/foo-bar/", {"Accept": "image/png"}),
        ("/simple/foo-bar/", {"Accept": "application/json, text/html;q=0.1"}),
        (f"/simple/foo-bar/?format={JSON}", {"Accept": "text/html"}),
        (f"/simple/foo-bar/?format={JSON.replace('+', '%2B')}", {}),
        ("/simple/foo-bar/?format=text/xml", {}),
        ("/simple/foo-bar", {}),
        ("/simple", {}),
        ("/simple/nope/", {}),
        ("/foo_bar-1.0-py3-none-any.whl", {}),
        ("/foo_bar-2.0-py3-none-any.whl.metadata", {}),
        ("/foo_bar-1.0-py3-none-any.whl.metadata", {}),
        ("/other-0.1%2Blocal.1-py3-none-any.whl", {}),
        ("/foo_bar-1.0-py3-none-any.whl", {"Range": "bytes=3-9"}),
        ("/pypi/foo-bar/json", {}),
        ("/last-modified", {}),
        ("/.microrepo/state.db", {}),
        ("/%2emicrorepo/state.db", {}),
        ("/notes.txt", {}),
        ("/simple/../notes.txt", {}),
        ("/link-1.0.zip", {}),
    ],
)
def test_it_answers_as_our_server_does(
    nginx: int, with_tree: Path, path: str, headers: dict[str, str]
) -> None:
    theirs = _ask(nginx, path, **headers)
    with serve(with_tree) as running:
        ours = running.ask(path, **headers)
    # It refuses a symlink that leads out, instead of not finding it.
    assert theirs.status == ours.status or (theirs.status, ours.status) == (403, 404)
    assert b"secret" not in theirs.body
    if ours.status in {200, 206}:
        assert theirs.body == ours.body
        same = ("content-type", "cache-control", "vary", "access-control-allow-origin")
        for name in (*same, "x-content-type-options"):
            assert theirs.headers.get(name) == ours.headers.get(name), name
    if path.startswith("/simple/nope"):
        assert theirs.headers["access-control-allow-origin"] == "*"
    if ours.status == 301:
        assert theirs.headers["location"].rstrip("/").endswith(ours.headers["location"].strip("/"))


def test_other_methods_are_answered_as_our_server_does(nginx: int, with_tree: Path) -> None:
    with serve(with_tree) as running:
        for path in ("/simple/foo-bar/", "/foo_bar-1.0-py3-none-any.whl", "/simple/nope/"):
            asked = {"Origin": "https://app.example", "Access_Control_Request_Method": "GET"}
            theirs = _ask(nginx, path, "OPTIONS", **asked)
            ours = running.ask(path, "OPTIONS", **asked)
            assert (theirs.status, theirs.body) == (ours.status, ours.body) == (204, b"")
            for name, value in ours.headers.items():
                if name.startswith("access-control") or name == "allow":
                    assert theirs.headers.get(name) == value, (path, name)
            assert _ask(nginx, path, "POST").status in {404, 405}, path
            assert "access-control-allow-methods" not in _ask(nginx, path).headers


def test_pages_are_revalidated(nginx: int) -> None:
    first = _ask(nginx, "/simple/foo-bar/", Accept=PIP_ACCEPT)
    again = _ask(nginx, "/simple/foo-bar/", Accept=PIP_ACCEPT, If_None_Match=first.headers["etag"])
    assert again.status == 304
    assert json.loads(first.body)["name"] == "foo-bar"


def test_pip_and_uv_install(nginx: int, fresh_venv: Callable[..., Environment]) -> None:
    index = f"http://127.0.0.1:{nginx}/simple/"
    fresh_venv().pip("install", "--no-cache-dir", "--index-url", index, "foo-bar")
    fresh_venv().uv("pip", "install", "--default-index", index, "other")


def test_pages_are_not_lost_when_written_anew(nginx: int, with_tree: Path) -> None:
    shutil.rmtree(with_tree / "simple")
    assert _ask(nginx, "/simple/").status == 404
    write_tree(with_tree)
    assert _ask(nginx, "/simple/").status == 200


def test_pages_for_people_are_sent(nginx: int, with_tree: Path) -> None:
    update_browse(with_tree, with_tree / ".microrepo")
    (with_tree / "browse/.hidden").write_bytes(b"secret")
    for path in ("/browse/", "/browse/project/foo-bar/", "/browse/project/foo-bar/index.html"):
        reply = _ask(nginx, path)
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"foo-bar" in reply.body
    assert _ask(nginx, "/browse/.hidden").status == 404
