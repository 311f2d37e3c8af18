"""What an index may answer to an upload, and what its address becomes."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.model import Digests
from microrepo.repositories.destinations.destination_registry import describe_destination
from microrepo.repositories.destinations.upload_index import UploadDestination
from tests.support.packages import build_wheel

FOO = build_wheel("foo", "1.0")
LOGIN = b"<!DOCTYPE html><title>Log in</title><form></form>"


class Index:
    """An index that answers uploads as it is told to."""

    def __init__(self) -> None:
        self.status, self.kind, self.body, self.lists = 200, "text/html", b"", False
        self.posts: list[str] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_root = self.path.endswith("/simple/")
                page = f'<a href="/{FOO.filename}#sha256={FOO.sha256}">{FOO.filename}</a>'
                status = 200 if is_root or index.lists else 404
                self.answer(status, "text/html", page.encode() if index.lists else b"")

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                index.posts.append(self.path)
                self.answer(index.status, index.kind, index.body)

            def answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def index() -> Iterator[Index]:
    index = Index()
    yield index
    index.close()


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(ClientSettings(retries=0))
    yield client
    client.close()


def send(index: Index, client: Client, tmp_path: Path, address: str = "/legacy/") -> str:
    settings = describe_destination(f"{index.url}{address}", client, index=f"{index.url}/simple/")
    FOO.write_to(tmp_path)
    destination = UploadDestination(client, settings, attempts=0)
    return destination.put(tmp_path / FOO.filename, FOO.filename, Digests(FOO.sha256)).status


@pytest.mark.parametrize(
    ("status", "kind", "body", "result"),
    [
        (200, "text/html", b"", "uploaded"),
        (200, "text/html; charset=utf-8", b"OK", "uploaded"),
        (201, "application/json", b'{"message": "201 Created"}', "uploaded"),
        (200, "text/plain", b"<uploaded>", "uploaded"),
        (200, "text/html", LOGIN, "refused"),
        (200, "Text/HTML; charset=utf-8", LOGIN, "refused"),
        (203, "application/xhtml+xml", LOGIN, "refused"),
    ],
)
def test_a_page_for_people_is_no_answer(
    index: Index,
    client: Client,
    tmp_path: Path,
    status: int,
    kind: str,
    body: bytes,
    result: str,
) -> None:
    index.status, index.kind, index.body = status, kind, body
    assert send(index, client, tmp_path) == result


def test_what_the_index_lists_counts(index: Index, client: Client, tmp_path: Path) -> None:
    index.body, index.lists = LOGIN, True
    assert send(index, client, tmp_path) == "uploaded"


@pytest.mark.parametrize(
    "address", ["/api/packages/me/pypi", "/legacy/", "/upload?token=a%20b", "/", "/a//b?c=d&e"]
)
def test_the_address_stays_as_given(
    index: Index, client: Client, tmp_path: Path, address: str
) -> None:
    send(index, client, tmp_path, address)
    assert index.posts == [address]


def test_a_bare_host_has_its_form_at_the_root(index: Index, client: Client, tmp_path: Path) -> None:
    send(index, client, tmp_path, "")
    assert index.posts == ["/"]
