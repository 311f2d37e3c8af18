"""A source of which the records are made by the test and the files are real, with its worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from microrepo.client import ClientSettings
from microrepo.model import FACTS, Digests, File, NormalizedName, Project
from microrepo.repositories.protocol import SourceSettings
from microrepo.standalone.server.names import normalize_name
from microrepo.state import pack
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.worker import Worker
from microrepo.transfer.tasks import FetchProject, ProjectOutcome, Task
from microrepo.transfer.worker_settings import WorkerSettings
from tests.support.packages import BuiltFile

NAME = "index.example"
UPLOADED = "2024-01-02T03:04:05.000000Z"


def file_of(built: BuiltFile, url: str = "", **facts: Any) -> File:
    """Return what an index says of a file."""
    return File(
        **{
            "filename": built.filename,
            "url": url or f"https://files.example/{built.filename}",
            "version": built.version,
            "package_type": built.package_type,
            "digests": Digests(sha256=built.sha256),
            "size": built.size,
            "requires_python": built.requires_python,
            "upload_time": UPLOADED,
            **facts,
        }
    )


class Upstream:
    """A source: `answer` does what a worker of it does, without a network.

    Args:
        path: where its files lie.
        directory: of the repository that its worker fills.
    """

    def __init__(self, path: Path, directory: FlatDirectory) -> None:
        path.mkdir()
        self.path = path
        self.projects: dict[str, Project] = {}
        source = SourceSettings("directory", str(path), name=NAME)
        settings = WorkerSettings(
            str(directory.path), ClientSettings(), source, str(directory.partial), durable=False
        )
        self._worker = Worker(settings, lambda _: None)

    def add(self, *built: BuiltFile, **facts: Any) -> None:
        """List files, each with what the index says of it."""
        for one in built:
            path = one.write_to(self.path)
            name = NormalizedName(normalize_name(one.name))
            before = self.projects.get(name) or Project(name, one.name, facts=FACTS)
            files = (*before.files, file_of(one, path.as_uri(), **facts))
            versions = tuple(dict.fromkeys(file.version for file in files))
            self.change(name, before, files=files, versions=versions)

    def change(self, name: str, before: Project | None = None, **facts: Any) -> None:
        """Change the record of a project; its serial grows."""
        before = before or self.projects[name]
        serial = (before.serial or 0) + 1
        self.projects[name] = msgspec.structs.replace(before, serial=serial, **facts)

    def drop(self, filename: str) -> None:
        """List a file no longer."""
        for name, project in list(self.projects.items()):
            files = tuple(file for file in project.files if file.filename != filename)
            if files != project.files:
                versions = tuple(dict.fromkeys(file.version for file in files))
                self.change(name, files=files, versions=versions)

    def answer(self, task: Task) -> object:
        """Carry out a task."""
        if not isinstance(task, FetchProject):
            return self._worker.run(task)
        project = self.projects.get(task.name)
        if project is None:
            return ProjectOutcome(task.name, "missing", error="HTTP 404", source=NAME)
        return ProjectOutcome(task.name, "changed", pack(project), source=NAME)
