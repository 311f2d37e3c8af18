"""Manifest: what a snapshot of a repository consists of, as JSON Lines in a fixed order.

The first line is the head: the format, and facts of its writer such as a name and a time. Each
further line is an entry: a project, followed by its files. The SHA-256 of the entries is the id of
the snapshot, so equal contents have equal ids.

Readers ignore keys that they do not know. A change that they must not ignore increases the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from microrepo.standalone.importer.manifest_entries import (
    ManifestFile,
    ManifestProject,
    entry_from,
    entry_line,
    json_line,
    value_fault,
)

MANIFEST_FORMAT = 1
# Enough for the longest file name and the longest reason for a yank.
MAX_LINE_BYTES = 1 << 16
_MANIFEST_KIND = "microrepo-manifest"


class ManifestError(ValueError):
    """A manifest is malformed; the text names the line."""


class ManifestSummary(NamedTuple):
    """Totals of a manifest, and its id."""

    snapshot: str
    projects: int
    files: int
    size_bytes: int


def head_line(**facts: object) -> bytes:
    """Return the first line of a manifest, with facts such as `name` and `created`."""
    return json_line({"format": MANIFEST_FORMAT, "kind": _MANIFEST_KIND, **facts})


class ManifestDigest:
    """Computes the id and the totals of a manifest while its entries are written or read."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self._projects = self._files = self._size_bytes = 0

    def add(self, entry: ManifestProject | ManifestFile, line: bytes) -> None:
        """Count an entry with its line."""
        self.add_all((entry,), line)

    def add_all(self, entries: Sequence[ManifestProject | ManifestFile], lines: bytes) -> None:
        """Count entries with their lines."""
        self._hasher.update(lines)
        sizes = [entry.size_bytes for entry in entries if isinstance(entry, ManifestFile)]
        self._files += len(sizes)
        self._projects += len(entries) - len(sizes)
        self._size_bytes += sum(sizes)

    def summary(self) -> ManifestSummary:
        """Return the id and the totals so far."""
        return ManifestSummary(
            self._hasher.hexdigest(), self._projects, self._files, self._size_bytes
        )


def write_manifest(
    write: Callable[[bytes], object],
    entries: Iterable[ManifestProject | ManifestFile],
    **facts: object,
) -> ManifestSummary:
    """Write a manifest; return its id and totals.

    Args:
        write: receives the lines.
        entries: in their order.
        facts: for the first line.
    """
    write(head_line(**facts))
    digest = ManifestDigest()
    for entry in entries:
        line = entry_line(entry)
        digest.add(entry, line)
        write(line)
    return digest.summary()


class ManifestReader:
    """Reads a manifest forward, in bounded memory.

    Args:
        read_line: returns the next line with its newline, at most the given number of bytes; b""
            at the end (`readline` of a binary file).

    Attributes:
        facts: the first line.

    Raises:
        ManifestError: the first line is not that of a manifest, or its format is newer.
    """

    def __init__(self, read_line: Callable[[int], bytes]) -> None:
        self._read_line = read_line
        self._number = 0
        self._digest = ManifestDigest()
        self.facts = self._next() or {}
        if self.facts.get("kind") != _MANIFEST_KIND:
            raise ManifestError("not a manifest of microrepo")
        if self.facts.get("format") != MANIFEST_FORMAT:
            raise ManifestError(
                f"has format {self.facts.get('format')!r}, but this program reads format "
                f"{MANIFEST_FORMAT}; use a newer one"
            )

    def entries(self) -> Iterator[ManifestProject | ManifestFile]:
        """Yield the entries.

        Raises:
            ManifestError: an entry is malformed, out of order, listed twice, or has no project.
        """
        last: tuple[str, int, str] = ("", 0, "")
        while True:
            values = self._next()
            if values is None:
                return
            entry = self._entry(values)
            if entry.order <= last:
                raise self._error("out of order, or listed twice")
            if isinstance(entry, ManifestFile) and entry.project != last[0]:
                raise self._error(f"{entry.filename!r} precedes its project")
            last = entry.order
            self._digest.add(entry, self._line)
            yield entry

    def summary(self) -> ManifestSummary:
        """Return the id and the totals of the entries read so far."""
        return self._digest.summary()

    def _next(self) -> dict[str, Any] | None:
        self._line = self._read_line(MAX_LINE_BYTES)
        if not self._line:
            return None
        self._number += 1
        if not self._line.endswith(b"\n"):
            raise self._error("too long, or cut off")
        try:
            values = json.loads(self._line.decode("ascii"))
        except (ValueError, RecursionError):
            raise self._error("not JSON in ASCII") from None
        if not isinstance(values, dict):
            raise self._error("not a JSON object")
        return values

    def _entry(self, values: dict[str, Any]) -> ManifestProject | ManifestFile:
        try:
            entry = entry_from(values)
        except (KeyError, TypeError, ValueError) as error:
            raise self._error(f"malformed entry ({value_fault(error)})") from None
        if json_line(values) != self._line:
            raise self._error("not in canonical form")
        return entry

    def _error(self, what: str) -> ManifestError:
        return ManifestError(f"line {self._number}: {what}")


class ManifestChange(NamedTuple):
    """One difference between two manifests; ``old`` or ``new`` is None for what is only in one.

    ``kind`` is ``added``, ``removed``, ``replaced`` (another content under the same name),
    ``facts`` (the content is the same), or ``equal``.
    """

    kind: str
    old: ManifestProject | ManifestFile | None
    new: ManifestProject | ManifestFile | None


def compare_manifests(
    old: Iterable[ManifestProject | ManifestFile],
    new: Iterable[ManifestProject | ManifestFile],
    *,
    with_equal: bool = False,
) -> Iterator[ManifestChange]:
    """Yield the differences between two manifests, in the order of their entries.

    Args:
        with_equal: also yield entries that do not differ.
    """
    old_entries, new_entries = iter(old), iter(new)
    before, after = next(old_entries, None), next(new_entries, None)
    while before is not None or after is not None:
        if after is None or (before is not None and before.order < after.order):
            yield ManifestChange("removed", before, None)
            before = next(old_entries, None)
        elif before is None or after.order < before.order:
            yield ManifestChange("added", None, after)
            after = next(new_entries, None)
        else:
            if before != after:
                yield ManifestChange(_kind_of(before, after), before, after)
            elif with_equal:
                yield ManifestChange("equal", before, after)
            before, after = next(old_entries, None), next(new_entries, None)


def _kind_of(before: ManifestProject | ManifestFile, after: ManifestProject | ManifestFile) -> str:
    if isinstance(before, ManifestFile) and isinstance(after, ManifestFile):
        return "facts" if before.sha256 == after.sha256 else "replaced"
    return "facts"
