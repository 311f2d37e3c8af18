"""What is remembered of projects: rows, and documents as the source gave them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from microrepo.model import Project
from microrepo.state.rows import ProjectRow, unpack
from microrepo.state.tables.table import Table

PROJECT_COLUMNS = ", ".join(ProjectRow.__struct_fields__)

# name, display name, serial, complete, policy, retry_at, reconsider_at, source; a bare tuple because
# whole indexes of them are walked through on each refresh.
KnownProject = tuple[str, str, int | None, int, str, str | None, str | None, str]


class ProjectTable(Table):
    """The tables of projects and their documents."""

    def iter_known(self) -> Iterator[KnownProject]:
        """Yield what decides whether a project must be looked at again, for all projects."""
        return iter(
            self._db.execute(
                "SELECT name, display_name, serial, complete, policy, retry_at, reconsider_at, "
                "source FROM projects"
            )
        )

    def projects(self, names: Iterable[str] | None = None) -> dict[str, ProjectRow]:
        """Return the rows of the named (or all) projects that are known, by name."""
        query = f"SELECT {PROJECT_COLUMNS} FROM projects"
        rows = self._select(query, "name", names)
        return {row[0]: ProjectRow(*row) for row in rows}

    def save_projects(self, rows: Iterable[ProjectRow]) -> None:
        """Insert or replace project rows."""
        marks = ", ".join("?" * len(ProjectRow.__struct_fields__))
        self._db.executemany(
            f"INSERT OR REPLACE INTO projects({PROJECT_COLUMNS}) VALUES ({marks})",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def mark_complete(self, names: Iterable[str]) -> None:
        """Note of projects that they hold exactly what is wanted of them."""
        self._db.executemany(
            "UPDATE projects SET complete = 1 WHERE name = ?", [(name,) for name in names]
        )

    def save_documents(self, documents: Iterable[tuple[str, bytes]]) -> None:
        """Store packed documents by project name."""
        self._db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?)", documents)

    def documents(self, names: Iterable[str]) -> dict[str, Project]:
        """Return the stored records of the named projects, those that there are."""
        rows = self._select("SELECT name, document FROM documents", "name", names)
        return {name: unpack(document) for name, document in rows}

    def packed_documents(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the same as they are stored, packed."""
        return dict(self._select("SELECT name, document FROM documents", "name", names))

    def forget_projects(self, names: Iterable[str]) -> None:
        """Drop project rows and documents; the files have to be gone before."""
        gone = [(name,) for name in names]
        self._db.executemany("DELETE FROM projects WHERE name = ?", gone)
        self._db.executemany("DELETE FROM documents WHERE name = ?", gone)
