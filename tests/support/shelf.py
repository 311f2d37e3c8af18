"""A flat directory with a state, filled by hand as a refresh would fill it, to be published."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from microrepo.formats.index.simple_api import Root, parse_project, parse_root
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.publish.tree.static_tree import Publisher, PublishReport
from microrepo.standalone.server.index_pages import HTML_TYPE, JSON_TYPE, parse_project_json
from microrepo.standalone.server.names import normalize_name
from microrepo.standalone.server.records import ProjectPage
from microrepo.state import FileRow, ProjectRow, State, open_state, pack
from microrepo.stores.flat_directory import FlatDirectory
from tests.support.packages import BuiltFile

NOW = "2026-11-21T12:34:56.789012Z"
UPLOADED = "2024-01-02T03:04:05.000000Z"
_MTIME_NS = 1_704_164_645_000_000_000


def no_workers() -> Executor:
    """Refuse to start workers."""
    raise AssertionError("nothing here needs workers")


class Shelf:
    """A repository of which only the publishing is real.

    Args:
        path: where it lies, or is to lie.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = FlatDirectory(path)
        self.directory.prepare()
        self.state: State = open_state(self.directory.state_file)[0]
        self.files: dict[str, dict[str, File]] = {}

    def hold(self, built: BuiltFile, *, serial: int | None = None, **facts: Any) -> File:
        """Put a file in place, with what the source says of it."""
        name = NormalizedName(normalize_name(built.name))
        path = self.path / built.filename
        path.write_bytes(built.content)
        os.utime(path, ns=(_MTIME_NS, _MTIME_NS))
        file = File(
            **{
                "filename": built.filename,
                "url": f"https://files.example/{built.filename}",
                "version": built.version,
                "package_type": built.package_type,
                "digests": Digests(sha256=built.sha256, md5=built.md5),
                "size": built.size,
                "requires_python": built.requires_python,
                "upload_time": UPLOADED,
                "python_version": built.python_version,
                **facts,
            }
        )
        self.files.setdefault(name, {})[built.filename] = file
        self.record(name, built.name, serial)
        self.save([self.row_of(name, file)])
        return file

    def row_of(self, name: NormalizedName, file: File, *, present: bool = True) -> FileRow:
        """Return the row that a refresh writes."""
        return FileRow(
            file.filename,
            name,
            file.version,
            file.url,
            file.size,
            file.digests,
            present,
            _MTIME_NS if present else 0,
        )

    def record(
        self, name: NormalizedName, display: str, serial: int | None = None, **facts: Any
    ) -> None:
        """Save the source's record of a project."""
        files = tuple(self.files.get(name, {}).values())
        project = Project(name, display, serial, files=files, **facts)
        with self.state.transaction():
            self.state.save_projects([ProjectRow(name, display, serial, status=project.status)])
            self.state.save_documents([(name, pack(project))])

    def save(self, rows: Iterable[FileRow]) -> None:
        """Save rows of files."""
        with self.state.transaction():
            self.state.save_files(rows)

    def drop(self, *filenames: str) -> None:
        """Delete files and their rows, as a refresh does in the end."""
        for _ in self.directory.delete(filenames):
            pass
        for files in self.files.values():
            for filename in filenames:
                files.pop(filename, None)
        with self.state.transaction():
            self.state.delete_files(filenames)

    def lose_state(self) -> None:
        """Begin with a new state, as after damage."""
        self.state.close()
        self.directory.state_file.unlink()
        self.state = open_state(self.directory.state_file)[0]

    def publish(
        self, *, leaving: Collection[str] = (), absent: Collection[str] = (), **options: Any
    ) -> PublishReport:
        """Publish what is pending, all of it."""
        publisher = Publisher(self.directory, self.state, no_workers, now=NOW, **options)
        names = self.state.publication.pending("", 1000)
        publisher.publish([names] if names else [], leaving=leaving, absent=absent)
        publisher.finish()
        return publisher.report()

    # --- what clients see ---------------------------------------------------------------------

    def page(self, name: str, form: str = "index.v1_json") -> Project:
        """Return a project as its page tells it."""
        url = f"https://mirror.example/simple/{name}/"
        media = JSON_TYPE if form.endswith("json") else HTML_TYPE
        body = (self.path / "simple" / name / form).read_bytes()
        return parse_project(body, media, url, name)

    def root(self, form: str = "index.v1_json") -> Root:
        """Return the list of projects as the root tells it."""
        media = JSON_TYPE if form.endswith("json") else HTML_TYPE
        return parse_root((self.path / "simple" / form).read_bytes(), media, "https://m.example/")

    def static_page(self, name: str) -> ProjectPage:
        """Return a project's page as the server reads it."""
        return parse_project_json((self.path / "simple" / name / "index.v1_json").read_bytes())

    def identities(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of each published file; what changes was written."""
        return {
            str(path.relative_to(self.path)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in self.path.rglob("*")
            if path.is_file() and ".microrepo" not in path.parts
        }
