"""Table of projects: rows, and documents as the source gave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec import Struct

from microrepo.model import Project
from microrepo.state.rows import ProjectRow, unpack
from microrepo.state.tables.table import Table

PROJECT_COLUMNS = ", ".join(ProjectRow.__struct_fields__)

# name, display name, serial, complete, policy, retry_at, reconsider_at, source; a bare tuple because
# whole indexes of them are walked through on each refresh.
KnownProject = tuple[str, str, int | None, int, str, str | None, str | None, str]
_KNOWN = "name, display_name, serial, complete, policy, retry_at, reconsider_at, source"


class Settled(Struct, frozen=True):
    """What a project is like that need not be looked at while its serial is the listed one.

    Attributes:
        policy: fingerprint of the rules that chose its files.
        now: its selection does not change by this time.
        source_of: name of the source that a listed project comes from; None if that says nothing.
        is_doubtful: tells projects that have to be looked at one by one, by their names.
    """

    policy: str
    now: str
    source_of: Callable[[str], str] | None = None
    is_doubtful: Callable[[str], bool] | None = None


class ProjectTable(Table):
    """The tables of projects and their documents."""

    def iter_known(self) -> Iterator[KnownProject]:
        """Yield what decides whether a project must be looked at again, for all projects."""
        return iter(self._db.execute(f"SELECT {_KNOWN} FROM projects"))

    def iter_unsettled(
        self, listed: dict[str, int | None], settled: Settled
    ) -> Iterator[KnownProject]:
        """Yield the same for the projects that a list of serials does not settle.

        SQLite compares, and gets each serial by a call from C to C: for a whole index that takes a
        third of the time that a tuple for each project would.

        Args:
            listed: display name -> serial; settled projects are taken out of it.
            settled: what a project has to be like for nothing to be done about it.
        """
        serials = listed.copy()
        self._db.create_function("take_serial", 2, listed.pop)
        conditions = [
            "serial IS NULL",
            "NOT complete",
            "policy <> ?",
            "coalesce(reconsider_at <= ?, 0)",
        ]
        if settled.source_of is not None:
            self._db.create_function("source_of", 1, settled.source_of)
            conditions.append("(source <> '' AND source <> source_of(name))")
        if settled.is_doubtful is not None:
            self._db.create_function("is_doubtful", 1, settled.is_doubtful)
            conditions.append("is_doubtful(name)")
        # CASE is evaluated in order, so that each project is taken once.
        rows = self._db.execute(
            f"SELECT {_KNOWN} FROM projects WHERE CASE "
            "WHEN take_serial(display_name, -1) IS NOT serial THEN 1 "
            f"ELSE {' OR '.join(conditions)} END",
            (settled.policy, settled.now),
        )
        for row in rows:
            if row[1] in serials:
                listed[row[1]] = serials[row[1]]
            yield row

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
        """Drop projects: their rows, documents, and files that never came.

        The files that are present have to be gone before.
        """
        gone = [(name,) for name in names]
        self._db.executemany("DELETE FROM files WHERE project = ? AND NOT present", gone)
        self._db.executemany("DELETE FROM projects WHERE name = ?", gone)
        self._db.executemany("DELETE FROM documents WHERE name = ?", gone)
