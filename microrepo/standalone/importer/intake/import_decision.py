"""Decision about a bundle: is it the next one, and can it be applied? Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from microrepo.standalone.importer.bundle_header import BundleHeader


class ImportVerdict(Enum):
    """What to do with a bundle."""

    APPLY = "apply"
    OLDER = "older"
    CONFLICT = "conflict"  # another snapshot with the sequence number of the present one
    ANOTHER_ORIGIN = "another origin"
    INCOMPLETE = "incomplete"  # volumes are missing or damaged
    LACKING = "lacking"  # the bundle relies on content that the repository does not have


class CurrentImport(NamedTuple):
    """The bundle that was imported last; without one, all values are empty."""

    origin: str = ""
    sequence: int = 0
    snapshot: str = ""
    select: tuple[str, ...] = ()


class Permissions(NamedTuple):
    """What the user allows for this import."""

    rollback: bool = False
    new_origin: bool = False


class Supply(NamedTuple):
    """What the volumes have brought.

    Attributes:
        missing_volumes: numbers of the volumes that were not read.
        damaged: whether a volume could not be read completely.
        has_manifest: whether the manifest was read.
        lacking: amount of content that is needed, and neither staged nor in the repository.
    """

    missing_volumes: tuple[int, ...]
    damaged: bool
    has_manifest: bool
    lacking: int


def decide_order(
    header: BundleHeader, current: CurrentImport, permissions: Permissions
) -> ImportVerdict:
    """Return whether a bundle may follow the current one."""
    if not current.origin:
        return ImportVerdict.APPLY
    if header.origin != current.origin:
        return ImportVerdict.APPLY if permissions.new_origin else ImportVerdict.ANOTHER_ORIGIN
    is_same = header.snapshot == current.snapshot
    if is_same or permissions.rollback or header.sequence > current.sequence:
        return ImportVerdict.APPLY
    if header.sequence != current.sequence:
        return ImportVerdict.OLDER
    # After a restore, no bundle led to the present state: the last one may be imported again.
    return ImportVerdict.CONFLICT if current.snapshot else ImportVerdict.APPLY


def decide_supply(supply: Supply) -> ImportVerdict:
    """Return whether everything is there to apply a bundle.

    A volume without needed content may be missing, but those that were read must be sound.
    """
    if supply.damaged or not supply.has_manifest:
        return ImportVerdict.INCOMPLETE
    if not supply.lacking:
        return ImportVerdict.APPLY
    return ImportVerdict.INCOMPLETE if supply.missing_volumes else ImportVerdict.LACKING


def sequence_after(header: BundleHeader, current: CurrentImport) -> int:
    """Return the sequence number of the repository once a bundle is applied.

    An older bundle with the present snapshot does not make way for those between.
    """
    is_same = (header.origin, header.snapshot) == (current.origin, current.snapshot)
    return max(header.sequence, current.sequence) if is_same else header.sequence
