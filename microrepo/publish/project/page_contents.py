"""Contents of project pages, from state, sidecars and flat directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor

import msgspec
from msgspec import Struct

from microrepo.model import Digests, File, NormalizedName, Outcome
from microrepo.publish.links import BESIDE, Links
from microrepo.publish.project.advertised_metadata import Sidecars
from microrepo.publish.project.project_contents import (
    Contents,
    by_filename,
    contents_of,
    held_file,
    listed_file,
    unlisted_file,
)
from microrepo.standalone.server.index_pages import parse_project_json
from microrepo.standalone.server.records import ProjectPage
from microrepo.state import FileRow, State
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.flat_directory import FlatDirectory, OnDisk, provenance_name
from microrepo.stores.page_paths import page_folder
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import HashFile


class Batch(Struct, frozen=True):
    """Page contents of a batch of projects.

    Attributes:
        contents: contents of the projects with files.
        ended: projects whose files were all deleted on purpose.
        waiting: projects whose selected files are all missing; their pages are kept.
    """

    contents: tuple[Contents, ...]
    ended: tuple[NormalizedName, ...]
    waiting: tuple[NormalizedName, ...]


class ContentsReader:
    """Reader of page contents.

    Args:
        pool: returns the workers, if something must be computed.
        makes_sidecars: write missing metadata files.
        writes: record computed digests.
        disk: the files of the directory, if they have been read.
    """

    def __init__(
        self,
        directory: FlatDirectory,
        state: State,
        pool: Callable[[], Executor],
        links: Links = BESIDE,
        *,
        makes_sidecars: bool = True,
        writes: bool = True,
        disk: Mapping[str, OnDisk] | None = None,
    ) -> None:
        self._links = links
        self._directory = directory
        self._state = state
        self._pool = pool
        self._writes = writes
        self._stat = directory.stat if disk is None else disk.get
        self.sidecars = Sidecars(directory, state, pool, makes=makes_sidecars, stat=self._stat)

    def read(
        self,
        names: Sequence[NormalizedName],
        leaving: Collection[str] = (),
        absent: Collection[str] = (),
    ) -> Batch:
        """Return the page contents of some projects.

        Args:
            leaving: files about to be deleted, which no page lists.
            absent: recorded files that are missing.
        """
        recorded: dict[str, list[FileRow]] = defaultdict(list)
        for row in self._state.files(names):
            # Files that only a user put there are described by their own metadata, see `_found`.
            if row.filename not in leaving and row.is_ours:
                recorded[row.project].append(row)
        held = [
            row
            for rows in recorded.values()
            for row in rows
            if (row.present and row.filename not in absent) or not self._links.files
        ]
        found = self._found(names, {row.filename for row in held}, leaving)
        if self._links.files:
            held = self._with_digests(held)
        contents = self._contents(held, found)
        having = {one.name for one in contents}
        rest = [name for name in names if name not in having]
        return Batch(
            tuple(contents),
            tuple(name for name in rest if name not in recorded),
            tuple(name for name in rest if name in recorded),
        )

    def _found(
        self, names: Sequence[NormalizedName], ours: Collection[str], leaving: Collection[str]
    ) -> list[FoundRow]:
        """Return files that no refresh downloaded and that are unchanged since they were read."""
        rows = []
        for row in self._state.publication.found(names):
            if row.filename in ours or row.filename in leaving:
                continue
            disk = self._stat(row.filename)
            if disk and (disk.size_bytes, disk.mtime_ns) == (row.size, row.mtime_ns):
                rows.append(row)
        return rows

    def _contents(self, held: Sequence[FileRow], found: Sequence[FoundRow]) -> list[Contents]:
        digests = self.sidecars.digests([*(held if self._links.files else ()), *found])
        names = dict.fromkeys(
            [row.project for row in held] + [NormalizedName(row.project) for row in found]
        )
        records = self._state.documents(names)
        projects = self._state.projects(names)
        files: dict[str, list[File]] = defaultdict(list)
        listed = {name: by_filename(record) for name, record in records.items()}
        for row in held:
            entry = listed.get(row.project, {}).get(row.filename) or self._unlisted(row)
            if self._links.files:
                metadata, is_attested = digests.get(row.filename), _is_attested(row, self._stat)
                one = held_file(row, entry, metadata, self._links, is_attested)
            else:
                one = listed_file(row, entry, self._links)
            files[row.project].append(one)
        display = {row.project: row.display_name for row in found}
        for other in found:
            is_attested = _is_attested(other, self._stat)
            described = _described(other, digests.get(other.filename), self._links, is_attested)
            files[other.project].append(described)
        contents = []
        for name in names:
            project, record = projects.get(name), records.get(name)
            shown = project.display_name if project else display.get(name, name)
            serial = project.serial if project else None
            if project and record and serial is None:
                serial = record.serial  # a row without one is requested again
            whole = contents_of(name, shown, tuple(files[name]), record, serial)
            contents.append(whole if project else self._with_old_status(whole))
        return contents

    def _unlisted(self, row: FileRow) -> File:
        """Return the record of a file that its source no longer lists, from our page."""
        page = self.page(row.project)
        return _as_on_page(unlisted_file(row), row.digests.sha256, page)

    def _with_old_status(self, contents: Contents) -> Contents:
        page = self.page(contents.name)
        if page is None:
            return contents
        return msgspec.structs.replace(
            contents, status=page.status, status_reason=page.status_reason or None
        )

    def page(self, name: str) -> ProjectPage | None:
        """Return a project's page from disk, None without a readable one."""
        return page_on_disk(self._directory, name)

    def _with_digests(self, rows: Sequence[FileRow]) -> list[FileRow]:
        """Compute the SHA-256 of files whose source lists only other digests."""
        lacking = [row for row in rows if not row.digests.sha256]
        if not lacking:
            return list(rows)
        pool = self._pool()
        futures = {row.filename: pool.submit(run_task, HashFile(row.filename)) for row in lacking}
        computed = {}
        for row in lacking:
            outcome = futures[row.filename].result()
            if isinstance(outcome, Outcome) and outcome.ok:
                digests = Digests(outcome.digests.sha256, row.digests.blake2b_256, row.digests.md5)
                computed[row.filename] = msgspec.structs.replace(row, digests=digests)
        if self._writes:
            with self._state.transaction():
                self._state.save_files(computed.values())
        return [computed.get(row.filename, row) for row in rows]


