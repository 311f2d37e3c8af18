"""Groups of volumes: those of one bundle together, and the bundles in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from microrepo.standalone.importer.bundle_header import BundleError, BundleHeader
from microrepo.standalone.importer.intake.import_decision import CurrentImport
from microrepo.standalone.importer.volumes.volume_reader import VolumeReader
from microrepo.standalone.importer.volumes.volume_sources import VolumeSource
from microrepo.standalone.importer.volumes.volume_stream import VolumeDamage, VolumeStream


class BundleGroup(NamedTuple):
    """The volumes of one bundle; without a header, they are read to see what they are."""

    header: BundleHeader | None
    sources: tuple[VolumeSource, ...]


def group_volumes(sources: Sequence[VolumeSource]) -> list[BundleGroup]:
    """Return the bundles that volumes belong to, in the order of their numbers.

    Pipes cannot be read twice: if there is one, all volumes must belong to one bundle.

    Raises:
        BundleError: a file is not a volume.
    """
    if not all(source.is_file for source in sources):
        return [BundleGroup(None, tuple(sources))]
    groups: dict[object, BundleGroup] = {}
    unreadable: list[VolumeSource] = []
    for source in sources:
        try:
            with source.open() as stream:
                header = VolumeReader(VolumeStream(stream, source.name)).head().header
        except VolumeDamage:
            unreadable.append(source)
            continue
        group = groups.setdefault(header.bundle, BundleGroup(header, ()))
        groups[header.bundle] = group._replace(sources=(*group.sources, source))
    ordered = sorted(groups.values(), key=_sequence)
    if not ordered:
        return [BundleGroup(None, tuple(unreadable))]
    # What cannot be read may belong to any of them.
    first = ordered[0]
    return [first._replace(sources=(*first.sources, *unreadable)), *ordered[1:]]


def pending_groups(
    groups: Sequence[BundleGroup], current: CurrentImport, *, rollback: bool
) -> list[BundleGroup]:
    """Return the bundles to import, in order: of several, those that are newer than the present.

    Raises:
        BundleError: it is not clear which of several bundles to go back to.
    """
    if len(groups) == 1:
        return list(groups)
    if rollback:
        names = ", ".join(_names(groups))
        raise BundleError(f"--rollback: several bundles are given ({names}); name one of them")
    newer = [group for group in groups if not _is_past(group.header, current)]
    return newer or [groups[-1]]


def _is_past(header: BundleHeader | None, current: CurrentImport) -> bool:
    if header is None or header.origin != current.origin:
        return False
    return header.sequence <= current.sequence


def _sequence(group: BundleGroup) -> int:
    return group.header.sequence if group.header is not None else 0


def _names(groups: Iterable[BundleGroup]) -> Iterable[str]:
    return (group.header.name for group in groups if group.header is not None)
