"""Records and metadata for a closure from the files that a repository holds, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.errors import MalformedResponse, MicrorepoError
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.formats.distribution.header_fields import first_field, metadata_fields
from microrepo.formats.distribution.wheel_metadata import check_wheel, read_wheel_metadata
from microrepo.formats.requirements.direct_urls import parse_direct_url
from microrepo.formats.version_numbers import parse_version
from microrepo.model import File, NormalizedName, Project
from microrepo.operations.closure.held_url_files import held_url_file, is_behind
from microrepo.publish.links import links_of
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.admission import admission_of
from microrepo.selection.resolver.facts import Candidates, Facts, MetadataNeed, Needs, UrlFile
from microrepo.selection.resolver.resolution_records import Resolution
from microrepo.state import FileRow, State
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.download.remote_metadata import read_distribution, unpack_metadata

_READ_BYTES = 1 << 20
_DAMAGED = "damaged, and installers choose it; run `microrepo verify --repair`"


class HeldRecords:
    """Facts about the files of a repository, read when needed.

    Attributes:
        facts: the facts read so far.
    """

    def __init__(
        self,
        state: State,
        directory: FlatDirectory,
        config: Config,
        admits: Callable[[Project], Iterable[File]] = lambda project: project.files,
        *,
        best_file_counts: bool = False,
    ) -> None:
        self._admits = admits
        self._state = state
        self._files = links_of(config, state, decides=False).files
        self._directory = directory
        self.facts = Facts(best_file_counts=best_file_counts)
        self._damaged: set[str] = set()

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
        if self.facts.best_file_counts:
            # Installers do not pass over a damaged file: they choose it, and fail.
            damaged = {row.filename for row in rows if self.offers(row)} - present
            self._damaged |= damaged
            self.facts.blocking |= damaged
            present |= damaged
        found: dict[NormalizedName, Candidates | None] = dict.fromkeys(names)
        for name, project in documents.items():
            files = tuple(file for file in self._admits(project) if file.filename in present)
            found[NormalizedName(name)] = Candidates(files)
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
        stored = self._state.metadata([need.filename]).get(need.filename)
        if stored is not None:
            metadata = unpack_metadata(stored[1])
            if need.filename.endswith(".whl") and not _names(
                need.filename, metadata.name, metadata.version
            ):
                self.facts.blocking.add(need.filename)
            return metadata
        try:
            with self._directory.file(need.filename).open("rb") as stream:
                if need.filename.endswith(".whl") and _stops_installers(stream, need.filename):
                    self.facts.blocking.add(need.filename)
                stream.seek(0)
                return read_distribution(stream, need.filename)
        except (OSError, MicrorepoError, ValueError) as error:
            return f"its metadata cannot be read: {error}"

    def faults(self, found: Resolution, environment: Environment) -> Iterator[str]:
        """Yield why installers would refuse, or never reach, the files that a resolution chose."""
        for one in found.passed_over:
            if one.blocks:
                yield f"{one.project} {one.version}: {one.why}; installers stop there"
        admission = admission_of(found.goal, environment)
        hashes, urls = dict(admission.hashes), dict(admission.urls)
        urls.update((one.project, one.url) for one in found.goal.requirements if one.url)
        for pin in found.pins:
            name = pin.files[0].filename
            if pin.metadata_file in self.facts.repaired and self._is_read(pin.metadata_file):
                yield f"{pin.metadata_file}: installers cannot read its metadata"
            if not self._files:
                continue
            why = _DAMAGED if name in self._damaged else self._refused(name)
            if why is None and pin.project in hashes:
                why = self._undigested(name, hashes[pin.project])
            elif why is None and hashes and pin.project not in urls:
                why = "has no --hash; pip requires one because another requirement has one"
            if why is not None:
                yield f"{name}: {why}"

    def _is_read(self, filename: str) -> bool:
        """Return whether installers read a file's metadata, rather than build it."""
        metadata = self.facts.metadata[filename]
        return not isinstance(metadata, str) and metadata.source != "guess"

    def _refused(self, filename: str) -> str | None:
        """Return why installers refuse a wheel for the requirements that it lists."""
        if not filename.endswith(".whl"):
            return None
        try:
            with self._directory.file(filename).open("rb") as stream:
                check_wheel(stream, filename)
        except MalformedResponse as error:
            return str(error.args[-1])
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        return None

    def _undigested(self, filename: str, allowed: frozenset[str]) -> str | None:
        """Return why a file matches none of the required digests."""
        for algorithm in sorted({one.partition(":")[0] for one in allowed}):
            hasher = hashlib.new(algorithm, usedforsecurity=False)
            try:
                with self._directory.file(filename).open("rb") as stream:
                    while piece := stream.read(_READ_BYTES):
                        hasher.update(piece)
            except OSError as error:
                return f"cannot be read: {error.strerror}"
            if f"{algorithm}:{hasher.hexdigest()}" in allowed:
                return None
        return "matches no --hash"


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