def page_on_disk(directory: FlatDirectory, name: str) -> ProjectPage | None:
    """Return a project's page from disk, None without a readable one."""
    path = f"{directory.pages}/{page_folder(name)}/index.v1_json"
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - each new project comes by here
            return parse_project_json(stream.read())
    except (OSError, ValueError):
        return None


def _is_attested(file: FileRow | FoundRow, stat: Callable[[str], OnDisk | None]) -> bool:
    """Return whether the provenance object of this file is beside it."""
    disk = stat(provenance_name(file.filename))
    return disk is not None and disk.mtime_ns == file.mtime_ns


def _described(row: FoundRow, metadata_sha256: str | None, links: Links, is_attested: bool) -> File:
    return msgspec.structs.replace(
        row.file,
        url=links.kept(row.filename),
        provenance=links.provenance(row.filename) if is_attested else None,
        core_metadata=metadata_sha256 is not None,
        core_metadata_sha256=metadata_sha256,
    )


def facts_from_page(file: File, page: ProjectPage | None) -> File:
    """Return a file with the facts of a page about the same content: yanked, time, Pythons.

    A mirror must mark yanked files (PEP 592), so this must survive a loss of the state.
    """
    return _as_on_page(file, file.digests.sha256, page)


def _as_on_page(file: File, sha256: str | None, page: ProjectPage | None) -> File:
    for entry in page.files if page else ():
        if entry.filename == file.filename and sha256 and entry.hashes.get("sha256") == sha256:
            return msgspec.structs.replace(
                file,
                yanked=entry.yanked is not False,
                yanked_reason=entry.yanked if isinstance(entry.yanked, str) else None,
                upload_time=entry.upload_time or file.upload_time,
                requires_python=entry.requires_python or file.requires_python,
            )
    return file
