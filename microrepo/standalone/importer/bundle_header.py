"""Header of a bundle volume: which snapshot it leads to, from which one, and what it carries.

A bundle is one or more volumes. Each is a tar archive that begins with its header, `bundle.json`;
the signature of the header is the next member. The header contains the digests of the lists that
follow, and these contain the digests of all content, so the signature covers every byte.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from microrepo.standalone.importer.manifest_entries import (
    checked_filename,
    checked_sha256,
    value_fault,
)

BUNDLE_FORMAT = 1
BUNDLE_KIND = "microrepo-bundle"
# Also the namespace of signatures, so that one made for another purpose does not count.
SIGNATURE_NAMESPACE = "microrepo-bundle"

HEADER_MEMBER = "bundle.json"
SIGNATURE_MEMBER = "bundle.json.sig"
MANIFEST_MEMBER = "manifest.jsonl.gz"
CONTENTS_MEMBER = "contents.jsonl"
# OSV's archive, its index, and where it came from; see `server.advisories.advisory_index`.
ADVISORY_MEMBERS = ("advisories.zip", "advisories.index", "advisories.json")
SBOM_MEMBER = "sbom.cdx.json"
TRUSTED_ROOT_MEMBER = "trusted_root.json"
FIRST_VOLUME_MEMBERS = (
    "deletions.jsonl",
    "config.json",
    "server.py",
    "import.py",
    SBOM_MEMBER,
    TRUSTED_ROOT_MEMBER,
)
# Members that are neither distributions nor sidecars. They precede these.
EXTRA_MEMBERS = (*FIRST_VOLUME_MEMBERS, *ADVISORY_MEMBERS)

MAX_HEADER_BYTES = 1 << 16
MAX_SIGNATURE_BYTES = 1 << 16
MAX_VOLUMES = 99_999
_ORIGIN = re.compile("[0-9a-f]{32}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class BundleError(ValueError):
    """A bundle is malformed, incomplete or forged; the text says what and where."""


class BundleList(NamedTuple):
    """A list inside a volume: the digest and the size of its member, as stored."""

    sha256: str
    size_bytes: int


class BundleHeader(NamedTuple):
    """The header of one volume.

    ``origin`` identifies the repository that exports; ``sequence`` grows with each of its bundles.
    ``snapshot`` is the state that the bundle leads to, ``base`` the one that it starts from, empty
    if it carries everything. ``manifest`` describes the snapshot; its member is in the first
    volume. ``contents`` is this volume's list of members.
    """

    origin: str
    sequence: int
    created: str
    snapshot: str
    base: str
    manifest: BundleList
    contents: BundleList
    volume: int = 1
    volumes: int = 1

    @property
    def bundle(self) -> tuple[str, int, str]:
        """What all volumes of a bundle have in common."""
        return (self.origin, self.sequence, self.snapshot)

    @property
    def name(self) -> str:
        """Name of the volume's file."""
        stem = f"microrepo-{self.sequence}-{self.snapshot[:12]}"
        if self.volumes == 1:
            return f"{stem}.tar"
        width = max(3, len(str(self.volumes)))
        return f"{stem}.{self.volume:0{width}}-of-{self.volumes:0{width}}.tar"


class BundleContent(NamedTuple):
    """A member that carries content: a whole file, or a piece of one that is split over volumes.

    ``sha256`` and ``size_bytes`` are those of the whole file; ``offset`` and ``piece_bytes`` say
    which part of it the member is, ``piece_sha256`` the digest of that part.
    """

    member: str
    sha256: str
    size_bytes: int
    offset: int
    piece_bytes: int
    piece_sha256: str

    @property
    def is_whole(self) -> bool:
        """Whether the member is the whole file."""
        return self.piece_bytes == self.size_bytes


def header_bytes(header: BundleHeader) -> bytes:
    """Return the content of `bundle.json`."""
    values = {"kind": BUNDLE_KIND, "format": BUNDLE_FORMAT, **header._asdict()}
    values["manifest"] = header.manifest._asdict()
    values["contents"] = header.contents._asdict()
    return json.dumps(values, indent=1, sort_keys=True).encode() + b"\n"


