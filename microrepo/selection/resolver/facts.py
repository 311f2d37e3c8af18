"""Facts that goals are solved against: candidates, metadata, and what is still needed.

A fact that is not known yet is not an error: the answer is then `Needs`, and the question is asked
again when they are met.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import Decision, File, NormalizedName


class Candidates(Struct, frozen=True):
    """The files of one project.

    Attributes:
        files: those that pass the core filters; yanked files and pre-releases may be among them,
            since whether they count depends on who asks.
        rejected: what the rules said of the others, to explain a failure.
    """

    files: tuple[File, ...]
    rejected: tuple[Decision, ...] = ()


class UrlFile(Struct, frozen=True):
    """What stands behind a direct URL requirement."""

    file: File
    metadata: CoreMetadata


class MetadataNeed(Struct, frozen=True, order=True):
    """A file whose metadata must be known."""

    project: NormalizedName
    filename: str


class Needs(Struct, frozen=True):
    """Facts to be fetched, all of which may be asked for at the same time."""

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
    """All that is known by now; it only ever grows.

    Attributes:
        projects: files of each project; None for one that does not exist.
        metadata: by file name: metadata, or the reason why there is none.
        urls: the same for direct URLs.
        repaired: names of files whose requirements had to be repaired.
        blocking: names of files at which an installer ends with an error.
        best_file_counts: a release whose best file has no usable metadata cannot be used, as for
            uv; otherwise its next file is tried, as pip does.
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
        """Learn more; a fact that is known already must not change."""
        self.projects.update(projects or {})
        self.urls.update(urls or {})
        for filename, found in (metadata or {}).items():
            self.metadata[filename] = found
            if not isinstance(found, str) and not found.strict:
                self.repaired.add(filename)
