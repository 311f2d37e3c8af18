"""Target of an adoption: existing files with the names of a tree's files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from microrepo.guards import Limits, check_space
from microrepo.model import Action, ActionKind, Digests, LocalFile
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.maintain.adopt_examination import Examined
from microrepo.repositories.directory_contents import Claim, damaged_found
from microrepo.repositories.foreign.tree_layouts import Candidate, Layout
from microrepo.state import FileRow
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.hashing import hash_file


class AdoptTarget:
    """Compares the files of a tree with those of the repository."""

    def __init__(self, holdings: Holdings, layout: Layout) -> None:
        self._holdings = holdings
        self._layout = layout

    def is_tree(self) -> bool:
        """Return whether the repository is the tree's own directory of files."""
        repository = self._holdings.directory.path
        return repository.exists() and repository.samefile(self._layout.files)

    def inside_tree(self) -> Path | None:
        """Return the repository's path, unless it is the tree itself or does not exist."""
        repository = self._holdings.directory.path
        return None if self.is_tree() or not repository.exists() else repository

    def room_refusal(self, found: Iterable[Candidate], limits: Limits) -> str:
        """Return why copies of files do not fit, "" if they do."""
        holdings = self._holdings
        if not holdings.directory.exists():
            return ""
        size_bytes = sum(c.size_bytes for c in found if holdings.on_disk(c.filename) is None)
        free_bytes, there = holdings.directory.free_bytes(), holdings.state.present_bytes()
        return str(check_space(size_bytes, there, free_bytes, limits) or "")

    def is_target(self, candidate: Candidate) -> bool:
        """Return whether a file is in the repository, or linked there."""
        try:
            return self._holdings.directory.file(candidate.filename).samefile(candidate.path)
        except OSError:
            return False

    def is_known(self, candidate: Candidate, row: FileRow | None) -> bool:
        """Return whether the repository has a file with the same size and time."""
        return (
            row is not None
            and (row.size, row.mtime_ns) == (candidate.size_bytes, candidate.mtime_ns)
            and self._holdings.is_intact(row)
        )

    def is_ours_already(self, action: Action, row: FileRow | None) -> bool:
        """Return whether a file is in place and recorded."""
        return action.kind is ActionKind.ADOPT and row is not None and self._holdings.is_intact(row)

    def local_file(self, one: Examined, row: FileRow | None) -> LocalFile | None:
        """Return the repository's file of the same name, with digests to compare."""
        name, holdings = one.candidate.filename, self._holdings
        disk = holdings.directory.stat(name)
        if disk is None or one.file is None:
            return None
        if self.is_target(one.candidate):
            digests = one.file.digests
        elif row is not None and holdings.is_intact(row) and row.digests.sha256:
            digests = row.digests
        else:
            try:
                digests = hash_file(holdings.directory.file(name), ("sha256",))
            except OSError:  # a directory or unreadable: a conflict in any case
                digests = Digests(sha256="unknown")
        return LocalFile(name, disk.size_bytes, disk.mtime_ns, digests=digests)

    def damaged(self, bad: Iterable[Examined], claims: Mapping[str, Claim]) -> list[FoundRow]:
        """Return the rows of files in the repository that differ from their records."""
        return [
            damaged_found(
                one.candidate.filename,
                one.candidate.project,
                claims[one.candidate.path],
                one.candidate.size_bytes,
            )
            for one in bad
            if one.candidate.path in claims and self.is_target(one.candidate)
        ]
