"""Source for a directory of distributions, including repositories of microrepo."""

from __future__ import annotations

import contextlib
import re
import threading
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from packaging.utils import canonicalize_name

from microrepo.errors import MicrorepoError, ProjectNotFound, Unavailable
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.index.simple_api import Root
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.repositories.directory_contents import (
    Claim,
    DirectoryContents,
    parse_name,
    state_claims,
)
from microrepo.repositories.protocol import Fetched, SourceSettings
from microrepo.state import read_state
from microrepo.stores.flat_directory import FlatDirectory, OnDisk, provenance_name

_PLAIN_ROOT = "file:///"
# Nothing in it is quoted, and no drive of Windows.
_IS_PLAIN = re.compile(r"file:///[\w./+-]*[\w+-]", re.ASCII).fullmatch


class DirectorySource:
    """Reads the contents of a directory, with the claims of its state if it is a repository.

    The directory is scanned once, on first use.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self._directory = FlatDirectory(Path(settings.simple_root))
        self._name = settings.name
        self._lock = threading.Lock()
        self._projects: dict[NormalizedName, list[tuple[str, str]]] | None = None
        self._disk: dict[str, OnDisk] = {}
        self._owners: dict[str, NormalizedName] = {}
        self._root = ""
        self._contents = DirectoryContents(self._directory, {})

    def list_projects(self, validator: str | None = None) -> Root:  # noqa: ARG002
        """Return the projects of all distributions in the directory."""
        with self._lock:
            return Root(dict.fromkeys(sorted(self._load())))

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,  # noqa: ARG002
        min_serial: int | None = None,  # noqa: ARG002
        known_serial: int | None = None,  # noqa: ARG002
    ) -> Fetched:
        """Return a project's record, built from its files."""
        normalized = canonicalize_name(name)
        with self._lock:
            found = self._load().get(normalized)
            if found is None:
                raise ProjectNotFound(normalized, self._name)
            files = tuple(self._describe(filename, normalized, text) for filename, text in found)
        versions = tuple(dict.fromkeys(file.version for file in files))
        return Fetched(Project(normalized, name, files=files, versions=versions))

    def is_unread(self, filename: str) -> bool:
        """Return whether a file may differ from its digests, so that it must be read."""
        with self._lock:
            project, disk = self._owners.get(filename), self._disk.get(filename)
            if project is None or disk is None:
                return False
            claim = self._contents.claim(filename, project)
            return claim is not None and not claim.holds_for(disk)

    def _load(self) -> dict[NormalizedName, list[tuple[str, str]]]:
        if self._projects is None:
            self._projects = self._read()
        return self._projects

    def _read(self) -> dict[NormalizedName, list[tuple[str, str]]]:
        if not self._directory.exists():
            raise Unavailable(self._name, "directory not found")
        if words := self._directory.begun_switch():
            raise Unavailable(self._name, words)
        try:
            self._disk = self._directory.scan()
        except OSError as error:
            raise Unavailable(self._name, f"cannot be read: {error.strerror}") from error
        stated = _stated(self._directory)
        self._contents = DirectoryContents(self._directory, stated, self._disk.keys())
        self._root = self._directory.path.resolve().as_uri()
        projects: dict[NormalizedName, list[tuple[str, str]]] = {}
        for filename in sorted(self._disk):
            parsed = parse_name(filename)
            if parsed is not None:
                project = self._owners[filename] = self._project_of(filename, parsed[0])
                projects.setdefault(project, []).append((filename, parsed[1]))
        return projects

    def _project_of(self, filename: str, named: NormalizedName) -> NormalizedName:
        claim = self._contents.stated.get(filename)
        return NormalizedName(claim.project) if claim is not None and claim.project else named

    def _describe(self, filename: str, project: NormalizedName, version: str) -> File:
        claim = self._contents.claim(filename, project)
        listed = claim.file if claim is not None else None
        return File(
            filename=filename,
            url=f"{self._root}/{_quoted(filename)}",
            version=listed.version if listed is not None else version,
            package_type=package_type_of(filename) or "",
            digests=claim.digests if claim is not None else Digests(),
            size=self._disk[filename].size_bytes,
            requires_python=listed.requires_python if listed else None,
            upload_time=listed.upload_time if listed else None,
            yanked=listed.yanked if listed else False,
            yanked_reason=listed.yanked_reason if listed else None,
            provenance=self._provenance(filename),
        )

    def _provenance(self, filename: str) -> str | None:
        """Return the URL of the provenance object beside a file, None without one."""
        name = provenance_name(filename)
        beside = self._disk.get(name)
        if beside is None or beside.mtime_ns != self._disk[filename].mtime_ns:
            return None
        return f"{self._root}/{_quoted(name)}"


def _quoted(filename: str) -> str:
    return filename if filename.isascii() and "%" not in filename else quote(filename)


def _stated(directory: FlatDirectory) -> dict[str, Claim]:
    """Return the claims of a repository's state; empty without one."""
    if not directory.state_file.is_file():
        return {}
    with contextlib.suppress(MicrorepoError):  # an unreadable state only means fewer claims
        state = read_state(directory.state_file)
        try:
            return state_claims(state)
        finally:
            state.close()
    return {}


@lru_cache(maxsize=4096)
def local_path(url: str) -> Path | None:
    """Return the path that a ``file:`` URL names, None for any other URL."""
    if not url.startswith("file:"):
        return None
    if _IS_PLAIN(url):
        folder, _, name = url[len(_PLAIN_ROOT) - 1 :].rpartition("/")
        return _folder(folder) / name
    from urllib.request import url2pathname  # loads much of the library for HTTP

    return Path(url2pathname(urlsplit(url).path))


@lru_cache(maxsize=16)
def _folder(path: str) -> Path:
    return Path(path or "/")


class DirectoryCatalogue:
    """Contents of a destination directory; its state is read once.

    Args:
        directory: the directory, which need not exist yet.
    """

    def __init__(self, directory: FlatDirectory) -> None:
        self._directory = directory
        self._stated = _stated(directory)
        self._disk = directory.scan()
        self._root = directory.path.resolve().as_uri()

    @property
    def unread(self) -> dict[NormalizedName, str]:
        """Always empty: a directory is read as a whole."""
        return {}

    def find(self, filename: str) -> File | None:
        """Return a file in the directory, with digests if the state has valid ones."""
        disk = self._disk.get(filename)
        if disk is None:
            return None
        claim = self._stated.get(filename)
        digests = claim.digests if claim is not None and claim.holds_for(disk) else Digests()
        url = f"{self._root}/{_quoted(filename)}"
        return File(filename, url, "", "", digests, disk.size_bytes)
