"""Check of the metadata files beside wheels (PEP 658) against the digests that pages list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from microrepo.errors import MalformedResponse
from microrepo.model import NormalizedName
from microrepo.repositories.directory_contents import parse_name, read_page
from microrepo.state import State
from microrepo.state.tables.found_table import SidecarRow
from microrepo.stores.flat_directory import FlatDirectory, sidecar_name
from microrepo.stores.plain_files import read_plain_file
from microrepo.stores.sidecars import MAX_SIDECAR_BYTES


def damaged_sidecars(
    state: State, directory: FlatDirectory, wheels: Iterable[str], *, deep: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the wheels whose metadata file is not the one that pages list, and why.

    pip reads it instead of the wheel, and stops if its digest differs. What the state does not know
    is read from the pages in the directory.

    Args:
        wheels: their names.
        deep: read every metadata file; otherwise only those with another time.
    """
    names = list(wheels)
    known = state.publication.sidecars(names)
    if directory.place("simple").is_dir():
        known |= _listed_by_pages(directory, [name for name in names if name not in known])
    for name, row in sorted(known.items()):
        why = _fault(directory, row, deep=deep)
        if why:
            yield name, f"{why}; `microrepo verify --repair` writes it again"


def _listed_by_pages(directory: FlatDirectory, wheels: Iterable[str]) -> dict[str, SidecarRow]:
    """Return what the pages in a directory list, for some wheels."""
    by_project: dict[NormalizedName, set[str]] = {}
    for name in wheels:
        parsed = parse_name(name)
        if parsed is not None:
            by_project.setdefault(parsed[0], set()).add(name)
    found = {}
    for project, names in by_project.items():
        try:
            page = read_page(directory.path, project)
        except (OSError, MalformedResponse):  # there is nothing to compare with
            continue
        for file in page.files if page is not None else ():
            sha256 = file.core_metadata_sha256
            # A page can link to another place, with metadata files of its own.
            if file.filename in names and sha256 and file.url.startswith("file:"):
                found[file.filename] = SidecarRow(file.filename, 0, 0, sha256)
    return found


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
        found = hashlib.sha256(read_plain_file(directory.file(name))).hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if found == row.sha256 else f"damaged: sha256 is {found}, pages say {row.sha256}"
