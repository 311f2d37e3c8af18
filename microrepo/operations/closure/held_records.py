"""Records and metadata for a closure from the files that a repository holds, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.errors import MalformedResponse, MicrorepoError
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.formats.distribution.header_fields import first_field, metadata_fields
from microrepo.formats.distribution.wheel_checks import has_prefix, unread_by_uv
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.formats.requirements.direct_urls import parse_direct_url
from microrepo.formats.requirements.installer_markers import pip_stumbles
from microrepo.formats.version_numbers import parse_version
from microrepo.model import File, NormalizedName, Project
from microrepo.operations.closure.url_files import file_of_row, held_url_file, is_behind
from microrepo.publish.links import links_of
from microrepo.selection.resolver.facts import Candidates, Facts, MetadataNeed, Needs, UrlFile
from microrepo.state import FileRow, State
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.download.remote_metadata import read_distribution, unpack_metadata


class HeldRecords:
    """Facts about the files of a repository, read when needed.

    Args:
        state, directory, config: those of the repository.
        admits: chooses among the files that a project's record lists.
        unlisted: also use files that no record lists any more.
        offers_damaged: also list damaged files, as installers see them.

    Attributes:
        facts: the facts read so far.
        damaged: names of the damaged files among them.
    """

    def __init__(
        self,
        state: State,
        directory: FlatDirectory,
        config: Config,
        admits: Callable[[Project], Iterable[File]] = lambda project: project.files,
        *,
        unlisted: bool = False,
        offers_damaged: bool = False,
    ) -> None:
        self._admits = admits
        self._unlisted = unlisted
        self._state = state
        self._files = links_of(config, state, decides=False).files
        self._directory = directory
        self.facts = Facts()
        self.damaged: set[str] = set()
        self._offers_damaged = offers_damaged

    def answer(self, needs: Needs) -> None:
        """Add the facts that are needed; a project that the state does not know does not exist."""
        self.facts.add(
            projects=self._projects(sorted(needs.projects)),
            metadata={need.filename: self._metadata(need) for need in needs.metadata},
            urls={url: self._behind(url) for url in sorted(needs.urls)},
        )

    def has(self, row: FileRow) -> bool:
        """Return whether a file is present and sound or, in an index without files, listed."""
        if not self._files:
            return True
        disk = self._directory.stat(row.filename) if row.present else None
        # `verify` marks damaged files with an impossible time.
        return (
            disk is not None
            and row.size in {None, disk.size_bytes}
            and row.mtime_ns != DAMAGED_MTIME_NS
        )

    def offers(self, row: FileRow) -> bool:
        """Return whether installers find a file here, sound or not."""
        return self.has(row) or (row.present and self._directory.stat(row.filename) is not None)

    def _projects(self, names: Sequence[NormalizedName]) -> dict[NormalizedName, Candidates | None]:
        documents = self._state.documents(names)
        rows = tuple(self._state.files(names))
        present = {row.filename for row in rows if self.has(row)}
        if self._offers_damaged:
            # Installers do not skip a damaged file: they choose it, and fail.
            damaged = {row.filename for row in rows if self.offers(row)} - present
            self.damaged |= damaged
            self.facts.blocking |= damaged
            present |= damaged
        found: dict[NormalizedName, Candidates | None] = dict.fromkeys(names)
        for name, project in documents.items():
            files = tuple(file for file in self._admits(project) if file.filename in present)
            found[NormalizedName(name)] = Candidates(files)
        listed = {file.filename for one in documents.values() for file in one.files}
        for row in rows if self._unlisted else ():
            if row.filename in present and row.filename not in listed:
                known = found[row.project]
                files = known.files if known is not None else ()
                found[row.project] = Candidates((*files, file_of_row(row)))
        return found

    def _behind(self, url: str) -> UrlFile | str:
        """Return the file in the repository that a direct URL leads to."""
        file = parse_direct_url(url)
        if isinstance(file, str):
            return file
        row = self._state.files_named([file.filename]).get(file.filename)
        if row is None or not self.has(row) or not is_behind(row, file):
            return "its file is not in the repository"
        metadata = self._metadata(MetadataNeed(row.project, row.filename))
        return metadata if isinstance(metadata, str) else held_url_file(row, metadata)

    def _metadata(self, need: MetadataNeed) -> CoreMetadata | str:
        metadata = self._read(need)
        if isinstance(metadata, CoreMetadata) and pip_stumbles(metadata.requires_dist):
            self.facts.blocking_pip.add(need.filename)
            self.facts.contested = True
        return metadata

    def _read(self, need: MetadataNeed) -> CoreMetadata | str:
        name = need.filename
        stored = self._state.metadata([name]).get(name)
        if stored is not None:
            metadata = unpack_metadata(stored[1])
            if name.endswith(".whl") and not _names(name, metadata.name, metadata.version):
                self.facts.blocking.add(name)
            if name.endswith(".whl") and unread_by_uv(metadata):
                self.facts.refused_by_uv.add(name)
            return metadata
        try:
            with self._directory.file(name).open("rb") as stream:
                if name.endswith(".whl") and _stops_installers(stream, name):
                    self.facts.blocking.add(name)
                stream.seek(0)
                metadata = read_distribution(stream, name)
                if name.endswith(".whl") and (has_prefix(stream) or unread_by_uv(metadata)):
                    self.facts.refused_by_uv.add(name)
                elif name.endswith(".zip") and has_prefix(stream):
                    self.facts.blocking.add(name)
                return metadata
        except (OSError, MicrorepoError, ValueError) as error:
            if not name.endswith(".whl"):  # uv and pip pass over no source that they cannot build
                self.facts.blocking.add(name)
            return f"its metadata cannot be read: {error}"


def _stops_installers(stream: BinaryIO, filename: str) -> bool:
    """Return whether pip or uv fails at a wheel instead of skipping it."""
    try:
        body = read_wheel_metadata(stream, filename)
        body.decode("utf-8")
        headers, _ = metadata_fields(body)
    except (MalformedResponse, UnicodeDecodeError):
        return True
    return not _names(filename, first_field(headers, "name"), first_field(headers, "version"))


def _names(filename: str, project: str | None, version: str | None) -> bool:
    """Return whether metadata belongs to the release that the wheel's name gives."""
    wheel = parse_wheel_name(filename)
    return (
        wheel is not None
        and canonicalize_name(project or "") == wheel.name
        and parse_version(version or "") == parse_version(wheel.version)
    )
