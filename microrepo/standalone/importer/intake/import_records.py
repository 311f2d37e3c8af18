"""Records of imports in a repository: the present one, its manifest, its files, and a log."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from microrepo.standalone.importer.bundle_header import BundleError, BundleHeader
from microrepo.standalone.importer.control_files import (
    CONTROL_FOLDER,
    CURRENT_IMPORT,
    IMPORTS_FOLDER,
)
from microrepo.standalone.importer.intake.import_decision import CurrentImport, sequence_after
from microrepo.standalone.importer.manifest import ManifestReader
from microrepo.standalone.importer.manifest_entries import (
    ManifestFile,
    ManifestProject,
    json_line,
)

_MAX_RECORD_BYTES = 1 << 20


class VerifiedFile(NamedTuple):
    """Size and time of a file that an import has verified, with its digest."""

    project: str
    filename: str
    size_bytes: int
    mtime_ns: int
    sha256: str

    @property
    def order(self) -> tuple[str, int, str]:
        """The place among the files of a manifest."""
        return (self.project, 1, self.filename)


class ImportRecords:
    """The records in `.microrepo/imports/` of a repository."""

    def __init__(self, repository: str) -> None:
        self.folder = os.path.join(repository, CONTROL_FOLDER, IMPORTS_FOLDER)
        self.manifest_path = os.path.join(self.folder, "current.jsonl")
        self._current_path = os.path.join(self.folder, CURRENT_IMPORT)
        self._verified_path = os.path.join(self.folder, "files.jsonl")
        self._log_path = os.path.join(self.folder, "log.jsonl")

    def facts(self) -> dict[str, Any]:
        """Return what `current.json` states; empty before the first import.

        Raises:
            BundleError: it cannot be read.
        """
        try:
            with open(self._current_path, "rb") as stream:
                values = json.loads(stream.read(_MAX_RECORD_BYTES).decode())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f"{self._current_path}: cannot be read: {error}") from None
        if not isinstance(values, dict):
            raise BundleError(f"{self._current_path}: is not a record of an import; delete it")
        return values

    def current(self) -> CurrentImport:
        """Return the present import.

        Raises:
            BundleError: its record cannot be read.
        """
        values = self.facts()
        if not values:
            return CurrentImport()
        try:
            return CurrentImport(
                str(values["origin"]),
                int(values["sequence"]),
                str(values["snapshot"]),
                tuple(map(str, values.get("select") or ())),
            )
        except (KeyError, TypeError, ValueError):
            raise BundleError(f"{self._current_path}: is not a record of an import") from None

    def entries(self) -> Iterator[ManifestProject | ManifestFile]:
        """Yield the entries of the present import's manifest, selected or not."""
        return read_entries(self.manifest_path)

    def verified(self) -> Callable[[ManifestFile, os.stat_result], str]:
        """Return a function that returns the digest of an unchanged file, else "".

        It must be called with files in the order of manifests.
        """
        rows = self._verified_rows()
        row = next(rows, None)

        def digest(entry: ManifestFile, status: os.stat_result) -> str:
            nonlocal row
            while row is not None and row.order < entry.order:
                row = next(rows, None)
            known = row is not None and row.order == entry.order
            if row is None or not known:
                return ""
            is_same = (row.size_bytes, row.mtime_ns) == (status.st_size, status.st_mtime_ns)
            return row.sha256 if is_same else ""

        return digest

    def write_verified(self, rows: Iterable[VerifiedFile]) -> None:
        """Record the files in place, in the order of manifests."""
        os.makedirs(self.folder, exist_ok=True)
        write_lines(self._verified_path, (json_line(dict(row._asdict())) for row in rows))

    def stage(
        self, folder: str, whole_path: str, current: dict[str, Any]
    ) -> tuple[tuple[str, str], ...]:
        """Prepare the records of an import; return their moves, below the control folder.

        Args:
            folder: below the control folder.
            whole_path: manifest of the bundle; it is moved into the folder.
            current: what `current.json` will state.
        """
        os.makedirs(folder, exist_ok=True)
        text = json.dumps(current, indent=1, sort_keys=True) + "\n"
        write_lines(os.path.join(folder, CURRENT_IMPORT), [text.encode()])
        os.replace(whole_path, os.path.join(folder, "current.jsonl"))
        control = os.path.dirname(self.folder)
        parts = os.path.relpath(folder, control).split(os.sep)
        # The manifest first: the other file says which one it is.
        names = ("current.jsonl", CURRENT_IMPORT)
        return tuple(("/".join([*parts, name]), f"imports/{name}") for name in names)

    def log(self, facts: dict[str, Any]) -> None:
        """Append a line to the log."""
        os.makedirs(self.folder, exist_ok=True)
        with open(self._log_path, "ab") as stream:
            stream.write(json_line(facts))

    def _verified_rows(self) -> Iterator[VerifiedFile]:
        try:
            with open(self._verified_path, "rb") as stream:
                for line in stream:
                    yield VerifiedFile(**json.loads(line.decode()))
        except (OSError, TypeError, ValueError):
            return  # then contents are read


def import_facts(
    header: BundleHeader,
    current: CurrentImport,
    *,
    imported_at: str,
    signer: str,
    select: Iterable[str],
) -> dict[str, Any]:
    """Return what `current.json` states once a bundle is applied."""
    return {
        "origin": header.origin,
        "sequence": sequence_after(header, current),
        "snapshot": header.snapshot,
        "base": header.base,
        "created": header.created,
        "imported_at": imported_at,
        "signer": signer,
        "select": list(select),
    }


def read_entries(path: str) -> Iterator[ManifestProject | ManifestFile]:
    """Yield the entries of a manifest on disk; none if it is missing."""
    if not os.path.exists(path):
        return
    with open(path, "rb") as stream:
        yield from ManifestReader(stream.readline).entries()


def write_lines(path: str, lines: Iterable[bytes]) -> None:
    """Write a file durably, and rename it into place."""
    part = path + ".part"
    with open(part, "wb") as stream:
        stream.writelines(lines)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)
