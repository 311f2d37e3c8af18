"""Base of a bundle: what the receiver is known to hold, so that only the rest is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.errors import ConfigError
from microrepo.operations.export.receipt import read_receipt
from microrepo.operations.export.sent_manifests import (
    BundleOrigin,
    Entry,
    SentManifest,
    SentManifests,
)
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.standalone.importer.manifest_entries import ManifestFile


class ExportBase(Struct, frozen=True):
    """What a bundle starts from.

    Attributes:
        label: for people.
        snapshot: id of the receiver's snapshot; "" for a bundle that carries everything.
        held: SHA-256 of the content that is not sent.
        entries: yields the entries of the receiver's snapshot; None if they are unknown.
        advisories: SHA-256 of the receiver's archive of advisories, "" if it has none.
    """

    label: str = "nothing (full)"
    snapshot: str = ""
    held: frozenset[str] = frozenset()
    entries: Callable[[], Iterator[Entry]] | None = None
    advisories: str = ""


FULL = ExportBase()


def base_since(repository: Path, text: str) -> ExportBase:
    """Return the base that a text names: a sent bundle or a snapshot.

    Raises:
        ConfigError: there is none.
        RepositoryError: its manifest is damaged.
    """
    sent = SentManifests(repository).find(text)
    if sent is not None:
        return _base_of_sent(sent, SentManifests(repository).sender())
    try:
        found = SnapshotFiles(repository).find(text)
    except ConfigError as error:
        raise ConfigError(
            f"--since: {error} Bundles are named by their number or id; `microrepo export --list` "
            "shows them."
        ) from None
    return _base(
        f"snapshot {found.name}",
        found.snapshot,
        lambda: SnapshotFiles(repository).entries(found.name),
    )


def latest_base(repository: Path) -> ExportBase:
    """Return the newest sent bundle as base; everything is sent if there is none.

    Raises:
        RepositoryError: its manifest is damaged.
    """
    records = SentManifests(repository)
    sent = records.all()
    return _base_of_sent(sent[-1], records.sender()) if sent else FULL


def base_for(repository: Path, path: Path) -> ExportBase:
    """Return what the repository behind the gap holds, by its receipt.

    Raises:
        ConfigError: the file is not a receipt, or from a repository with another origin.
    """
    receipt = read_receipt(path)
    sender = SentManifests(repository).sender()
    if receipt.origin not in {"", sender.origin}:
        raise ConfigError(
            f"{path}: the receipt is for bundles of another repository (origin "
            f"{receipt.origin[:8]}..., this one is {sender.origin[:8]}...). To send bundles of "
            "this one there, export with --full and import with --new-origin."
        )
    known = SentManifests(repository).find(receipt.snapshot) if receipt.snapshot else None
    held = frozenset(receipt.digests())
    made = f", {receipt.made_at[:10]}" if receipt.made_at else ""
    return ExportBase(
        f"receipt {path.name} ({len(held):,} files{made})",
        receipt.snapshot,
        held,
        known.entries if known else None,
        receipt.advisories,
    )


def _base_of_sent(sent: SentManifest, sender: BundleOrigin) -> ExportBase:
    base = _base(f"bundle {sent.sequence}", sent.snapshot, sent.entries)
    advisories = sender.advisories.get(str(sent.sequence), "")
    return msgspec.structs.replace(base, advisories=advisories)


def _base(label: str, snapshot: str, entries: Callable[[], Iterator[Entry]]) -> ExportBase:
    held = frozenset(entry.sha256 for entry in entries() if isinstance(entry, ManifestFile))
    return ExportBase(f"{label} ({snapshot[:12]})", snapshot, held, entries)
