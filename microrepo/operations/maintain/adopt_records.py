"""Records of adopted files: projects for the next refresh, or their own metadata."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import msgspec

from microrepo.model import Cause, File, NormalizedName, Project
from microrepo.plan import Wanted
from microrepo.repositories.foreign.tree_layouts import Layout
from microrepo.state import FileRow, Owner, ProjectRow, State, pack
from microrepo.state.file_rows import Origin
from microrepo.state.tables.found_table import FoundRow

TreeProjects = Mapping[NormalizedName, "Project | None"]


class AdoptRecords:
    """Saves the records of adopted files, in the transaction of their rows.

    Args:
        projects: the tree's records of projects.
        wanted: the examined files.

    Attributes:
        origin: cause of the files.
        rows: rows saved so far.
    """

    def __init__(
        self, state: State, layout: Layout, projects: TreeProjects, wanted: Sequence[Wanted]
    ) -> None:
        self._state = state
        self._is_mirror = layout.is_mirror
        self._projects = projects
        self._files = {item.file.filename: item.file for item in wanted}
        detail, owner = (layout.name, Owner.MIRROR) if layout.is_mirror else ("", Owner.PERSON)
        self.origin = Origin(Cause.ADOPTED, detail, owner)
        self.rows: list[FileRow] = []

    def save(self, rows: Sequence[FileRow]) -> None:
        """Save the records of rows; stored records decide again on the files present now."""
        known = self._state.projects({row.project for row in rows})
        self._state.save_projects(
            msgspec.structs.replace(row, complete=False) for row in known.values()
        )
        if self._is_mirror:
            self._save_projects(rows, known)
        else:
            self._state.publication.save_found(self._found(row) for row in rows)
        self.rows += rows

    def _save_projects(self, rows: Sequence[FileRow], known: Container[str]) -> None:
        """Make the next refresh check the projects of a mirror; until then its records count."""
        files: dict[NormalizedName, list[File]] = {}
        for row in rows:
            files.setdefault(row.project, []).append(self._files[row.filename])
        projects = [
            self._projects.get(name) or project_of(name, files[name])
            for name in files
            if name not in known
        ]
        self._state.save_projects(
            ProjectRow(p.name, p.display_name, status=p.status) for p in projects
        )
        self._state.save_documents((project.name, pack(project)) for project in projects)

    def _found(self, row: FileRow) -> FoundRow:
        file = self._files[row.filename]
        return FoundRow(row.filename, row.project, row.size or 0, row.mtime_ns, row.project, file)


def project_of(name: NormalizedName, files: Sequence[File]) -> Project:
    """Return a project's record, built from its files."""
    versions = tuple(dict.fromkeys(file.version for file in files))
    return Project(name, name, files=tuple(files), versions=versions)
