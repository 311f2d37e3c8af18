"""A PyPI in memory: projects, files, statuses, and a serial that grows with every change."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from packaging.version import InvalidVersion, Version

from tests.support.packages import BuiltFile

if TYPE_CHECKING:
    from tests.support.listed import ListedOnly

Status = Literal["active", "archived", "quarantined", "deprecated"]
_FIRST_SERIAL = 1000


def normalize(name: str) -> str:
    """Return the normalised name of a project (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class IndexFile:
    """One file as the index announces it, which need not be how it is."""

    version: str
    filename: str
    built: BuiltFile
    upload_time: str
    yanked: bool | str
    digests: Mapping[str, str]
    package_type: str
    python_version: str
    requires_python: str | None
    size: int
    core_metadata: bool
    url: str | None = None
    provenance: str | bytes | None = None  # bytes are an object on this server
    extra: Mapping[str, Any] = field(default_factory=dict)
    folder: str = "files"  # bandersnatch accepts "packages" alone

    @property
    def provenance_path(self) -> str:
        """Path under which the server has its provenance object."""
        return f"/integrity/{self.version}/{quote(self.filename, safe='')}/provenance"

    @property
    def path(self) -> str:
        """Path under which the server has the content, quoted."""
        digest = self.built.blake2b_256
        return f"/{self.folder}/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{quote(self.filename, safe='')}"


@dataclass
class IndexProject:
    """One project; `serial` is the global serial at its last change.

    `releases` are its versions; one may have lost all its files.
    """

    display_name: str
    serial: int
    status: Status = "active"
    files: list[IndexFile] = field(default_factory=list)
    releases: set[str] = field(default_factory=set)
    info: dict[str, Any] = field(default_factory=dict)
    vulnerabilities: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The normalised name."""
        return normalize(self.display_name)

    def versions(self) -> list[str]:
        """Return the versions, oldest first; unparsable ones come before all others."""
        return sorted(self.releases, key=_version_key)

    def latest(self) -> str | None:
        """Return the version PyPI shows: not yanked, then final, then newest."""

        def rank(version: str) -> tuple[bool, bool, tuple[bool, Version]]:
            yanked = [file.yanked is not False for file in self.files if file.version == version]
            valid, parsed = _version_key(version)
            return (
                not yanked or not all(yanked),
                valid and not parsed.is_prerelease,
                (valid, parsed),
            )

        return max(self.versions(), key=rank, default=None)


class FakeIndex:
    """The projects of an index; all changes go through its methods, so that serials stay true.

    Attributes:
        folder: first part of the paths of files that are added from now on, ``files`` or
            ``packages``; bandersnatch fetches none from elsewhere than the latter.
    advisories: OSV's archive, which `advisories_time` (``Last-Modified``) is about.
    """

    def __init__(self) -> None:
        self.serial = _FIRST_SERIAL
        self.projects: dict[str, IndexProject] = {}
        self.folder = "files"
        self.advisories = b""
        self.advisories_time: str | None = None
        self.listed_only: ListedOnly | None = None
        self.lock = threading.RLock()

    def find(self, name: str) -> IndexProject | None:
        """Return the project of that name, in whatever spelling."""
        normalized = normalize(name)
        found = self.projects.get(normalized)
        if found is None and self.listed_only is not None:
            return self.listed_only.find(normalized)
        return found

    def add_project(self, project: str, **info: Any) -> IndexProject:
        """Register a project without files; `info` overrides keys of the document's ``info``."""
        with self.lock:
            found = self.projects.get(normalize(project))
            if found is None:
                found = IndexProject(project, self.serial)
                self.projects[found.name] = found
            found.info.update(info)
            self._touch(found)
            return found

    def add(
        self,
        project: str,
        built_file: BuiltFile,
        *,
        upload_time: str = "2024-01-01T00:00:00Z",
        yanked: bool | str = False,
        digests: bool | Mapping[str, str] = True,
        package_type: str | None = None,
        python_version: str | None = None,
        requires_python: str | EllipsisType | None = ...,
        version: str | None = None,
        size: int | None = None,
        filename: str | None = None,
        url: str | None = None,
        core_metadata: bool = True,
        provenance: str | bytes | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> IndexFile:
        """Publish a file; every keyword overrides what the file itself would say.

        Args:
            project: display name; the first spelling stays.
            digests: False announces none, a mapping announces exactly that.
            size: bytes to announce, if not the true number.
            provenance: URL of its attestations, or the object that this server has.
            url: what to announce instead of the URL on this server.
            extra: keys merged into the entry of both APIs, last.
        """
        true_digests = {
            "md5": built_file.md5,
            "sha256": built_file.sha256,
            "blake2b_256": built_file.blake2b_256,
        }
        stated = digests if isinstance(digests, Mapping) else true_digests if digests else {}
        file = IndexFile(
            version=version or built_file.version,
            filename=filename or built_file.filename,
            built=built_file,
            upload_time=upload_time,
            yanked=yanked,
            digests=stated,
            package_type=package_type or built_file.package_type,
            python_version=python_version or built_file.python_version,
            requires_python=(
                built_file.requires_python
                if isinstance(requires_python, EllipsisType)
                else requires_python
            ),
            size=built_file.size if size is None else size,
            core_metadata=core_metadata and built_file.metadata is not None,
            url=url,
            provenance=provenance,
            extra=dict(extra or {}),
            folder=self.folder,
        )
        with self.lock:
            found = self.add_project(project)
            found.files.append(file)
            found.releases.add(file.version)
        return file

    def remove_file(self, project: str, filename: str) -> None:
        """Delete one file, as its owner may; its release stays, perhaps empty.

        Raises:
            KeyError: there is no such file.
        """
        with self.lock:
            found = self.projects[normalize(project)]
            kept = [file for file in found.files if file.filename != filename]
            if len(kept) == len(found.files):
                raise KeyError(filename)
            found.files = kept
            self._touch(found)

    def remove_release(self, project: str, version: str) -> None:
        """Delete one version with all its files."""
        with self.lock:
            found = self.projects[normalize(project)]
            found.files = [file for file in found.files if file.version != version]
            found.releases.remove(version)
            self._touch(found)

    def remove_project(self, project: str) -> None:
        """Delete a project with all its files."""
        with self.lock:
            del self.projects[normalize(project)]
            self.serial += 1

    def rename(self, display_name: str) -> None:
        """Show a project under another spelling of its name."""
        with self.lock:
            found = self.projects[normalize(display_name)]
            found.display_name = display_name
            self._touch(found)

    def yank(self, project: str, version: str, reason: bool | str = True) -> None:
        """Yank a release (PEP 592); `False` takes the yank back."""
        self.change(project, version, yanked=reason)

    def change(self, project: str, version: str, **fields: Any) -> None:
        """Change fields of every file of a release."""
        with self.lock:
            found = self.projects[normalize(project)]
            found.files = [
                replace(file, **fields) if file.version == version else file for file in found.files
            ]
            self._touch(found)

    def set_status(self, project: str, status: Status) -> None:
        """Set the status of a project (PEP 792); a quarantined one offers no file."""
        with self.lock:
            found = self.projects[normalize(project)]
            found.status = status
            self._touch(found)

    def add_vulnerability(self, project: str, **fields: Any) -> None:
        """Announce a known vulnerability of the latest release, or of those in `affects`."""
        with self.lock:
            found = self.projects[normalize(project)]
            found.vulnerabilities.append(fields)
            self._touch(found)

    def touch(self, project: str) -> None:
        """Raise a project's serial although nothing about its files changes."""
        with self.lock:
            self._touch(self.projects[normalize(project)])

    def file(self, project: str, filename: str) -> IndexFile:
        """Return one file.

        Raises:
            KeyError: there is no such project or file.
        """
        with self.lock:
            for file in self.projects[normalize(project)].files:
                if file.filename == filename:
                    return file
        raise KeyError(filename)

    def files_by_path(self) -> dict[str, IndexFile]:
        """Return every file by its path on the server."""
        with self.lock:
            return {file.path: file for project in self.projects.values() for file in project.files}

    def _touch(self, project: IndexProject) -> None:
        self.serial += 1
        project.serial = self.serial


def _version_key(version: str) -> tuple[bool, Version]:
    try:
        return True, Version(version)
    except InvalidVersion:
        return False, Version("0")
