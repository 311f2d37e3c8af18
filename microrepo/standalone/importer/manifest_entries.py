"""Entries of a manifest: projects and files, as records and as lines."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from microrepo.standalone.server.names import normalize_name, split_suffix

_SHA256 = re.compile("[0-9a-f]{64}").fullmatch
# Nearly all names; a manifest has one for each file.
_USUAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,200}\.(?:whl|tar\.gz)").fullmatch
_NOT_IN_NAMES = frozenset("/\\:")
_MAX_NAME_BYTES = 255


class ManifestProject(NamedTuple):
    """A project: its normalized name, its spelling, and facts of its page (PEP 700, 792)."""

    project: str
    display_name: str
    serial: int | None = None
    status: str = "active"
    status_reason: str = ""

    @property
    def order(self) -> tuple[str, int, str]:
        """The place in a manifest."""
        return (self.project, 0, "")


class ManifestFile(NamedTuple):
    """A file: its content, and the facts about it that pages list.

    ``project`` is normalized. ``upload_time`` is RFC 3339 in UTC, or empty. ``yanked`` is the
    reason, or True without one. ``metadata_sha256`` is the digest of the sidecar, or empty.
    ``owner`` is empty for a file that a source lists. ``provenance_sha256`` is the digest of the
    provenance object, or empty.
    """

    project: str
    filename: str
    version: str
    size_bytes: int
    sha256: str
    upload_time: str = ""
    requires_python: str = ""
    yanked: bool | str = False
    metadata_sha256: str = ""
    owner: str = ""
    provenance_sha256: str = ""

    @property
    def order(self) -> tuple[str, int, str]:
        """The place in a manifest."""
        return (self.project, 1, self.filename)


def entry_line(entry: ManifestProject | ManifestFile) -> bytes:
    """Return the line of an entry: what `json_line` makes of its values, but faster."""
    if isinstance(entry, ManifestFile):
        pairs = [
            ("file", entry.filename),
            ("metadata_sha256", entry.metadata_sha256),
            ("owner", entry.owner),
            ("project", entry.project),
            ("provenance_sha256", entry.provenance_sha256),
            ("requires_python", entry.requires_python),
            ("sha256", entry.sha256),
            ("size", entry.size_bytes),
            ("upload_time", entry.upload_time),
            ("version", entry.version),
            ("yanked", entry.yanked),
        ]
    else:
        pairs = [
            ("name", entry.display_name),
            ("project", entry.project),
            ("serial", entry.serial),
            ("status", entry.status),
            ("status_reason", entry.status_reason),
        ]
    stated = [
        f'"{key}":{_literal(value)}'
        for key, value in pairs
        if key not in _DEFAULTS or value != _DEFAULTS[key]
    ]
    return f"{{{','.join(stated)}}}\n".encode("ascii")


# Values that a line leaves out; one table, since a manifest has a line for each file.
_DEFAULTS = {**ManifestProject._field_defaults, **ManifestFile._field_defaults}


def _literal(value: object) -> str:
    """Return a value in JSON."""
    if isinstance(value, str):
        return json.encoder.encode_basestring_ascii(value)
    return str(value) if type(value) is int else json.dumps(value)


def json_line(values: dict[str, Any]) -> bytes:
    """Return a JSON object in canonical form, as a line."""
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n"


_PROJECT_KEYS = {"project": str, "name": str, "serial": int, "status": str, "status_reason": str}
_FILE_KEYS = {
    "project": str,
    "file": str,
    "version": str,
    "size": int,
    "sha256": str,
    "upload_time": str,
    "requires_python": str,
    "yanked": (bool, str),
    "metadata_sha256": str,
    "owner": str,
    "provenance_sha256": str,
}


def _check_types(values: dict[str, Any], kinds: dict[str, Any]) -> None:
    for key, kind in kinds.items():
        value = values.get(key)
        is_number = kind is int
        if key in values and (not isinstance(value, kind) or (is_number and value is True)):
            raise ValueError(f"{key} has the wrong type")
        if is_number and isinstance(value, int) and not 0 <= value < 1 << 63:
            raise ValueError(f"{key} is out of range")


def entry_from(values: dict[str, Any]) -> ManifestProject | ManifestFile:
    """Return the entry that a line states.

    Raises:
        KeyError: a value is missing.
        ValueError: a value is malformed.
    """
    return _file_from(values) if "file" in values else _project_from(values)


def _project_from(values: dict[str, Any]) -> ManifestProject:
    _check_types(values, _PROJECT_KEYS)
    project = _checked_project(values["project"])
    if normalize_name(values["name"]) != project:
        raise ValueError("name is not a spelling of the project")
    return ManifestProject(
        project,
        values["name"],
        values.get("serial"),
        values.get("status", "active"),
        values.get("status_reason", ""),
    )


def _file_from(values: dict[str, Any]) -> ManifestFile:
    _check_types(values, _FILE_KEYS)
    return ManifestFile(
        _checked_project(values["project"]),
        checked_filename(values["file"]),
        values["version"],
        values["size"],
        checked_sha256(values["sha256"]),
        values.get("upload_time", ""),
        values.get("requires_python", ""),
        values.get("yanked", False),
        _digest_from(values, "metadata_sha256"),
        values.get("owner", ""),
        _digest_from(values, "provenance_sha256"),
    )


def _digest_from(values: dict[str, Any], key: str) -> str:
    return checked_sha256(values[key]) if key in values else ""


def _checked_project(name: str) -> str:
    if not name or normalize_name(name) != name or not is_safe_part(name):
        raise ValueError("project is not a normalized name")
    return name


def checked_sha256(text: str) -> str:
    """Return a SHA-256 in lower-case hexadecimal digits.

    Raises:
        ValueError: it is something else.
    """
    if not _SHA256(text):
        raise ValueError("not a SHA-256")
    return text


def checked_filename(name: str) -> str:
    """Return the name of a distribution that may be written into a directory.

    Raises:
        ValueError: it is another name.
    """
    if _USUAL_NAME(name):
        return name
    if not is_safe_part(name) or not split_suffix(name)[1]:
        raise ValueError("file is not the name of a distribution")
    return name


def is_safe_part(name: str) -> bool:
    """Return whether a name can be the last part of a path on every system."""
    return (
        name.isprintable()
        and not name.startswith((".", " ", "-"))
        and not name.endswith((".", " "))
        and not _NOT_IN_NAMES.intersection(name)
        and 0 < len(name.encode("utf-8", "replace")) <= _MAX_NAME_BYTES
    )


def value_fault(error: Exception) -> str:
    """Return in a few words what an exception of a decoder says about a value."""
    text = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
    return text[:100]
