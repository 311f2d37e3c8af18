"""The last import of a repository, and what has happened to bundles since, for monitors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from microrepo.standalone.importer.bundle_header import (
    HEADER_MEMBER,
    BundleError,
    parse_header,
)
from microrepo.standalone.importer.intake.import_records import ImportRecords
from microrepo.stores.flat_directory import FlatDirectory

_LOG_BYTES = 1 << 20
_COMPLETE = "complete"


class LastImport(Struct, frozen=True, omit_defaults=True):
    """The bundle that the repository has, and those that could not be applied since.

    Attributes:
        origin, sequence, snapshot: of the bundle; empty before the first import.
        created: time of its export.
        imported_at: time of the import.
        signer: who signed it; "" if nobody, or if that was not verified.
        refused: why the newest bundle since then was not applied; "" if there was none.
        missing_volumes: numbers of the volumes that a bundle in staging waits for.
    """

    origin: str = ""
    sequence: int = 0
    snapshot: str = ""
    created: str = ""
    imported_at: str = ""
    signer: str = ""
    refused: str = ""
    missing_volumes: tuple[int, ...] = ()


def last_import(directory: FlatDirectory) -> LastImport | None:
    """Return the last import; None if no bundle was ever read here."""
    records = ImportRecords(str(directory.path))
    try:
        facts = records.facts()
    except BundleError:
        facts = {}
    missing, refused = _missing_volumes(directory), _last_refusal(Path(records.folder, "log.jsonl"))
    if not (facts or missing or refused):
        return None
    return LastImport(
        str(facts.get("origin", "")),
        int(facts.get("sequence", 0)),
        str(facts.get("snapshot", "")),
        str(facts.get("created", "")),
        str(facts.get("imported_at", "")),
        str(facts.get("signer", "")),
        refused,
        missing,
    )


def import_problems(found: LastImport | None) -> list[str]:
    """Return what keeps the newest bundle from being applied, as text."""
    if found is None:
        return []
    if found.missing_volumes:
        numbers = ", ".join(map(str, found.missing_volumes))
        return [f"a bundle waits for its volumes {numbers}; import them"]
    if found.refused:
        return [f"the newest bundle was not applied: {found.refused}"]
    return []


def _last_refusal(path: Path) -> str:
    """Return why the last bundle in the log was not applied; "" if it was."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _LOG_BYTES))
            lines = stream.read().splitlines()
        values = json.loads(lines[-1])
        return f"{values.get('bundle', '')} {values['refused']}".strip()
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""


def _missing_volumes(directory: FlatDirectory) -> tuple[int, ...]:
    """Return the volumes that a bundle in staging waits for."""
    read, volumes = set(), 0
    for folder in _volume_folders(directory.control / "staging/bundle"):
        try:
            volumes = parse_header((folder / HEADER_MEMBER).read_bytes()).volumes
        except (OSError, BundleError):
            continue
        if (folder / _COMPLETE).exists():
            read.add(int(folder.name))
    return tuple(number for number in range(1, volumes + 1) if number not in read)


def _volume_folders(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.name.isdigit())
    except OSError:
        return
