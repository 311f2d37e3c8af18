"""Redirection of direct-URL requirements to an index, in metadata and wheels.

``name @ https://host/name-1.0-py3-none-any.whl`` (PEP 508) becomes ``name==1.0``, which installers
find at the index of the wheel. A URL without a version leaves the bare name. All other bytes of
METADATA and all other members of the wheel stay the same. The rewritten wheel has a correct RECORD,
and a note of its origin; the same wheel always gives the same bytes.
"""

from __future__ import annotations

import base64
import copy
import csv
import hashlib
import io
import re
import struct
import zipfile
from typing import BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from msgspec import Struct
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.archives import translated
from microrepo.formats.distribution.filenames import split_release
from microrepo.formats.distribution.wheel_metadata import metadata_name
from microrepo.formats.distribution.zip_directory import read_zip_directory
from microrepo.formats.specifiers import strict_requirement

NOTE = "microrepo-redirect.json"
_FIELD = re.compile(r"(?i)requires-dist[ \t]*:")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
# Dropped: a signature of RECORD (PEP 427) is not valid for the rewritten wheel.
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
_MAX_TEXT_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20


class Redirect(Struct, frozen=True):
    """One redirected requirement: before (without a password in its URL) and after."""

    was: str
    now: str


class _Note(Struct, frozen=True):
    format: int
    filename: str
    sha256: str
    requirements: tuple[Redirect, ...]


def index_requirement(text: str) -> str | None:
    """Return the index requirement that replaces a direct URL; None for other requirements."""
    try:
        requirement = strict_requirement(text)
    except InvalidRequirement:
        return None
    if requirement.url is None:
        return None
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    version = _version_told(requirement.url, requirement.name)
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{version}{marker}"


def _version_told(url: str, name: str) -> str:
    try:
        filename = unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError:
        return ""
    release = split_release(filename)
    if release is None or canonicalize_name(release[0]) != canonicalize_name(name):
        return ""
    return f"=={release[1]}"


def redirect_metadata(body: bytes) -> tuple[bytes, tuple[Redirect, ...]]:
    """Return METADATA with direct URLs redirected, and the redirects; other bytes are unchanged."""
    lines = _LINE.findall(body.decode("utf-8", errors="surrogateescape"))
    kept: list[str] = []
    found: list[Redirect] = []
    place = 0
    while place < len(lines) and lines[place].strip():
        end = place + 1
        while end < len(lines) and lines[end][:1] in {" ", "\t"} and lines[end].strip():
            end += 1
        field = "".join(lines[place:end])
        if _FIELD.match(field):
            field = _redirected(field, found)
        kept.append(field)
        place = end
    text = "".join([*kept, *lines[place:]])
    return text.encode("utf-8", errors="surrogateescape"), tuple(found)


def _redirected(field: str, found: list[Redirect]) -> str:
    name, _, value = field.partition(":")
    text = " ".join(value.split())
    now = index_requirement(text)
    if now is None:
        return field
    found.append(Redirect(_without_login(text), now))
    ending = field[len(field.rstrip("\r\n")) :]
    return f"{name}: {now}{ending}"


def _without_login(text: str) -> str:
    url = strict_requirement(text).url or ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return text
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return text.replace(url, bare)


