"""Checks of wheels that installers make when they install one, not when they choose it.

What pip or uv refuses, or stumbles over, is refused; found with pip 26.3 and uv 0.13. The binary
distribution format and the entry points specification of PyPUG say less.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import BinaryIO

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.header_fields import metadata_fields
from microrepo.formats.distribution.wheel_metadata import info_members
from microrepo.formats.distribution.zip_directory import (
    ZipEntry,
    check_member,
    entry_at,
    names_in,
    read_member,
    read_zip_directory,
)
from microrepo.formats.distribution.zip_headers import check_headers
from microrepo.formats.version_numbers import parse_version

# Without them no installer takes a wheel.
_NEEDED = ("METADATA", "WHEEL", "RECORD")
_SCHEMES = frozenset({"purelib", "platlib", "headers", "scripts", "data"})
_WHEEL_VERSION = re.compile(r"[01](?:\.\d+)+")
_SECTION = re.compile(r"\[([^\]]*)\]")
_SCRIPT_GROUPS = frozenset({"console_scripts", "gui_scripts"})
# Strict enough for pip, whose modules have no dash, and for uv, which wants no more behind it.
_SCRIPT = re.compile(r"[\w.]+:[\w.]+(?:\s+\[[^\]]*\])?")
# An arbitrary version, no version in brackets, `===` in a marker.
_UNKNOWN_TO_UV = re.compile(r"===\s*[^\s\d v\"']|\(\s*\)|;.*===")
_CONTROL = re.compile(rb"[\0-\x1f\x7f]")
_LONGEST_NAME = 255  # bytes, of nearly all file systems
_LONGEST_PATH = 3500  # bytes; it stands below the path of the environment


def check_wheel(fileobj: BinaryIO, filename: str) -> None:
    """Raise when pip or uv would not install a wheel, for what it lists and says of itself.

    Raises:
        MalformedResponse: it says why.
    """
    size = fileobj.seek(0, io.SEEK_END)
    directory = read_zip_directory(fileobj, size, filename)
    if directory.shift_bytes:
        raise MalformedResponse(filename, "has bytes before the archive")
    found = info_members(directory, filename)
    for member in _NEEDED:
        if member not in found:
            raise MalformedResponse(filename, f"has no {member} in its .dist-info")
    info = entry_at(directory, found["WHEEL"], filename).name.partition("/")[0]
    version = info.removesuffix(".dist-info").partition("-")[2]
    if version and parse_version(version) is None:
        raise MalformedResponse(filename, f"its {info} says no version")
    entries = [entry_at(directory, place, filename) for place, _ in names_in(directory, filename)]
    check_headers(fileobj, directory, entries, filename)
    _check_paths(entries, filename)
    checks: dict[str, Callable[[str], str]] = {"WHEEL": _wheel_fault, "RECORD": _record_fault}
    checks["entry_points.txt"] = _entry_points_fault
    for member, fault_of in checks.items():
        if member not in found:
            continue
        body = read_member(fileobj, entry_at(directory, found[member], filename), filename)
        try:
            fault = fault_of(body.decode("utf-8"))
        except UnicodeDecodeError:
            fault = "is not UTF-8"
        if fault:
            raise MalformedResponse(filename, f"its {member} {fault}")


def has_prefix(fileobj: BinaryIO) -> bool:
    """Return whether bytes stand before an archive; uv skips such a wheel, pip accepts it.

    Raises:
        MalformedResponse: not a zip archive.
    """
    size = fileobj.seek(0, io.SEEK_END)
    return bool(read_zip_directory(fileobj, size, "wheel").shift_bytes)


def unread_by_uv(metadata: CoreMetadata) -> bool:
    """Return whether uv cannot read metadata that pip reads."""
    python = (metadata.requires_python or "").strip()
    return python[:1] == "(" or any(_UNKNOWN_TO_UV.search(text) for text in metadata.requires_dist)


def check_members(fileobj: BinaryIO, filename: str) -> None:
    """Raise when a member of a wheel is damaged; this reads all of it.

    Raises:
        MalformedResponse: it says which.
    """
    directory = read_zip_directory(fileobj, fileobj.seek(0, io.SEEK_END), filename)
    for place, _ in names_in(directory, filename):
        check_member(fileobj, entry_at(directory, place, filename), filename)


def _check_paths(entries: Iterable[ZipEntry], filename: str) -> None:
    files: dict[str, tuple[int, int, int]] = {}
    folders: set[str] = set()
    for entry in entries:
        parts = _normal_parts(entry.name)
        fault = _path_fault(entry, parts)
        path = "/".join(parts)
        content = (entry.crc, entry.size_bytes, entry.attributes)
        if not fault and entry.raw_name.endswith(b"/"):
            folders.add(path)
        elif not fault and files.setdefault(path, content) != content:
            fault = "has two members of one name with different content or modes"
        if fault:
            raise MalformedResponse(filename, f"{fault}: {entry.name!r}")
        while (path := path.rpartition("/")[0]) and path not in folders:
            folders.add(path)
    for path in folders & files.keys():
        raise MalformedResponse(filename, f"has a file and a directory of one name: {path!r}")


def _path_fault(entry: ZipEntry, parts: list[str]) -> str:
    """Return why installers refuse the path of a member, "" when they do not."""
    if len(entry.raw_name) > _LONGEST_PATH or any(
        len(part.encode()) > _LONGEST_NAME for part in parts
    ):
        return "has a member whose name is too long"
    if entry.raw_name.endswith(b"/"):
        return "has a directory with content" if entry.size_bytes else ""
    if _CONTROL.search(entry.raw_name):
        return "has a member with a control character"
    if not parts or parts[0] in {"..", "/"}:
        return "has a member outside of its directory"
    data = entry.name.partition("/")[0].endswith(".data")
    if data and not (len(parts) > 2 and parts[1] in _SCHEMES):
        return "has data of an unknown kind"
    return ""


def _normal_parts(name: str) -> list[str]:
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == ".." and parts and parts[-1] not in {"..", "/"}:
            parts.pop()
        else:
            parts.append(part)
    return parts


def _wheel_fault(text: str) -> str:
    versions = metadata_fields(text.encode())[0].get("wheel-version", [])
    if not versions or "Wheel-Version" not in text:
        return "has no Wheel-Version"
    if not _WHEEL_VERSION.fullmatch(versions[0]):
        return f"has a Wheel-Version that no installer knows: {versions[0][:20]}"
    return ""


def _record_fault(text: str) -> str:
    columns: set[int] = set()
    for row in csv.reader(text.splitlines()):
        columns.add(len(row))
        if len(row) < 3 or len(columns) > 1 or (row[2] and not row[2].isdecimal()):
            return "has a line that is not path, digest and size"
    return ""


def _entry_points_fault(text: str) -> str:
    """Return what installers find wrong with entry points, "" for nothing."""
    section: str | None = None
    depth: int | None = None  # of the entry before
    seen: set[tuple[str, str]] = set()
    for line in text.splitlines():
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        header = _SECTION.fullmatch(line.strip())
        if header is not None:
            section = header[1]
            key, depth = (section, ""), None
        else:
            name, equals, value = map(str.strip, line.partition("="))
            if section is None or not equals or not name:
                return f"has a line that is no entry point: {line[:40]}"
            key, before, depth = (section, name), depth, len(line) - len(line.lstrip())
            odd = "/" in name or (before is not None and depth > before)
            if section in _SCRIPT_GROUPS and (odd or not _SCRIPT.fullmatch(value)):
                return f"has a script that installers cannot make: {line[:60]}"
        if key in seen:
            return f"has an entry twice: {line[:40]}"
        seen.add(key)
    return ""
