"""Facts for the solver: candidates, metadata, and needs.

A missing fact is not an error: the result is then `Needs`, and the call is repeated once they are
met.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.version_numbers import parse_version
from microrepo.model import Decision, File, NormalizedName
from microrepo.selection.resolver.goal_records import Installer


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
        blocking_pip: names of files at which only pip fails.
        refused_by_uv: names of files that uv skips and pip does not.
        contested: there was something that pip and uv treat differently.
    """

    def __init__(
        self,
        projects: Mapping[NormalizedName, Candidates | None] | None = None,
        metadata: Mapping[str, CoreMetadata | str] | None = None,
        urls: Mapping[str, UrlFile | str] | None = None,
    ) -> None:
        self.projects: dict[NormalizedName, Candidates | None] = {}
        self.metadata: dict[str, CoreMetadata | str] = {}
        self.urls: dict[str, UrlFile | str] = {}
        self.repaired: set[str] = set()
        self.blocking: set[str] = set()
        self.refused_by_uv: set[str] = set()
        self.blocking_pip: set[str] = set()
        self.contested = False
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

    def stops(self, filename: str, installer: Installer | None) -> bool:
        """Return whether an installer fails at a file that it looks at."""
        return filename in self.blocking or (
            installer is Installer.PIP and filename in self.blocking_pip
        )

    def usable(
        self, filename: str, project: NormalizedName, version: Version, installer: Installer | None
    ) -> CoreMetadata | None:
        """Return a known file's metadata; None if it is of another release, or none is usable.

        Args:
            project: that the file should belong to.
            version: that the file should be of.
            installer: that has to read it; None takes what can be repaired.
        """
        found = self.metadata.get(filename)
        if (
            found is None
            or isinstance(found, str)
            or canonicalize_name(found.name) != project
            or parse_version(found.version) != version
        ):
            self.contested = True
            return None
        refused = {
            Installer.PIP: found.is_repaired,
            Installer.UV: not found.strict or filename in self.refused_by_uv,
        }
        self.contested |= refused[Installer.PIP] != refused[Installer.UV]
        return None if installer is not None and refused[installer] else found
