"""Records: one file, one project page and the project list of a Simple API index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from microrepo.standalone.server.names import parse_filename
from microrepo.standalone.server.versions import is_prerelease, version_key


class FileEntry(NamedTuple):
    """One distribution file as an index page names it (PEP 503, 592, 658, 691, 700, 714, 740).

    ``url`` is empty for a file of the flat directory. ``hashes`` maps hashlib's names to lower
    case hex. ``size`` is in bytes. ``upload_time`` is RFC 3339 in UTC, or empty. ``yanked`` is
    the reason, or True without one. ``core_metadata`` is the sidecar's digests, or True.
    ``provenance`` is the absolute URL of the provenance object, or its name if it lies beside the
    file: pages must not list a relative address, so the server makes it absolute. ``version`` is needed where the name does not say it.
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    size: int | None
    upload_time: str = ""
    requires_python: str = ""
    yanked: bool | str = False
    core_metadata: bool | Mapping[str, str] = False
    provenance: str = ""
    version: str = ""

    @property
    def release(self) -> str:
        """The version this file belongs to, from the record or from its name; may be empty."""
        parsed = None if self.version else parse_filename(self.filename)
        return parsed.version if parsed else self.version


class ProjectPage(NamedTuple):
    """One project of the index, status as in PEP 792; ``versions`` are completed by the files'."""

    name: str
    files: tuple[FileEntry, ...]
    versions: tuple[str, ...] = ()
    status: str = "active"
    status_reason: str = ""
    serial: int | None = None


class RootPage(NamedTuple):
    """The list of all projects: pairs of display name and serial."""

    projects: tuple[tuple[str, int | None], ...]
    serial: int | None = None


def sort_files(files: Iterable[FileEntry]) -> list[FileEntry]:
    """Order files by version, oldest first, then by name."""
    keys: dict[str, tuple[Any, ...]] = {}
    rows = []
    for entry in files:
        version = entry.release
        if version not in keys:
            keys[version] = version_key(version)
        rows.append((keys[version], entry.filename, entry))
    rows.sort(key=lambda row: row[:2])
    return [row[2] for row in rows]


def list_versions(page: ProjectPage) -> list[str]:
    """Return each release once, oldest first, in the page's spelling or else a file name's."""
    spelling = {version_key(entry.release): entry.release for entry in page.files}
    spelling.update((version_key(version), version) for version in page.versions)
    return [spelling[key] for key in sorted(spelling) if spelling[key]]


def latest_version(page: ProjectPage) -> str:
    """Return the release to show first: the newest that is neither yanked nor a pre-release."""
    good = [entry.release for entry in page.files if entry.yanked is False]
    final = [version for version in good if version and not is_prerelease(version)]
    choices = final or [version for version in good if version] or list_versions(page)
    return max(choices, key=version_key, default="")
