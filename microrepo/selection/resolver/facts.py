"""Facts for the solver: candidates, metadata, and needs.

A missing fact is not an error: the result is then `Needs`, and the call is repeated once they are
met.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import Decision, File, NormalizedName


class Candidates(Struct, frozen=True):
    """The files of one project.

    Attributes:
        files: files that pass the core filters, including yanked files and pre-releases, which
            count for some requirements.
        rejected: decisions on the other files, to explain a failure.
    """

    files: tuple[File, ...]
    rejected: tuple[Decision, ...] = ()


class UrlFile(Struct, frozen=True):
    """The file of a direct URL requirement."""

    file: File
    metadata: CoreMetadata


class MetadataNeed(Struct, frozen=True, order=True):
    """A file whose metadata is needed."""

    project: NormalizedName
    filename: str


class Needs(Struct, frozen=True):
    """Facts to fetch, all at the same time."""

    projects: frozenset[NormalizedName] = frozenset()
    metadata: frozenset[MetadataNeed] = frozenset()
    urls: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.projects or self.metadata or self.urls)

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.projects | other.projects, self.metadata | other.metadata, self.urls | other.urls
        )


class Facts:
    """The known facts; they only grow.

    Attributes:
        projects: files of each project; None if it does not exist.
        metadata: by file name, the metadata or why there is none.
        urls: the same for direct URLs.
        repaired: names of files with repaired requirements.
        blocking: names of files at which installers fail.
        best_file_counts: a release is unusable if its best file has no usable metadata, as in uv;
            otherwise its next file is tried, as in pip.
    """

    def __init__(
        self,
        projects: Mapping[NormalizedName, Candidates | None] | None = None,
        metadata: Mapping[str, CoreMetadata | str] | None = None,
        urls: Mapping[str, UrlFile | str] | None = None,
        *,
        best_file_counts: bool = False,
    ) -> None:
        self.best_file_counts = best_file_counts
        self.projects: dict[NormalizedName, Candidates | None] = {}
        self.metadata: dict[str, CoreMetadata | str] = {}
        self.urls: dict[str, UrlFile | str] = {}
        self.repaired: set[str] = set()
        self.blocking: set[str] = set()
        self.views: dict[object, object] = {}
        self.add(projects or {}, metadata or {}, urls or {})

    def add(
        self,
        projects: Mapping[NormalizedName, Candidates | None] | None = None,
        metadata: Mapping[str, CoreMetadata | str] | None = None,
        urls: Mapping[str, UrlFile | str] | None = None,
    ) -> None:
        """Add facts; known facts must not change."""
        self.projects.update(projects or {})
        self.urls.update(urls or {})
        for filename, found in (metadata or {}).items():
            self.metadata[filename] = found
            if not isinstance(found, str) and not found.strict:
                self.repaired.add(filename)
