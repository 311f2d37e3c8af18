"""Manifests of the bundles that were sent: a later bundle can start from each of them."""

from __future__ import annotations

import gzip
import io
import re
import secrets
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from msgspec import Struct

from microrepo.errors import RepositoryError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.manifest import (
    ManifestError,
    ManifestReader,
    ManifestSummary,
    write_manifest,
)
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.plain_files import read_plain_file

Entry = ManifestProject | ManifestFile

_SENDER = "sender.json"
_NAME = re.compile(r"(\d{1,18})-([0-9a-f]{64})\.jsonl\.gz")
_KEPT = 50


class BundleOrigin(Struct, frozen=True):
    """Identity of an exporting repository.

    Attributes:
        origin: 32 random hexadecimal digits.
        sequence: number of the newest bundle.
        advisories: SHA-256 of the archive of advisories that its receiver has after each bundle,
            by number.
    """

    origin: str
    sequence: int = 0
    advisories: dict[str, str] = {}

    def next(self, advisories: str = "") -> BundleOrigin:
        """Return the sender of the next bundle.

        The number grows with time as well, so that it does not start again if it is lost.

        Args:
            advisories: SHA-256 of the archive that the receiver will have.
        """
        sequence = max(self.sequence + 1, int(time.time()))
        known = sorted(self.advisories.items(), key=lambda one: int(one[0]))[1 - _KEPT :]
        return BundleOrigin(self.origin, sequence, {**dict(known), str(sequence): advisories})


class PackedManifest(Struct, frozen=True):
    """A manifest as a bundle carries it: compressed, the same bytes for the same entries."""

    content: bytes
    summary: ManifestSummary

    def entries(self) -> Iterator[Entry]:
        """Yield the entries."""
        with gzip.GzipFile(fileobj=io.BytesIO(self.content)) as stream:
            yield from ManifestReader(stream.readline).entries()


def pack_manifest(entries: Iterable[Entry]) -> PackedManifest:
    """Return entries in packed form."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        summary = write_manifest(stream.write, entries)
    return PackedManifest(packed.getvalue(), summary)


class SentManifest(Struct, frozen=True):
    """One record: the number of the bundle, and the id of the snapshot it led to."""

    sequence: int
    snapshot: str
    path: Path

    def entries(self) -> Iterator[Entry]:
        """Yield the entries.

        Raises:
            RepositoryError: the record is damaged.
        """
        with _explained(self.path), gzip.open(self.path, "rb") as stream:
            reader = ManifestReader(cast("BinaryIO", stream).readline)
            yield from reader.entries()
            if reader.summary().snapshot != self.snapshot:
                raise ManifestError("its entries have another digest")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, ManifestError, zlib.error) as error:
        raise RepositoryError(
            path, f"is damaged ({error}); export with --full, or with --for and a receipt"
        ) from error


class SentManifests:
    """The records of one repository, in `.microrepo/exports/`; the newest are kept."""

    def __init__(self, repository: Path) -> None:
        self._folder = repository / CONTROL_FOLDER / "exports"

    def sender(self) -> BundleOrigin:
        """Return the identity of the repository; a new one before the first bundle.

        Raises:
            RepositoryError: the record cannot be read.
        """
        path = self._folder / _SENDER
        try:
            return msgspec.json.decode(read_plain_file(path), type=BundleOrigin)
        except FileNotFoundError:
            return BundleOrigin(secrets.token_hex(16))
        except (OSError, msgspec.DecodeError) as error:
            raise RepositoryError(
                path,
                f"cannot be read ({error}). Delete it, and import the next bundle with "
                "--new-origin.",
            ) from error

    def all(self) -> list[SentManifest]:
        """Return the records, the oldest first."""
        found = []
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                match = _NAME.fullmatch(path.name)
                if match:
                    found.append(SentManifest(int(match[1]), match[2], path))
        return sorted(found, key=lambda one: one.sequence)

    def find(self, text: str) -> SentManifest | None:
        """Return the newest record with this number, or an id that begins so."""
        for one in reversed(self.all()):
            if text == str(one.sequence) or (len(text) >= 6 and one.snapshot.startswith(text)):
                return one
        return None

    def add(self, sender: BundleOrigin, manifest: PackedManifest) -> None:
        """Record a complete bundle, and delete the oldest records.

        Raises:
            RepositoryError: it cannot be written.
        """
        snapshot = manifest.summary.snapshot
        path = self._folder / f"{sender.sequence}-{snapshot}.jsonl.gz"
        try:
            write_atomically(path, manifest.content, public_mode(), follow=False)
            identity = msgspec.json.encode(sender) + b"\n"
            write_atomically(self._folder / _SENDER, identity, public_mode(), follow=False)
            for old in self.all()[:-_KEPT]:
                old.path.unlink(missing_ok=True)
        except OSError as error:
            raise RepositoryError(path, f"cannot be written: {disk_words(error)}") from error
