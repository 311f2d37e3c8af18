"""Manifest of what a repository has now: its sound files, with the facts that its pages list."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from microrepo.batching import batched
from microrepo.model import Cause, File, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.records.report import Failure
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.operations.switch.switch_plan import BY_BUNDLE, BY_SOURCE
from microrepo.publish.project.page_contents import ContentsReader
from microrepo.publish.project.project_contents import Contents
from microrepo.standalone.importer.manifest_entries import (
    ManifestFile,
    ManifestProject,
    checked_filename,
    checked_sha256,
)
from microrepo.standalone.server.names import normalize_name
from microrepo.state import Owner
from microrepo.stores.sidecars import read_provenance_object

Entry = ManifestProject | ManifestFile

_PROJECTS_AT_ONCE = 300


class CurrentManifest:
    """Entries of the sound files of a repository.

    Args:
        files: its files, sorted into sound and damaged ones.
        pool: returns the workers, if digests must be computed.
        writes: record what is computed.

    Attributes:
        left_out: files that no entry lists, and why; complete after the last entry.
    """

    def __init__(
        self,
        holdings: Holdings,
        files: SoundFiles,
        pool: Callable[[], Executor],
        *,
        writes: bool = False,
    ) -> None:
        state = holdings.state
        self._reader = ContentsReader(
            holdings.directory,
            state,
            pool,
            holdings.links,
            makes_sidecars=False,
            writes=writes,
            disk=files.disk,
        )
        self._absent = files.absent
        self._disk, self._directory = files.disk, holdings.directory.path
        self._mirrored = frozenset(state.filenames_of(Owner.MIRROR))
        self._imported = frozenset(state.filenames_of(Owner.PERSON, Cause.IMPORTED))
        self._persons = files.found
        self._others: dict[str, list[ManifestFile]] = defaultdict(list)
        self.left_out: list[Failure] = list(files.damaged)
        for other in files.others:
            entry = self._entry(other.project, other.file, Owner.PERSON.value)
            self._others[other.project] += [entry] if entry else []
        self._names = sorted(files.projects | self._others.keys())

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, in their order."""
        for batch in batched(map(NormalizedName, self._names), _PROJECTS_AT_ONCE):
            read = self._reader.read(batch, absent=self._absent)
            contents = {one.name: one for one in read.contents}
            for name in batch:
                yield from self._of_project(name, contents.get(name))

    def _of_project(self, name: NormalizedName, contents: Contents | None) -> Iterator[Entry]:
        files = list(self._others.get(name, ()))
        for file in contents.files if contents else ():
            entry = self._entry(name, file, self._owner(file.filename))
            files += [entry] if entry else []
        if not files:
            return
        if contents is None:
            yield ManifestProject(name, name)
        else:
            shown = contents.display_name if normalize_name(contents.display_name) == name else name
            reason = contents.status_reason or ""
            yield ManifestProject(name, shown, contents.serial, contents.status, reason)
        yield from sorted(files, key=lambda file: file.filename)

    def _owner(self, filename: str) -> str:
        if filename in self._imported:
            return BY_BUNDLE
        if filename in self._persons:
            return Owner.PERSON.value
        return Owner.MIRROR.value if filename in self._mirrored else BY_SOURCE

    def _entry(self, project: str, file: File, owner: str) -> ManifestFile | None:
        """Return the entry of a file; None if a manifest cannot list it."""
        try:
            checked_filename(file.filename)
            checked_sha256(file.digests.sha256 or "")
        except ValueError as error:
            self.left_out.append(Failure(file.filename, f"cannot be listed: {error}"))
            return None
        entry = file_entry(project, file, owner)
        return (
            entry._replace(provenance_sha256=self._provenance(file)) if file.provenance else entry
        )

    def _provenance(self, file: File) -> str:
        """Return the digest of the provenance object beside a file, "" if it cannot be read."""
        disk = self._disk.get(file.filename)
        if disk is None:
            return ""
        body = read_provenance_object(self._directory, file.filename, disk.mtime_ns)
        return "" if body is None else hashlib.sha256(body).hexdigest()


def file_entry(project: str, file: File, owner: str) -> ManifestFile:
    """Return the entry of a file whose SHA-256 and size are known.

    Args:
        owner: as in `ManifestFile`.
    """
    return ManifestFile(
        project,
        file.filename,
        file.version,
        file.size or 0,
        file.digests.sha256 or "",
        file.upload_time or "",
        file.requires_python or "",
        (file.yanked_reason or True) if file.yanked else False,
        file.core_metadata_sha256 or "",
        owner,
    )
