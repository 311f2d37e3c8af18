"""Connection: one client, its unread requests and the answer on its way."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys

from microrepo.standalone.server.application.answers import SMALL_BYTES
from microrepo.standalone.server.loop.tls_support import WAITING_ERRORS, SSLWantReadError
from microrepo.standalone.server.messages.conditions import Part, select_part
from microrepo.standalone.server.messages.http_dates import tick
from microrepo.standalone.server.messages.requests import (
    MAX_HEAD_BYTES,
    MAX_LINE_BYTES,
    Request,
    RequestError,
    parse_request,
)
from microrepo.standalone.server.messages.responses import REASONS, OpenFile, Response

PUMP_BYTES = 8 << 20
# Outcomes of sending.
DONE, WANT_READ, WANT_WRITE, LOST = range(4)
# States of a connection.
HANDSHAKE, READING, WORKING, SENDING, LINGERING, CLOSED = range(6)
_NO_SENDFILE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSOCK}


_SENDFILE = hasattr(os, "sendfile")


_CONNECTION = {True: b"Connection: keep-alive\r\n", False: b"Connection: close\r\n"}


class Inbox:
    """Bytes received from a client, cut into requests."""

    def __init__(self) -> None:
        self.received = b""
        self.discard = 0
        self._waiting: Request | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a request has arrived."""
        return not (self.received or self.discard or self._waiting)

    def next_request(self) -> Request | None:
        """Return the next complete request, None until all of it is there.

        Raises:
            RequestError: the bytes are not an acceptable request.
        """
        if self.discard:
            gone = min(self.discard, len(self.received))
            self.received = self.received[gone:]
            self.discard -= gone
        if self._waiting:
            return self._with_body(self._waiting)
        if self.received[:2] == b"\r\n":
            # Ignore an empty line before a request (RFC 9112, section 2.2).
            self.received = self.received[2:]
        end = self.received.find(b"\r\n\r\n")
        line = self.received.find(b"\r\n")
        if line > MAX_LINE_BYTES or (line < 0 and len(self.received) > MAX_LINE_BYTES):
            raise RequestError(414, "The request line is too long.")
        if end < 0 or end > MAX_LINE_BYTES + MAX_HEAD_BYTES:
            if len(self.received) > MAX_LINE_BYTES + MAX_HEAD_BYTES:
                raise RequestError(431, "The request header is too large.")
            if b"\n\n" in self.received:
                raise RequestError(400, "Lines must end in CR LF.")
            return None
        head = self.received[:end]
        self.received = self.received[end + 4 :]
        request = parse_request(head)
        if request.is_query:
            return self._with_body(request)
        self.discard = request.body_bytes
        return request

    def _with_body(self, request: Request) -> Request | None:
        """Return a request with its body, None until all of it has arrived."""
        self._waiting = request
        if len(self.received) < request.body_bytes:
            return None
        body = self.received[: request.body_bytes]
        self.received = self.received[request.body_bytes :]
        self._waiting = None
        return request._replace(body=body)


class Connection:
    """One client. Only one thread at a time works on it: see `state`."""

    def __init__(self, sock: socket.socket, address: str, tls: bool, now: float) -> None:
        self.sock = sock
        self.address = address
        self.tls = tls
        self.state = HANDSHAKE if tls else READING
        self.since_s = self.deadline_s = self.begun_s = now
        self.inbox = Inbox()
        self.request: Request | None = None
        self.user = ""
        self.wrong_logins = 0
        self.keep = True
        self.status = self.sent = self.offset = self.left = 0
        # Bytes that the client had taken when its speed was last looked at; -1: not yet.
        self.taken_before = -1
        self.out: list[memoryview] = []
        self.file: OpenFile | None = None
        self.waits_for = selectors.EVENT_READ

    def receive(self) -> bytes | None:
        """Return received bytes, empty at the end of the stream, None if nothing arrived yet."""
        try:
            return self.sock.recv(MAX_LINE_BYTES + MAX_HEAD_BYTES)
        except WAITING_ERRORS:
            return None
        except OSError:
            return b""

    def begin(self, response: Response, keep: bool) -> None:
        """Start a response with its head and the chosen part of its content."""
        request = self.request
        part = (
            select_part(request, response)
            if request
            else Part(response.status, b"", 0, response.size)
        )
        self.status, self.keep = part.status, keep
        self.taken_before = -1
        bodiless = part.status in {204, 304}
        length = b"" if bodiless else b"Content-Length: %d\r\n" % part.length
        usual = keep and request is not None and not request.line.endswith("1.0")
        close = b"" if usual else _CONNECTION[keep]
        head = b"".join(
            (_status_line(part.status), response.block, part.block, length, close, b"\r\n")
        )
        # The log counts the bytes of contents only.
        self.sent = -len(head)
        silent = part.length == 0 or (request is not None and request.method == "HEAD")
        if silent:
            response.close()
            self.out = [memoryview(head)]
        elif isinstance(response.content, OpenFile):
            self.file, self.offset, self.left = response.content, part.start, part.length
            self.out = [memoryview(head)]
        else:
            body = memoryview(response.content)[part.start : part.start + part.length]
            small = part.length <= SMALL_BYTES
            self.out = [memoryview(head + body)] if small else [memoryview(head), body]

    def pump(self) -> int:
        """Send what the socket takes without waiting; return whether it is done or must wait."""
        budget = PUMP_BYTES
        try:
            while budget > 0:
                if self.out:
                    count = self.sock.send(self.out[0])
                    rest = self.out.pop(0)[count:]
                    if rest:
                        self.out.insert(0, rest)
                elif self.left:
                    count = self._send_file(min(self.left, budget))
                else:
                    self.close_file()
                    return DONE
                self.sent += count
                budget -= count
        except WAITING_ERRORS as error:
            return WANT_READ if isinstance(error, SSLWantReadError) else WANT_WRITE
        except OSError:
            return LOST
        return WANT_WRITE

    def taken(self) -> int:
        """Return how many bytes the client has taken, of those sent to it."""
        return self.sent - _unacknowledged(self.sock)

    def _send_file(self, count: int) -> int:
        fd = self.file.fd if self.file else -1
        if _SENDFILE and not self.tls:
            try:
                sent = os.sendfile(self.sock.fileno(), fd, self.offset, count)
            except OSError as error:
                if error.errno not in _NO_SENDFILE:
                    raise
            else:
                return self._advance(sent)
        os.lseek(fd, self.offset, os.SEEK_SET)
        block = os.read(fd, min(count, 256 << 10))
        if block:
            self.out.append(memoryview(block))
        self._advance(len(block))
        return 0

    def _advance(self, count: int) -> int:
        if not count:
            # The length is promised already: a file that has shrunk can only be cut off.
            raise OSError(errno.EIO, "the file became shorter")
        self.offset += count
        self.left -= count
        return count

    def close_file(self) -> None:
        """Close the file being sent, if any."""
        if self.file:
            os.close(self.file.fd)
            self.file = None
        self.left = 0


def _status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d %s\r\n" % (status, REASONS[status].encode("ascii")) + tick().date


def _unacknowledged(sock: socket.socket) -> int:
    """Return the bytes that wait in the kernel or on the way, 0 where the system does not say."""
    try:
        import fcntl  # not on Windows
        import termios

        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except (ImportError, OSError, ValueError):
        return 0
    return int.from_bytes(answer, sys.byteorder)
