"""Manifests of snapshots in `.microrepo/snapshots/`: listed, found by name, read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from microrepo.batching import batched
from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.snapshot.manifest_lines import entry_lines
from microrepo.operations.switch.switch_plan import Entry
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.manifest import (
    ManifestDigest,
    ManifestError,
    ManifestReader,
    head_line,
)
from microrepo.standalone.importer.tree_exchange import remove_tree
from microrepo.stores.atomic_write import Replacement
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.durability import sync_path
from microrepo.suggestions import nearest

LATEST, CURRENT = "latest", "current"
_SUFFIX = ".jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_ID_PREFIX = re.compile("[0-9a-f]{6,64}")
_ID = re.compile("[0-9a-f]{64}")
_SHA256 = re.compile(rb'"(?:provenance_)?sha256":"([0-9a-f]{64})"')
_CHUNK_BYTES = 1 << 20
_LINES_AT_ONCE = 1000


class KeptBy(str, Enum):
    """Who made a snapshot; those of people stay until people delete them."""

    PERSON = "person"
    REFRESH = "refresh"
    RESTORE = "restore"
    IMPORT = "import"


class Snapshot(Struct, frozen=True):
    """A snapshot, as the head of its manifest describes it.

    Attributes:
        snapshot: its id, the digest of its entries.
        created: time, UTC.
        run: number of the run that made it, 0 if unknown.
        note: text of the person who made it.
        left_out: number of files that were damaged or missing when it was made.
        problem: why its manifest cannot be read; "" if it can.
    """

    name: str
    snapshot: str = ""
    created: str = ""
    run: int = 0
    kept_by: str = KeptBy.PERSON.value
    note: str = ""
    projects: int = 0
    files: int = 0
    size_bytes: int = 0
    left_out: int = 0
    problem: str = ""


def checked_name(name: str) -> str:
    """Return the name of a new snapshot.

    Raises:
        ConfigError: it cannot be one.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise ConfigError(
            f"{name!r}: not a name for a snapshot; use letters, digits, '.', '_', '+' and '-', "
            "at most 100, beginning with a letter or digit"
        )
    if name.lower() in {LATEST, CURRENT} or _ID.fullmatch(name):
        raise ConfigError(
            f"{name!r}: has a meaning of its own where a snapshot is named; choose another name"
        )
    return name


