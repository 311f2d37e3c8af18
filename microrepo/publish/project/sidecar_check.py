"""Check of the metadata files beside wheels (PEP 658) against the digests that pages list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from microrepo.state import State
from microrepo.state.tables.found_table import SidecarRow
from microrepo.stores.flat_directory import FlatDirectory, sidecar_name
from microrepo.stores.sidecars import MAX_SIDECAR_BYTES


def damaged_sidecars(
    state: State, directory: FlatDirectory, wheels: Iterable[str], *, deep: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the wheels whose metadata file is not the one that pages list, and why.

    pip reads it instead of the wheel, and stops if its digest differs.

    Args:
        wheels: their names.
        deep: read every metadata file; otherwise only those with another time.
    """
    for name, row in sorted(state.publication.sidecars(wheels).items()):
        why = _fault(directory, row, deep=deep)
        if why:
            yield name, f"{why}; `microrepo verify --repair` writes it again"


def _fault(directory: FlatDirectory, row: SidecarRow, *, deep: bool) -> str:
    if row.sha256 is None or directory.stat(row.filename) is None:
        return ""
    name = sidecar_name(row.filename)
    disk = directory.stat(name)
    if disk is None:
        return "missing, but pages list it"
    if disk.size_bytes > MAX_SIDECAR_BYTES:
        return "damaged: larger than any metadata file"
    if not deep and disk.mtime_ns == row.mtime_ns:
        return ""
    try:
        found = hashlib.sha256(directory.file(name).read_bytes()).hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if found == row.sha256 else f"damaged: sha256 is {found}, pages say {row.sha256}"
