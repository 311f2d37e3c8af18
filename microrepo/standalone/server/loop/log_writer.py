"""Logs: access lines and error reports, written so that a slow stream delays nobody."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import IO

from microrepo.standalone.server.loop.connection import Connection
from microrepo.standalone.server.messages.http_dates import tick

_MAX_PENDING = 8 << 20


class LogWriter:
    """Writes text to a stream from a thread of its own; drops text while the stream is stuck."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._pending = 0
        self._lost = 0
        self._queue: SimpleQueue[str] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_forever, daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have lines written soon; never waits and never raises."""
        with self._lock:
            if self._pending + len(text) > _MAX_PENDING:
                self._lost += text.count("\n")
                return
            if self._lost:
                text = (
                    f"microrepo: {self._lost} log lines lost: the log is written too slowly\n{text}"
                )
                self._lost = 0
            self._pending += len(text)
        if text:
            self._queue.put(text)

    def close(self) -> bool:
        """Write what is left, for at most five seconds; return whether the stream is free then."""
        self._queue.put("")
        self._thread.join(timeout=5)
        return not self._thread.is_alive()

    def _write_forever(self) -> None:
        for text in iter(self._queue.get, ""):
            # A full disk or a closed pipe must not stop the service.
            with suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
            with self._lock:
                self._pending -= len(text)


class AccessLog:
    """Writes one line per answer in the combined format."""

    def __init__(self, stream: IO[str]) -> None:
        self._writer = LogWriter(stream)
        self._lines: list[str] = []
        self._size = 0

    def add(self, connection: Connection) -> None:
        """Note a completed answer."""
        request = connection.request
        line, referrer, agent = "-", "-", "-"
        if request:
            line = request.line
            referrer = request.headers.get("referer", "-")
            agent = request.headers.get("user-agent", "-")
        # The user stands between blanks, not between quotes.
        user = quoted(connection.user).replace(" ", "\\x20") if connection.user else "-"
        entry = (
            f"{connection.address} - {user} [{tick().log}] "
            f'"{quoted(line)}" {connection.status} {max(connection.sent, 0)} "{quoted(referrer)}" "{quoted(agent)}"\n'
        )
        self._lines.append(entry)
        self._size += len(entry)
        if self._size > _MAX_PENDING // 8:
            self.flush()

    def flush(self) -> None:
        """Hand the lines over to the writing thread."""
        if self._lines:
            self._writer.write("".join(self._lines))
            self._lines, self._size = [], 0

    def close(self) -> bool:
        """Write what is left; return whether the stream is free then."""
        self.flush()
        return self._writer.close()


def quoted(text: str) -> str:
    """Return a text as it stands between quotes in a log: printable ASCII, quotes escaped."""
    if text.isprintable() and text.isascii() and '"' not in text and "\\" not in text:
        return text
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped.replace('"', '\\"')
