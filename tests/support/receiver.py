"""An index with uploads in this process: it takes what is sent, lists it, and fails on demand."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, final
from urllib.parse import quote, unquote

from tests.support.index import normalize

Form = dict[str, list[str]]
Fault = Callable[["Receiver", "_Handler", str, str, bytes], bool]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break off are what the tests are about."""


@final
class Receiver:
    """A context manager that serves uploads under ``/legacy/`` and lists them under ``/simple/``.

    Attributes:
        files: content by project and file name.
        forms: the fields of each upload that was taken or refused, in their order.
        reads: how often each page was read.
        detours: answers to reads, by path.
        faults: for the next uploads; each says whether it has answered.
        stalls: for the next uploads: read so many bytes of it, then nothing for so many seconds,
            and close the connection.
        auth: user and password that are asked for.
        latency_s: before each answer.
    """

    def __init__(self, port: int = 0, algorithm: str | None = "sha256") -> None:
        self.files: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.forms: list[Form] = []
        self.reads: dict[str, int] = defaultdict(int)
        self.faults: deque[Fault] = deque()
        self.detours: dict[str, Callable[[_Handler], bool]] = {}
        self.stalls: deque[tuple[int, float]] = deque()
        self.auth: tuple[str, str] | None = None
        self.latency_s = 0.0
        self.dead = False
        self.algorithm = algorithm
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.upload_url = f"{self.url}legacy/"
        self.simple_url = f"{self.url}simple/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.dead:
            self.die()
        self._thread.join()

    def die(self) -> None:
        """Stop answering, at once and for good."""
        self.dead = True
        self._server.shutdown()
        self._server.server_close()

    def digests(self) -> dict[str, str]:
        """Return the sha256 of each file that is there, by name."""
        return {
            name: hashlib.sha256(content).hexdigest()
            for held in self.files.values()
            for name, content in held.items()
        }

    def take(self, project: str, filename: str, content: bytes) -> int:
        """Keep a file and return the status that PyPI would answer."""
        with self.lock:
            held = self.files[normalize(project)]
            if filename in held:
                return 200 if held[filename] == content else 400
            held[filename] = content
        return 200


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        receiver = self.receiver
        if receiver.dead:
            self.close_connection = True
            return
        time.sleep(receiver.latency_s)
        if not self._is_welcome():
            return
        path = unquote(self.path)
        with receiver.lock:
            receiver.reads[path] += 1
            held = {project: dict(files) for project, files in receiver.files.items()}
        parts = path.strip("/").split("/")
        detour = receiver.detours.get(path)
        if detour is not None and detour(self):
            return
        if path == "/simple/":
            self.answer(200, "".join(f'<a href="{p}/">{p}</a>' for p in sorted(held)).encode())
        elif len(parts) == 2 and parts[0] == "simple" and parts[1] in held:
            self.answer(200, self._page(held[parts[1]], parts[1]))
        elif len(parts) == 3 and parts[0] == "files" and parts[2] in held.get(parts[1], {}):
            self.answer(200, held[parts[1]][parts[2]], "application/octet-stream")
        else:
            self.answer(404, b"<p>not here</p>")

    def _page(self, files: dict[str, bytes], project: str) -> bytes:
        links = []
        for name, content in sorted(files.items()):
            fragment = ""
            if self.receiver.algorithm:
                found = hashlib.new(self.receiver.algorithm, content).hexdigest()
                fragment = f"#{self.receiver.algorithm}={found}"
            links.append(f'<a href="/files/{project}/{quote(name)}{fragment}">{name}</a><br>')
        return ("<!DOCTYPE html><title>files</title>" + "".join(links)).encode()

    def do_POST(self) -> None:
        receiver = self.receiver
        time.sleep(receiver.latency_s)
        if receiver.stalls:
            count_bytes, seconds = receiver.stalls.popleft()
            self.rfile.read(count_bytes)
            time.sleep(seconds)
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._is_welcome():
            return
        message = message_from_bytes(
            b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body
        )
        form: Form = defaultdict(list)
        filename, content = "", b""
        for part in message.get_payload():
            name = str(part.get_param("name", header="content-disposition"))  # type: ignore[union-attr]
            if name == "content":
                filename = str(part.get_filename())  # type: ignore[union-attr]
                content = part.get_payload(decode=True)  # type: ignore[union-attr,assignment]
            else:
                form[name].append(part.get_payload(decode=True).decode())  # type: ignore[union-attr]
        form["content"] = [filename]
        with receiver.lock:
            receiver.forms.append(dict(form))
            fault = receiver.faults.popleft() if receiver.faults else None
        project = form["name"][0]
        if receiver.dead:
            self.close_connection = True
            return
        if fault is not None and fault(receiver, self, project, filename, content):
            return
        status = receiver.take(project, filename, content)
        words = b"ok" if status == 200 else b"File already exists. See the help page."
        self.answer(status, words)

    def _is_welcome(self) -> bool:
        auth = self.receiver.auth
        if auth is None:
            return True
        given = self.headers.get("Authorization")
        if given is None:
            self.answer(401, b"who are you?")
            return False
        if given != "Basic " + base64.b64encode(":".join(auth).encode()).decode():
            self.answer(403, f"not with {base64.b64decode(given[6:]).decode()}".encode())
            return False
        return True

    def answer(self, status: int, body: bytes, kind: str = "text/html", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def status(code: int, words: bytes = b"no", **headers: str) -> Fault:
    """Answer with a status instead of taking the file."""

    def fault(_r: Receiver, handler: _Handler, _p: str, _n: str, _c: bytes) -> bool:
        handler.answer(code, words, **headers)
        return True

    return fault


def raced(code: int, content: bytes | None = None) -> Fault:
    """Somebody else brings the file (or another content) first; answer with a status."""

    def fault(receiver: Receiver, handler: _Handler, project: str, name: str, sent: bytes) -> bool:
        receiver.take(project, name, sent if content is None else content)
        handler.answer(code, b"is there")
        return True

    return fault


def silent(*, keep: bool, seconds: float) -> Fault:
    """Take the file (or do not), and never answer."""

    def fault(receiver: Receiver, handler: _Handler, project: str, name: str, sent: bytes) -> bool:
        if keep:
            receiver.take(project, name, sent)
        time.sleep(seconds)
        handler.close_connection = True
        return True

    return fault


def dropped(*, keep: bool) -> Fault:
    """Take the file (or do not), and close the connection."""

    def fault(receiver: Receiver, handler: _Handler, project: str, name: str, sent: bytes) -> bool:
        if keep:
            receiver.take(project, name, sent)
        handler.close_connection = True
        return True

    return fault
