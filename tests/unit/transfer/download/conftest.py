"""A server in memory, and a place for downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.transfer.download.partial_file import Place

Headers = Mapping[str, str]


class Reply:
    """One answer of a server; it breaks off after `cut` bytes."""

    url: str | None = None
    reason: str | None = None

    def __init__(
        self, status: int, body: bytes = b"", headers: Headers | None = None, cut: int | None = None
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.is_closed = self.is_released = False
        self._body = body
        self._cut = cut
        self._read = 0

    def read(self, amt: int | None = None) -> bytes:
        end = len(self._body) if amt is None else self._read + amt
        if self._cut is not None and self._read >= self._cut:
            raise ConnectionError("the line broke")
        piece = self._body[self._read : end if self._cut is None else min(end, self._cut)]
        self._read += len(piece)
        return piece

    def hold_to(self, pace: object) -> None:
        pass

    def release_conn(self) -> None:
        self.is_released = True

    def close(self) -> None:
        self.is_closed = True


class NearServer(Client):
    """A client whose server is a function: of the URL and the header fields, the answer."""

    def __init__(self) -> None:
        super().__init__(ClientSettings())
        self.answer: Callable[[str, Headers], Reply] = lambda url, headers: Reply(404)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.replies: list[Reply] = []

    def open(self, url: str, headers: Headers | None = None) -> Reply:  # type: ignore[override]
        self.asked.append((url, dict(headers or {})))
        self.replies.append(self.answer(url, headers or {}))
        return self.replies[-1]

    def serve(self, body: bytes, *, ranges: bool = True, cuts: tuple[int, ...] = ()) -> None:
        """Serve one content at every URL; the first answers break off after `cuts` bytes."""
        breaks = list(cuts)

        def answer(_url: str, headers: Headers) -> Reply:
            cut = breaks.pop(0) if breaks else None
            wanted = headers.get("Range", "")
            if not wanted or not ranges:
                return Reply(200, body, cut=cut)
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else len(body)
            if start >= len(body):
                return Reply(416, headers={"Content-Range": f"bytes */{len(body)}"})
            about = {"Content-Range": f"bytes {start}-{end - 1}/{len(body)}"}
            return Reply(206, body[start:end], about, cut)

        self.answer = answer

    @property
    def ranges(self) -> list[str]:
        """The ranges that were asked for, "" for a whole file."""
        return [headers.get("Range", "") for _, headers in self.asked]


@pytest.fixture
def server() -> NearServer:
    return NearServer()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("repository", "partial", "source"):
        (tmp_path / name).mkdir()
    return Place(str(tmp_path / "repository"), str(tmp_path / "partial"), 0o640)
