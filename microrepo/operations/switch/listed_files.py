"""Files that the present pages list though no row describes them, as after the loss of the state.

A switch would take those that people put there from the pages, since these are made from the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec

from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.switch.sound_files import OtherFile
from microrepo.operations.switch.switch_plan import Entry
from microrepo.publish.project.found_files import DescribeFile, describe
from microrepo.publish.project.page_contents import facts_from_page, page_on_disk
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.standalone.server.records import ProjectPage
from microrepo.state.tables.found_table import FoundRow


def record_listed_files(
    holdings: Holdings,
    others: Sequence[OtherFile],
    target: Iterable[Entry],
    from_source: Callable[[str, str], bool],
) -> bool:
    """Record the files of people that the present pages list; return whether there are any.

    Args:
        others: files that no row describes, with their SHA-256.
        target: entries of the target, which describes its files itself.
        from_source: returns whether a file, by name and SHA-256, is known to come from a source.
    """
    if not others:
        return False
    names = {entry.filename for entry in target if isinstance(entry, ManifestFile)}
    rows: list[FoundRow] = []
    for project, files in groupby(sorted(others, key=_project_of), key=_project_of):
        page = None
        for file in (one.file for one in files if one.file.filename not in names):
            sha256 = file.digests.sha256 or ""
            page = page or page_on_disk(holdings.directory, project)
            if page is None or from_source(file.filename, sha256):
                continue
            row = _listed_row(holdings, page, file.filename, sha256)
            rows += [row] if row else []
    with holdings.state.transaction():
        holdings.state.publication.save_found(rows)
    return bool(rows)


def _project_of(other: OtherFile) -> NormalizedName:
    return other.project


def _listed_row(
    holdings: Holdings, page: ProjectPage, filename: str, sha256: str
) -> FoundRow | None:
    if all((one.filename, one.hashes.get("sha256")) != (filename, sha256) for one in page.files):
        return None
    row = describe(DescribeFile(str(holdings.directory.path), filename)).row
    return row and msgspec.structs.replace(row, file=facts_from_page(row.file, page))
