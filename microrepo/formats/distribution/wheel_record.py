"""Comparison of a wheel's members with its RECORD (binary distribution format of PyPUG).

Installers copy members without comparing them, so a wheel that was changed after it was built can
install. What an index lists is the digest of the whole file, which says nothing about its maker.
"""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_metadata import info_members
from microrepo.formats.distribution.zip_directory import (
    ZipEntry,
    entry_at,
    member_pieces,
    names_in,
    read_member,
    read_zip_directory,
)

# RECORD cannot list a digest of itself, and signatures of it are made later.
_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_WEAK = frozenset({"md5", "sha1"})
_ALGORITHMS = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}


class RecordFindings(Struct, frozen=True):
    """Differences between a wheel and its RECORD.

    Attributes:
        faults: members that are not what RECORD says.
        oddities: what RECORD does not cover; such wheels exist and install.
    """

    faults: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()


def compare_with_record(fileobj: BinaryIO, filename: str) -> RecordFindings:
    """Read all members of a wheel, and return how they differ from its RECORD.

    Raises:
        MalformedResponse: the archive or a member is damaged, or there is no RECORD.
    """
    directory = read_zip_directory(fileobj, fileobj.seek(0, io.SEEK_END), filename)
    found = info_members(directory, filename)
    if "RECORD" not in found:
        raise MalformedResponse(filename, "has no RECORD in its .dist-info")
    own = entry_at(directory, found["RECORD"], filename)
    listed, faults = _listed(read_member(fileobj, own, filename), filename)
    info = own.name.rpartition("/")[0]
    unlisted = {f"{info}/{name}" for name in _UNLISTED}
    oddities: list[str] = []
    for place, raw in names_in(directory, filename):
        entry = entry_at(directory, place, filename)
        if raw.endswith(b"/"):
            continue
        stated = listed.pop(entry.name, None)
        if entry.name not in unlisted:
            fault, oddity = _difference(fileobj, entry, stated, filename)
            faults += [fault] if fault else []
            oddities += [oddity] if oddity else []
    oddities += [
        f"RECORD lists {name!r}, which is missing" for name in listed if name not in unlisted
    ]
    return RecordFindings(tuple(faults), tuple(oddities))


def _listed(body: bytes, filename: str) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return digest and size by path, and paths that are listed twice."""
    listed: dict[str, tuple[str, str]] = {}
    faults: list[str] = []
    for path, digest, size in _rows(body, filename):
        if listed.setdefault(path, (digest, size)) != (digest, size):
            faults.append(f"RECORD lists {path!r} twice, with different digests or sizes")
    return listed, faults


def _rows(body: bytes, filename: str) -> Iterator[tuple[str, str, str]]:
    try:
        for row in csv.reader(body.decode("utf-8").splitlines()):
            path, digest, size, *_ = (*row, "", "", "")
            if path:
                yield path, digest, size
    except (UnicodeDecodeError, csv.Error) as error:
        raise MalformedResponse(filename, f"its RECORD cannot be read ({error})") from error


def _difference(
    fileobj: BinaryIO, entry: ZipEntry, stated: tuple[str, str] | None, filename: str
) -> tuple[str, str]:
    """Return the fault and the oddity of a member, "" for none."""
    if stated is None:
        for _ in member_pieces(fileobj, entry, filename):
            pass
        return "", f"{entry.name!r} is not in RECORD"
    digest, size = stated
    algorithm, _, value = digest.partition("=")
    if algorithm not in _ALGORITHMS:
        for _ in member_pieces(fileobj, entry, filename):
            pass
        return "", f"RECORD has no digest for {entry.name!r}"
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    for piece in member_pieces(fileobj, entry, filename):
        hasher.update(piece)
    if urlsafe_b64encode(hasher.digest()).decode().rstrip("=") != value.rstrip("="):
        return f"{entry.name!r} is not what RECORD lists: another {algorithm}", ""
    if size.isdecimal() and int(size[:20]) != entry.size_bytes:
        return f"{entry.name!r} is not what RECORD lists: another size", ""
    return "", f"RECORD has only an {algorithm} for {entry.name!r}" if algorithm in _WEAK else ""
