"""Holdings of a repository: its state and its directory."""

from __future__ import annotations

from microrepo.publish.links import Links
from microrepo.state import FileRow, State
from microrepo.stores.flat_directory import SCAN_LIMIT, FlatDirectory, OnDisk


class Holdings:
    """The files of a repository, by state and directory.

    Attributes:
        state_was_lost: the state was rebuilt, and the directory may hold files of earlier runs.

    Args:
        links: how pages link to files; without files of its own, the repository is an index.
    """

    def __init__(self, state: State, directory: FlatDirectory, links: Links) -> None:
        self.state = state
        self.directory = directory
        self.links = links
        self.state_was_lost = False
        self._on_disk: dict[str, OnDisk] | None = None

    def on_disk(self, filename: str) -> OnDisk | None:
        """Return the entry of a name in the flat directory, read once per run."""
        if self._on_disk is not None:
            return self._on_disk.get(filename)
        return self.directory.stat(filename)

    def is_intact(self, row: FileRow) -> bool:
        """Return whether a recorded file is on disk with the size and time it was verified with."""
        disk = self.on_disk(row.filename)
        return disk is not None and row.present and disk.matches(row)

    def holds(self, row: FileRow) -> bool:
        """Return whether the repository has a file: its content, or in an index its link."""
        return row.present or not self.links.files

    def count_held(self, at_most: int | None = None) -> int:
        """Return the number of files, counted up to a limit."""
        state = self.state
        return state.count_present(at_most) if self.links.files else state.count_recorded(at_most)

    def scan(self) -> bool:
        """Scan the whole directory unless it is too large; return whether it was scanned."""
        if self.state.count_present(SCAN_LIMIT + 1) > SCAN_LIMIT:
            return False
        self._on_disk = self.directory.scan()
        return True
