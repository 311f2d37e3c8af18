"""Bad weather: what a server can do wrong, each kind a small record.

A fault can take the place of the answer, change the request's headers, change what lies under the
URL, or change how the body is sent. Several given together all apply to the same request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.answers import Answer, Request, Resource, md5_etag

Pause = Callable[[float], None]


class Disconnect(Exception):
    """Close the connection here and now; with `reset` the client sees it reset by its peer."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__(reset)
        self.reset = reset


class Fault:
    """One way to misbehave; does nothing by itself."""

    def instead(self, request: Request) -> Answer | None:
        """Return an answer that takes the place of the real one."""
        return None

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the request's headers as the server shall see them."""
        return headers

    def resource(self, resource: Resource) -> Resource:
        """Return what shall lie under the URL."""
        return resource

    def answer(self, answer: Answer) -> Answer:
        """Return the answer as it shall be sent."""
        return answer

    def stream(self, body: bytes, pause: Pause) -> Iterator[bytes] | None:
        """Return the pieces of the body as they shall be sent; None sends it as usual."""
        return None


@dataclass(frozen=True)
class Status(Fault):
    """Answer with this status."""

    status: int
    headers_sent: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "headers_sent", dict(headers or {}))
        object.__setattr__(self, "body", body)

    def instead(self, request: Request) -> Answer:
        return Answer(self.status, self.headers_sent, self.body)


@dataclass(frozen=True)
class Redirect(Fault):
    """Send the client elsewhere; ``{path}`` stands for the path that was asked for (a loop)."""

    location: str
    code: int = 302

    def instead(self, request: Request) -> Answer:
        return Answer(self.code, {"Location": self.location.replace("{path}", request.path)})


@dataclass(frozen=True)
class DropConnection(Fault):
    """Close the connection without a word."""

    reset: bool = False

    def instead(self, request: Request) -> Answer:
        raise Disconnect(reset=self.reset)


@dataclass(frozen=True)
class Delay(Fault):
    """Answer rightly, but let the client wait for the first byte of the body."""

    seconds: float

    def stream(self, body: bytes, pause: Pause) -> Iterator[bytes]:
        yield b""
        pause(self.seconds)
        yield body


@dataclass(frozen=True)
class CutBody(Fault):
    """Close the connection in the middle of the body."""

    after_bytes: int
    reset: bool = False

    def stream(self, body: bytes, pause: Pause) -> Iterator[bytes]:
        yield body[: self.after_bytes]
        if len(body) > self.after_bytes:
            raise Disconnect(reset=self.reset)


@dataclass(frozen=True)
class StallBody(Fault):
    """Send nothing for a while in the middle of the body, the connection open, then the rest."""

    after_bytes: int
    seconds: float

    def stream(self, body: bytes, pause: Pause) -> Iterator[bytes]:
        yield body[: self.after_bytes]
        pause(self.seconds)
        yield body[self.after_bytes :]


@dataclass(frozen=True)
class SlowBody(Fault):
    """Send the body at a steady, low rate, twenty pieces a second."""

    bytes_per_second: int

    def stream(self, body: bytes, pause: Pause) -> Iterator[bytes]:
        step = max(1, self.bytes_per_second // 20)
        for start in range(0, len(body), step):
            yield body[start : start + step]
            pause(step / self.bytes_per_second)


@dataclass(frozen=True)
class IgnoreRange(Fault):
    """Answer a Range with the whole file."""

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {key: value for key, value in headers.items() if key not in {"range", "if-range"}}


@dataclass(frozen=True)
class ShiftRange(Fault):
    """Answer a Range with a later one, honestly labelled."""

    by_bytes: int

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        match = re.match(r"bytes=(\d+)-$", headers.get("range", ""))
        if not match:
            return headers
        return {**headers, "range": f"bytes={int(match.group(1)) + self.by_bytes}-"}


@dataclass(frozen=True)
class NoLength(Fault):
    """Send no Content-Length; the end of the connection is the end of the body."""

    def answer(self, answer: Answer) -> Answer:
        return replace(answer, closes=True, has_length=False)


@dataclass(frozen=True)
class WrongBody(Fault):
    """Have another file in the place of this one."""

    content: bytes

    def resource(self, resource: Resource) -> Resource:
        return _remade(resource, self.content)


@dataclass(frozen=True)
class CorruptBody(Fault):
    """Damage one byte in the middle; length and validators stay as they were."""

    def resource(self, resource: Resource) -> Resource:
        body = bytearray(resource.body)
        body[len(body) // 2] ^= 0xFF
        return replace(resource, body=bytes(body))


@dataclass(frozen=True)
class LongerBody(Fault):
    """Send more than there is, with a Content-Length that matches."""

    extra: int

    def resource(self, resource: Resource) -> Resource:
        return replace(resource, body=resource.body + b"\0" * self.extra)


@dataclass(frozen=True)
class ShorterBody(Fault):
    """Send less than there is, with a Content-Length that matches."""

    missing: int

    def resource(self, resource: Resource) -> Resource:
        return replace(resource, body=resource.body[: max(0, len(resource.body) - self.missing)])


@dataclass(frozen=True)
class NotJSON(Fault):
    """Answer 200 with a page for people, as captive portals do."""

    content_type: str | None = "text/html; charset=UTF-8"

    def resource(self, resource: Resource) -> Resource:
        page = b"<html><body>Down for maintenance</body></html>"
        kind = self.content_type or resource.content_type
        return replace(_remade(resource, page), content_type=kind, serial=None)


@dataclass(frozen=True)
class TruncatedDocument(Fault):
    """End the document half-way, with a Content-Length that matches."""

    keep: float = 0.5

    def resource(self, resource: Resource) -> Resource:
        return _remade(resource, resource.body[: int(len(resource.body) * self.keep)])


@dataclass(frozen=True)
class Mutate(Fault):
    """Change a JSON document; `change` gets the decoded document and returns a new one."""

    change: Callable[[dict[str, Any]], dict[str, Any]]

    def resource(self, resource: Resource) -> Resource:
        return _remade(resource, json.dumps(self.change(json.loads(resource.body))).encode())


@dataclass(frozen=True)
class StaleDocument(Fault):
    """Claim an older serial, as a cache that was not purged does; None claims no serial."""

    serial: int | None

    def resource(self, resource: Resource) -> Resource:
        stale = replace(resource, serial=self.serial)
        if not resource.content_type.partition(";")[0].endswith("json"):
            return stale
        document = json.loads(resource.body)
        place = document.get("meta", document)
        key = "_last-serial" if "meta" in document else "last_serial"
        place.pop(key, None)
        if self.serial is not None:
            place[key] = self.serial
        return _remade(stale, json.dumps(document).encode())


def _remade(resource: Resource, body: bytes) -> Resource:
    return replace(resource, body=body, etag=md5_etag(body))
