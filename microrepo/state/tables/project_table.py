"""Table of projects: rows, and documents as the source gave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from microrepo.model import Project
from microrepo.state.rows import ProjectRow, unpack
from microrepo.state.tables.table import Table

PROJECT_COLUMNS = ", ".join(ProjectRow.__struct_fields__)

# name, display name, serial, complete, policy, retry_at, reconsider_at, source; a plain tuple
# because each refresh reads a whole index of them.
KnownProject = tuple[str, str, int | None, int, str, str | None, str | None, str]
SETTLED_LIST = "settled_list"  # key of `meta`: the list whose projects all need no check
_KNOWN = "name, display_name, serial, complete, policy, retry_at, reconsider_at, source"


class Settled(Struct, frozen=True):
    """Conditions under which a project with an unchanged serial need not be checked.

    Attributes:
        policy: fingerprint of the rules that selected its files.
        now: its selection does not change before this time.
        source_of: returns the name of a listed project's source; None with a single source.
        is_doubtful: returns whether a project must be checked by itself.
    """

    policy: str
    now: str
    source_of: Callable[[str], str] | None = None
    is_doubtful: Callable[[str], bool] | None = None


class ProjectTable(Table):
    """The tables of projects and their documents."""

    def iter_known(self) -> Iterator[KnownProject]:
        """Yield the columns that decide whether a project must be checked, for all projects."""
        return iter(self._db.execute(f"SELECT {_KNOWN} FROM projects"))

    def iter_unsettled(
        self, listed: dict[str, int | None], settled: Settled
    ) -> Iterator[KnownProject]:
        """Yield the same for projects that a list of serials does not settle.

        SQLite compares, and gets each serial by a call from C to C: for a whole index this takes a
        third of the time of a tuple per project.

        Args:
            listed: display name -> serial; settled projects are removed from it.
            settled: conditions for a settled project.
        """
        serials = listed.copy()
        self._db.create_function("take_serial", 2, listed.pop)
        # CASE is evaluated in order, so each project is removed once.
        rows = self._db.execute(
            f"SELECT {_KNOWN} FROM projects WHERE CASE "
            "WHEN take_serial(display_name, -1) IS NOT serial THEN 1 "
            f"ELSE {self._doubts(settled)} END",
            (settled.policy, settled.now),
        )
        for row in rows:
            if row[1] in serials:
                listed[row[1]] = serials[row[1]]
            yield row

    def iter_doubtful(
        self, listed: dict[str, int | None], settled: Settled
    ) -> Iterator[KnownProject]:
        """Return the same for projects that must be checked although all serials are listed ones.

        Args:
            listed: receives the serials of these projects.
            settled: conditions for a settled project.
        """
        query = f"SELECT {_KNOWN} FROM projects WHERE {self._doubts(settled)}"
        rows = self._db.execute(query, (settled.policy, settled.now)).fetchall()
        listed.update((row[1], row[2]) for row in rows)
        return iter(rows)

    def _doubts(self, settled: Settled) -> str:
        """Return the condition for a project with an unchanged serial that must be checked."""
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
        return " OR ".join(conditions)

    def projects(self, names: Iterable[str] | None = None) -> dict[str, ProjectRow]:
        """Return the rows of the named (or all) projects, by name."""
        query = f"SELECT {PROJECT_COLUMNS} FROM projects"
        rows = self._select(query, "name", names)
        return {row[0]: ProjectRow(*row) for row in rows}

    def save_projects(self, rows: Iterable[ProjectRow]) -> None:
        """Insert or replace project rows."""
        values = [msgspec.structs.astuple(row) for row in rows]
        self._unsettle(values)
        marks = ", ".join("?" * len(ProjectRow.__struct_fields__))
        self._db.executemany(
            f"INSERT OR REPLACE INTO projects({PROJECT_COLUMNS}) VALUES ({marks})",
            values,
        )

    def mark_complete(self, names: Iterable[str]) -> None:
        """Mark projects as complete."""
        self._db.executemany(
            "UPDATE projects SET complete = 1 WHERE name = ?", [(name,) for name in names]
        )

    def mark_incomplete(self, names: Iterable[str]) -> None:
        """Let the next refresh check that projects have the files that its rules select."""
        self._db.executemany(
            "UPDATE projects SET complete = 0 WHERE name = ?", [(name,) for name in names]
        )

    def save_documents(self, documents: Iterable[tuple[str, bytes]]) -> None:
        """Store packed documents by project name."""
        self._db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?)", documents)

    def documents(self, names: Iterable[str]) -> dict[str, Project]:
        """Return the stored records of the named projects."""
        rows = self._select("SELECT name, document FROM documents", "name", names)
        return {name: unpack(document) for name, document in rows}

    def packed_documents(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the same records in packed form."""
        return dict(self._select("SELECT name, document FROM documents", "name", names))

    def forget_projects(self, names: Iterable[str]) -> None:
        """Delete projects: their rows, documents, and rows of absent files.

        Their present files must be deleted before.
        """
        gone = [(name,) for name in names]
        self._unsettle(gone)
        self._db.executemany("DELETE FROM files WHERE project = ? AND NOT present", gone)
        self._db.executemany("DELETE FROM projects WHERE name = ?", gone)
        self._db.executemany("DELETE FROM documents WHERE name = ?", gone)

    def _unsettle(self, changed: Sequence[object]) -> None:
        """Forget the list that was compared with the rows before they changed."""
        if changed:
            self._db.execute("DELETE FROM meta WHERE key = ?", (SETTLED_LIST,))
