"""Head of an answer as libcurl hands it over, line by line, and the lines behind the body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from microrepo.client.transport.sent_secrets import SentSecrets

_MOST_BYTES = 1 << 20
_MOST_LINES, _LONGEST_LINE = 100, 1 << 16
_WITHOUT_BODY = frozenset({204, 304})


class CurlHeaders(Mapping[str, str]):
    """Header fields by names in any case; of a field that comes twice, the first."""

    def __init__(self, lines: list[bytes], secrets: SentSecrets) -> None:
        self._fields: dict[str, str] = {}
        for line in lines:
            name, _, text = line.decode("latin-1").partition(":")
            self._fields.setdefault(name.strip().lower(), secrets.hide(text.strip()))

    def __getitem__(self, name: str) -> str:
        """Return the text of a field."""
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        """Return the names, in lower case."""
        return iter(self._fields)

    def __len__(self) -> int:
        """Return how many fields there are."""
        return len(self._fields)


class CurlHead:
    """Status and header fields, within the bounds that Python's own client has.

    Args:
        secrets: credentials that are not repeated.

    Attributes:
        is_complete: no line of it is missing.
    """

    def __init__(self, secrets: SentSecrets) -> None:
        self.status = 0
        self.reason = ""
        self.is_complete = False
        self._secrets = secrets
        self._version = b""
        self._lines: list[bytes] = []
        self._headers: CurlHeaders | None = None
        self._count_bytes = 0
        self._count_trailers = 0

    def add(self, line: bytes) -> bool:
        """Take a line; return whether the answer stays within its bounds."""
        self._count_bytes += len(line)
        if self.is_complete:
            self._count_trailers += 1
        elif line.startswith(b"HTTP/"):
            self._begin(line)
        elif line in {b"\r\n", b"\n"}:
            self.is_complete = not 100 <= self.status < 200
        else:
            self._lines.append(line)
        return (
            self._count_bytes <= _MOST_BYTES
            and len(line) <= _LONGEST_LINE
            and max(len(self._lines), self._count_trailers) <= _MOST_LINES
        )

    def _begin(self, line: bytes) -> None:
        self._version, _, rest = line.strip().partition(b" ")
        code, _, reason = rest.partition(b" ")
        self.status = int(code) if code.isdigit() else 0
        self.reason = self._secrets.hide(reason.decode("latin-1"))
        self._lines = []

    @property
    def headers(self) -> CurlHeaders:
        """The header fields."""
        if self._headers is None:
            self._headers = CurlHeaders(self._lines, self._secrets)
        return self._headers

    @property
    def is_multiplexed(self) -> bool:
        """Whether other answers come over the same connection at the same time."""
        return not self._version.startswith(b"HTTP/1")

    @property
    def is_kept(self) -> bool:
        """Whether the connection outlives the answer."""
        has_end = "content-length" in self.headers or "transfer-encoding" in self.headers
        return self._version == b"HTTP/1.1" and has_end and not self._closes

    @property
    def keeps_connection(self) -> bool:
        """Whether the server takes other requests over the same connection."""
        if self.is_multiplexed or self.is_kept:
            return True
        return self._version == b"HTTP/1.1" and self.status in _WITHOUT_BODY and not self._closes

    @property
    def _closes(self) -> bool:
        return "close" in self.headers.get("connection", "").lower()