def redirect_wheel(
    source: BinaryIO, target: BinaryIO, filename: str, sha256: str
) -> tuple[Redirect, ...]:
    """Write a wheel with redirected requirements.

    Args:
        source: the wheel, seekable.
        target: receives the new wheel.
        filename: the wheel's name.
        sha256: digest of the original wheel, for the note.

    Returns:
        The redirects; if there are none, nothing was written.

    Raises:
        MalformedResponse: the wheel is unreadable, or has no RECORD.
    """
    directory = read_zip_directory(source, source.seek(0, io.SEEK_END), filename)
    with translated(filename), zipfile.ZipFile(source) as archive:
        member = archive.getinfo(metadata_name(directory, filename))
        metadata, found = redirect_metadata(_text(archive, member, filename))
        if not found:
            return ()
        info = member.filename.rpartition("/")[0]
        note = msgspec.json.encode(_Note(1, filename, sha256, found))
        changed = {
            member.filename: metadata,
            f"{info}/{NOTE}": msgspec.json.format(note, indent=1) + b"\n",
        }
        record = f"{info}/RECORD"
        dropped = {f"{info}/{name}" for name in _SIGNATURES} | {f"{info}/{NOTE}"}
        if record not in archive.namelist():
            raise MalformedResponse(filename, "has no RECORD")
        rows = _text(archive, archive.getinfo(record), filename)
        changed[record] = _new_record(rows, changed, dropped)
        with zipfile.ZipFile(target, "w") as written:
            for one in archive.infolist():
                if one.filename == record:
                    _write(written, f"{info}/{NOTE}", changed, one)
                if one.filename in changed:
                    _write(written, one.filename, changed, one)
                elif one.filename not in dropped:
                    _carry_over(source, written, one, filename)
    return found


def _text(archive: zipfile.ZipFile, member: zipfile.ZipInfo, filename: str) -> bytes:
    with archive.open(member) as stream:
        body = stream.read(_MAX_TEXT_BYTES + 1)
    if len(body) > _MAX_TEXT_BYTES:
        raise MalformedResponse(filename, f"{member.filename} is too large")
    return body


def _new_record(body: bytes, changed: dict[str, bytes], dropped: set[str]) -> bytes:
    rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8"), newline="")) if row]
    note = next(name for name in changed if name.endswith(NOTE))
    kept = [row for row in rows if row[0] not in dropped]
    own = next((n for n, row in enumerate(kept) if row[0].endswith("/RECORD")), len(kept))
    kept.insert(own, [note, "", ""])
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for row in kept:
        content = changed.get(row[0])
        writer.writerow(row if content is None else [row[0], _hash(content), len(content)])
    return out.getvalue().encode()


def _hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return "sha256=" + digest.rstrip(b"=").decode()


def _write(
    archive: zipfile.ZipFile, name: str, contents: dict[str, bytes], like: zipfile.ZipInfo
) -> None:
    """Write a new member, uncompressed: compressors differ, and the bytes must be reproducible."""
    member = zipfile.ZipInfo(name, like.date_time)
    member.external_attr = like.external_attr
    archive.writestr(member, contents[name], zipfile.ZIP_STORED)


def _carry_over(
    source: BinaryIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo, filename: str
) -> None:
    """Copy a member without recompression."""
    if member.flag_bits & _ENCRYPTED:
        raise MalformedResponse(filename, f"{member.filename} is encrypted")
    source.seek(member.header_offset)
    head = _LOCAL.unpack(_exactly(source, _LOCAL.size, filename))
    if head[0] != b"PK\x03\x04":
        raise MalformedResponse(filename, f"{member.filename} is not where its directory says")
    source.seek(head[9] + head[10], io.SEEK_CUR)
    kept = copy.copy(member)
    kept.flag_bits &= ~_SIZES_FOLLOW
    kept.extra = b""
    stream = archive.fp
    assert stream is not None  # noqa: S101 - it is open
    stream.seek(archive.start_dir)
    kept.header_offset = stream.tell()
    stream.write(kept.FileHeader())
    left = member.compress_size
    while left:
        piece = _exactly(source, min(left, _PIECE_BYTES), filename)
        stream.write(piece)
        left -= len(piece)
    archive.filelist.append(kept)
    archive.NameToInfo[kept.filename] = kept
    archive.start_dir = stream.tell()


def _exactly(stream: BinaryIO, count: int, filename: str) -> bytes:
    piece = stream.read(count)
    if len(piece) != count:
        raise MalformedResponse(filename, "ends in the middle of a member")
    return piece