def parse_header(content: bytes) -> BundleHeader:
    """Return the header of a volume.

    Raises:
        BundleError: it is malformed, or its format is newer.
    """
    try:
        values = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or values.get("kind") != BUNDLE_KIND:
        raise BundleError("not a bundle of microrepo")
    if values.get("format") != BUNDLE_FORMAT:
        raise BundleError(
            f"the bundle has format {values.get('format')!r}, but this program reads format "
            f"{BUNDLE_FORMAT}; use the import.py in the bundle, or a newer microrepo"
        )
    try:
        return _checked_header(values)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{HEADER_MEMBER}: malformed ({value_fault(error)})") from None


def _checked_header(values: dict[str, Any]) -> BundleHeader:
    header = BundleHeader(
        _matching(_ORIGIN, values["origin"], "origin"),
        _number(values["sequence"], "sequence", 1),
        _matching(_TIME, values["created"], "created"),
        checked_sha256(values["snapshot"]),
        checked_sha256(values["base"]) if values["base"] else "",
        _list_from(values["manifest"]),
        _list_from(values["contents"]),
        _number(values["volume"], "volume", 1),
        _number(values["volumes"], "volumes", 1),
    )
    if not header.volume <= header.volumes <= MAX_VOLUMES:
        raise ValueError("volume is out of range")
    return header


def _list_from(values: dict[str, Any]) -> BundleList:
    return BundleList(
        checked_sha256(values["sha256"]), _number(values["size_bytes"], "size_bytes", 0)
    )


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"{what} is malformed")
    return text


def _number(value: object, what: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 1 << 63:
        raise ValueError(f"{what} is not a number in its range")
    return value


def content_line(content: BundleContent) -> bytes:
    """Return the line of `contents.jsonl` for a member."""
    values: dict[str, object] = {
        "member": content.member,
        "sha256": content.sha256,
        "size": content.size_bytes,
    }
    if not content.is_whole:
        values.update(
            offset=content.offset,
            piece_bytes=content.piece_bytes,
            piece_sha256=content.piece_sha256,
        )
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def parse_content(line: bytes) -> BundleContent:
    """Return the member that a line of `contents.jsonl` describes.

    Raises:
        BundleError: the line is malformed.
    """
    try:
        return _content_from(json.loads(line.decode("ascii")))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{CONTENTS_MEMBER}: malformed line ({value_fault(error)})") from None


def _content_from(values: dict[str, Any]) -> BundleContent:
    size = _number(values["size"], "size", 0)
    sha256 = checked_sha256(values["sha256"])
    content = BundleContent(
        _checked_member(values["member"], sha256),
        sha256,
        size,
        _number(values.get("offset", 0), "offset", 0),
        _number(values.get("piece_bytes", size), "piece_bytes", 0),
        checked_sha256(values.get("piece_sha256", sha256)),
    )
    if content.offset + content.piece_bytes > size:
        raise ValueError("piece ends after the file")
    return content


def member_of(sha256: str, filename: str, folder: str, piece: int = 0) -> str:
    """Return the member name for a file: readable if the tar format has room for it.

    Args:
        sha256: digest of the whole file.
        folder: `files`, `metadata` or `provenance`.
        piece: number of the piece of a split file, from 1; 0 for a whole file.
    """
    suffix = f".piece-{piece:03}" if piece else ""
    name = f"{folder}/{filename}{suffix}"
    fits = len(name) <= _TAR_NAME_BYTES and name.isascii()
    return name if fits else f"{folder}/{sha256}{suffix}"


# The name field of a tar header.
_TAR_NAME_BYTES = 100
# What names in a folder of a bundle have after the name of a distribution.
_ENDINGS = {"files": "", "metadata": ".metadata", "provenance": ".provenance"}
_PIECE = re.compile(r"\.piece-\d{3,5}")


def _checked_member(member: str, sha256: str) -> str:
    """Return a member name; nothing is ever written to a path made from it."""
    if member in EXTRA_MEMBERS:
        return member
    folder, slash, name = member.partition("/")
    if not slash or folder not in _ENDINGS:
        raise ValueError("unknown member")
    name = _PIECE.sub("", name) if _PIECE.search(name[-14:]) else name
    if name != sha256:
        checked_filename(name[: len(name) - len(_ENDINGS[folder])])
    return member
