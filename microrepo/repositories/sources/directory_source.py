"""Distributions in a directory as a source: any flat directory, or a repository of ours."""

from __future__ import annotations

import contextlib
import threading
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from microrepo.batching import batched
from microrepo.errors import MicrorepoError, ProjectNotFound, Unavailable
from microrepo.formats.distribution.filenames import package_type_of, split_release, unsafe_filename
from microrepo.formats.index.simple_api import Root
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.repositories.protocol import Fetched, SourceSettings
from microrepo.state import FileRow, read_state
from microrepo.stores.flat_directory import FlatDirectory, OnDisk

_CHUNK = 500
_UNKNOWN = Digests()
# The files of a project stand together.
_canonical = lru_cache(maxsize=1024)(canonicalize_name)


class DirectorySource:
    """Reads what lies in a directory; what the state of a repository of ours knows, it knows too.

    The directory is looked at once, at the first question.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self._directory = FlatDirectory(Path(settings.simple_root))
        self._name = settings.name
        self._lock = threading.Lock()
        self._projects: dict[NormalizedName, list[File]] | None = None

    def list_projects(self) -> Root:
        """Return the projects of all distributions in the directory."""
        return Root([(name, None) for name in sorted(self._load())])

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,  # noqa: ARG002
        min_serial: int | None = None,  # noqa: ARG002
    ) -> Fetched:
        """Return the record made of a project's files."""
        normalized = canonicalize_name(name)
        files = self._load().get(normalized)
        if files is None:
            raise ProjectNotFound(normalized, self._name)
        versions = tuple(dict.fromkeys(file.version for file in files))
        return Fetched(Project(normalized, name, files=tuple(files), versions=versions))

    def _load(self) -> dict[NormalizedName, list[File]]:
        with self._lock:
            if self._projects is None:
                self._projects = self._read()
            return self._projects

    def _read(self) -> dict[NormalizedName, list[File]]:
        if not self._directory.exists():
            raise Unavailable(self._name, "there is no such directory")
        try:
            found = self._directory.scan()
        except OSError as error:
            raise Unavailable(self._name, f"cannot be read: {error.strerror}") from error
        known = _known(self._directory)
        root = self._directory.path.resolve().as_uri()
        projects: dict[NormalizedName, list[File]] = {}
        for filename in sorted(found):
            listed = _describe(filename, found[filename], root, known.get(filename))
            if listed is not None:
                projects.setdefault(listed[0], []).append(listed[1])
        return projects


def _describe(
    filename: str, disk: OnDisk, root: str, known: tuple[FileRow, File | None] | None
) -> tuple[NormalizedName, File] | None:
    package_type = package_type_of(filename)
    release = split_release(filename) if package_type else None
    if package_type is None or release is None or unsafe_filename(filename):
        return None
    project, version, digests = _canonical(release[0]), release[1], _UNKNOWN
    listed: File | None = None
    if known is not None:
        row, listed = known
        project, version = row.project, row.version
        if disk.matches(row):
            digests = row.digests
    return project, File(
        filename=filename,
        url=f"{root}/{_quoted(filename)}",
        version=version,
        package_type=package_type,
        digests=digests,
        size=disk.size_bytes,
        requires_python=listed.requires_python if listed else None,
        upload_time=listed.upload_time if listed else None,
        yanked=listed.yanked if listed else False,
        yanked_reason=listed.yanked_reason if listed else None,
    )


def _quoted(filename: str) -> str:
    return filename if filename.isascii() and "%" not in filename else quote(filename)


def _known(directory: FlatDirectory) -> dict[str, tuple[FileRow, File | None]]:
    """Return what the state of a repository of ours says of its files; nothing without one."""
    if not directory.state_file.is_file():
        return {}
    rows: dict[str, FileRow] = {}
    facts: dict[str, File] = {}
    with contextlib.suppress(MicrorepoError):  # an unreadable state only says less
        state = read_state(directory.state_file)
        try:
            rows = {row.filename: row for row in state.files() if row.present}
            names = sorted({row.project for row in rows.values()})
            for batch in batched(names, _CHUNK):
                for project in state.documents(batch).values():
                    facts.update((f.filename, f) for f in project.files if f.filename in rows)
        finally:
            state.close()
    return {name: (row, facts.get(name)) for name, row in rows.items()}


def local_path(url: str) -> Path | None:
    """Return the path that a ``file:`` URL names, None for any other URL."""
    if not url.startswith("file:"):
        return None
    return Path(url2pathname(urlsplit(url).path))


def name_within(url: str, root: str) -> str | None:
    """Return the name of a file that lies right in a directory, None for any other URL.

    Args:
        url: of the file.
        root: the directory's ``file:`` URL, without a slash at its end.
    """
    start = len(root) + 1
    if not url.startswith(root) or url[start - 1 : start] != "/" or "/" in url[start:]:
        return None
    name = url[start:]
    return unquote(name) if "%" in name else name


class DirectoryCatalogue:
    """What lies in a directory that files are copied to; its state is read once.

    Args:
        directory: the directory, which need not exist yet.
    """

    def __init__(self, directory: FlatDirectory) -> None:
        self._directory = directory
        self._known = _known(directory)
        self._disk = directory.scan()
        self._root = directory.path.resolve().as_uri()

    def find(self, filename: str) -> File | None:
        """Return a file that lies there, with digests where the state vouches for them."""
        disk = self._disk.get(filename)
        if disk is None:
            return None
        digests = Digests()
        row = self._known[filename][0] if filename in self._known else None
        if row is not None and disk.matches(row):
            digests = row.digests
        url = f"{self._root}/{_quoted(filename)}"
        return File(filename, url, "", "", digests, disk.size_bytes)