class SnapshotFiles:
    """The manifests of one repository's snapshots."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._folder = repository / CONTROL_FOLDER / "snapshots"

    def path(self, name: str) -> Path:
        """Return the path of a snapshot's manifest."""
        return self._folder / f"{name}{_SUFFIX}"

    def view(self, snapshot: Snapshot) -> Path:
        """Return the path of the directory through which a snapshot is served."""
        return self._folder / f"{snapshot.snapshot[:32]}.view"

    def all(self) -> list[Snapshot]:
        """Return all snapshots, the oldest first."""
        try:
            names = [path.name[: -len(_SUFFIX)] for path in self._folder.iterdir()
                     if path.name.endswith(_SUFFIX) and _NAME.fullmatch(path.name)]  # fmt: skip
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise RepositoryError(self._folder, f"cannot be read: {disk_words(error)}") from error
        return sorted(map(self._read_head, names), key=lambda one: (one.created, one.run, one.name))

    def _read_head(self, name: str) -> Snapshot:
        try:
            with self.path(name).open("rb") as stream:
                facts = ManifestReader(stream.readline).facts
            return msgspec.convert({**facts, "name": name}, Snapshot)
        except (ManifestError, msgspec.ValidationError) as error:
            return Snapshot(name, problem=str(error))
        except OSError as error:
            return Snapshot(name, problem=disk_words(error))

    def find(self, text: str) -> Snapshot:
        """Return the snapshot that a text names: by its name, `latest`, or the start of its id.

        Raises:
            ConfigError: there is none, or there are several.
            RepositoryError: its manifest cannot be read.
        """
        known = self.all()
        found = next((one for one in known if one.name == text), None)
        if found is None and text == LATEST and known:
            found = known[-1]
        if found is None and _ID_PREFIX.fullmatch(text):
            found = _by_id(known, text)
        if found is None:
            raise ConfigError(self._unknown(text, known))
        if found.problem:
            raise RepositoryError(
                self.path(found.name), f"the snapshot cannot be read: {found.problem}"
            )
        return found

    def _unknown(self, text: str, known: list[Snapshot]) -> str:
        if not known:
            return (
                f"{text!r}: no such snapshot; {self._repository} has none. "
                "`microrepo snapshot create` makes one."
            )
        near = nearest(text, [one.name for one in known])
        hint = f"Did you mean {near}?" if near else "`microrepo snapshot list` lists them."
        return f"{text!r}: no such snapshot. {hint}"

    def entries(self, name: str) -> Iterator[Entry]:
        """Yield the entries of a snapshot, and check in the end that these have its id.

        Raises:
            RepositoryError: the manifest is damaged.
        """
        path = self.path(name)
        try:
            with path.open("rb") as stream:
                reader = ManifestReader(stream.readline)
                yield from reader.entries()
                found = reader.summary().snapshot
        except (OSError, ManifestError) as error:
            raise RepositoryError(path, f"the snapshot is damaged: {error}") from error
        if reader.facts.get("snapshot") not in {None, found}:
            raise RepositoryError(path, "the snapshot is damaged: its entries have another digest")

    def contents(self, name: str) -> frozenset[str]:
        """Return the SHA-256 of all files of a snapshot, read as fast as possible.

        Raises:
            OSError: the manifest cannot be read.
        """
        with self.path(name).open("rb") as stream:
            return frozenset(digest.decode() for digest in _digests_in(stream))

    def write(
        self,
        name: str,
        entries: Iterable[Entry],
        settle: Callable[[], Mapping[str, object]],
        **facts: object,
    ) -> Snapshot:
        """Write the manifest of a snapshot, in one step for readers.

        Args:
            settle: called after the last entry, before readers see the snapshot; returns more
                facts.
            facts: for the head.

        Raises:
            OSError: it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        digest = ManifestDigest()
        body = self._folder / f".{name}.body"
        with Replacement(self.path(name)) as manifest, Replacement(body) as lines:
            for batch in batched(entries, _LINES_AT_ONCE):
                made = entry_lines(batch)
                digest.add_all(batch, made)
                lines.stream.write(made)
            head = {"name": name, **digest.summary()._asdict(), **facts, **settle()}
            manifest.stream.write(head_line(**head))
            lines.stream.flush()
            _append(manifest.stream, lines.temporary)
            manifest.put_in_place()
        sync_path(self._folder)
        return msgspec.convert(head, Snapshot)

    def delete(self, snapshot: Snapshot) -> None:
        """Delete a snapshot's manifest, and its view unless another snapshot has the same."""
        self.path(snapshot.name).unlink(missing_ok=True)
        sync_path(self._folder)
        if all(one.snapshot != snapshot.snapshot for one in self.all()):
            remove_tree(str(self.view(snapshot)))

    def name_taken(self, name: str) -> str:
        """Return the existing name that a new one would be mixed up with, "" without one."""
        return next((one.name for one in self.all() if one.name.lower() == name.lower()), "")

    def clean(self) -> None:
        """Delete what a killed run has left."""
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.name.startswith("."):
                    remove_tree(str(path)) if path.is_dir() else path.unlink(missing_ok=True)


def _digests_in(stream: IO[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        rest += chunk
        end = rest.rfind(b"\n") + 1
        found.update(_SHA256.findall(rest, 0, end))
        rest = rest[end:]
    found.update(_SHA256.findall(rest))
    return found


def _append(stream: IO[bytes], path: Path) -> None:
    with path.open("rb") as lines:
        while chunk := lines.read(_CHUNK_BYTES):
            stream.write(chunk)


def _by_id(known: list[Snapshot], prefix: str) -> Snapshot | None:
    found = [one for one in known if one.snapshot.startswith(prefix)]
    if len({one.snapshot for one in found}) > 1:
        names = ", ".join(one.name for one in found)
        raise ConfigError(f"{prefix!r}: begins several ids, of the snapshots {names}")
    return found[-1] if found else None
