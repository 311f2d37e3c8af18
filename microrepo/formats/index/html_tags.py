"""Tags of an HTML page that matter to an index: links, meta, base, SERIAL comment; in linear time.

The standard library's parser takes time quadratic in the length of some broken pages. This one never
reads a byte more than a few times: where a tag, a comment or a quote is left open, the page ends.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import Bound, OutOfBounds
from microrepo.formats.index.values import parse_serial

_SERIAL = re.compile(r"SERIAL\s+(\d{1,20})\b")
_TAG_NAME = re.compile(r"/?[a-zA-Z][^\s/>]*")
# The value's quotes are looked for by hand: a regular expression would try again after each failure.
_ATTRIBUTE = re.compile(r"[\s/]*([^\s/>=][^\s/>=]*)\s*(=?)\s*")
_BARE_VALUE = re.compile(r"[^\s>]*")
_BLANK = re.compile(r"[\s/]*")
_RAW_TEXT = {
    name: re.compile(rf"</{name}\b", re.IGNORECASE)
    for name in ("script", "style", "textarea", "title")
}
_LONG_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_LONGEST_TEXT = 4096


class Anchor(Struct):
    """A link of a page.

    Attributes:
        href: as it stands there.
        attributes: by lower-case name; "" for one without a value.
        text: what is shown, at most some kilobytes.
    """

    href: str
    attributes: dict[str, str]
    text: str = ""

    @property
    def name(self) -> str:
        """The last part of the link's path, unquoted: what installers take for the file's name."""
        return unquote(urlsplit(self.href).path.rstrip("/").rpartition("/")[2])


class TaggedPage(Struct):
    """What was found in a page."""

    anchors: list[Anchor]
    meta: dict[str, str]
    serial: int | None = None
    base: str | None = None


def read_tags(body: bytes, url: str, bound: Bound) -> TaggedPage:
    """Return the tags of a page.

    Args:
        body: the page; what is not UTF-8 becomes replacement characters.
        url: what messages call it.
        bound: how many tags and attributes, and how many links, it may have.

    Raises:
        MalformedResponse: it is not HTML.
        OutOfBounds: it has too much of something.
    """
    if b"<" not in body:
        raise MalformedResponse(url, "neither a JSON nor an HTML index page")
    reader = _TagReader(body.decode("utf-8", errors="replace"), url, bound)
    reader.read()
    return reader.page


class _TagReader:
    def __init__(self, text: str, url: str, bound: Bound) -> None:
        self.page = TaggedPage([], {})
        self._text = text
        self._url = url
        self._bound = bound
        self._steps = 0
        self._open: Anchor | None = None

    def read(self) -> None:
        text = self._text
        place: int | None = 0
        while place is not None:
            start = text.find("<", place)
            self._add_text(text[place : start if start >= 0 else len(text)])
            if start < 0:
                return
            self._step()
            place = self._read_markup(start)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > self._bound.marks:
            raise OutOfBounds(self._url, f"has more than {self._bound.marks:,} tags and attributes")

    def _add_text(self, piece: str) -> None:
        anchor = self._open
        if anchor is not None and piece and len(anchor.text) < _LONGEST_TEXT:
            anchor.text += _unescaped(piece[:_LONGEST_TEXT]).strip()

    def _read_markup(self, start: int) -> int | None:
        """Read what begins with `<` at `start`; return where it ends, None for the page's end."""
        text = self._text
        if text.startswith("<!--", start):
            end = text.find("-->", start + 4)
            if end < 0:
                return None
            found = _SERIAL.search(text, start, min(end, start + _LONGEST_TEXT))
            if found:
                self.page.serial = parse_serial(found[1])
            return end + 3
        if text.startswith(("<!", "<?"), start):
            return text.find(">", start) + 1 or None
        name = _TAG_NAME.match(text, start + 1)
        if name is None:
            return start + 1  # a mere "less than"
        tag = name[0].lower()
        attributes, after = self._read_attributes(name.end(), keep=tag in {"a", "meta", "base"})
        if after is None:
            return None
        self._take(tag, attributes)
        raw = _RAW_TEXT.get(tag)
        if raw is not None:
            close = raw.search(text, after)
            return close.start() if close else None
        return after

    def _read_attributes(self, place: int, *, keep: bool) -> tuple[dict[str, str], int | None]:
        """Return the attributes of a tag and where it ends, None where it is left open."""
        text = self._text
        found: dict[str, str] = {}
        while True:
            match = _ATTRIBUTE.match(text, place)
            if match is None:
                end = _BLANK.match(text, place).end()  # type: ignore[union-attr]
                if text.startswith(">", end):
                    return found, end + 1
                if end >= len(text):
                    return found, None
                place = end + 1  # a stray "="
                continue
            self._step()
            value, place = "", match.end()
            if match[2]:
                value, after = self._read_value(place)
                if after is None:
                    return found, None
                place = after
            if keep:
                # As in browsers, the first of two of one name counts.
                found.setdefault(match[1].lower(), _unescaped(value))

    def _read_value(self, place: int) -> tuple[str, int | None]:
        text = self._text
        quote = text[place : place + 1]
        if quote and quote in "\"'":
            end = text.find(quote, place + 1)
            return (text[place + 1 : end], end + 1) if end >= 0 else ("", None)
        match = _BARE_VALUE.match(text, place)
        assert match is not None  # noqa: S101 - it matches the empty text too
        return match[0], match.end()

    def _take(self, tag: str, attributes: dict[str, str]) -> None:
        page = self.page
        if tag == "/a":
            self._open = None
        elif tag == "a" and attributes.get("href"):
            if len(page.anchors) >= self._bound.entries:
                raise OutOfBounds(self._url, f"has more than {self._bound.entries:,} links")
            self._open = Anchor(attributes["href"].strip(), attributes)
            page.anchors.append(self._open)
        elif tag == "meta" and attributes.get("name"):
            page.meta[attributes["name"]] = attributes.get("content", "")
        elif tag == "base" and attributes.get("href") and page.base is None:
            page.base = attributes["href"]


def _unescaped(text: str) -> str:
    # `unescape` turns numbers of any length into integers, which takes quadratic time.
    return unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text
