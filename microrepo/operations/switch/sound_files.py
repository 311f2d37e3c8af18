"""Sound files of a repository: those whose content is known to be what the records say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.batching import batched
from microrepo.model import Digests, File, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.records.report import Failure
from microrepo.publish.project.found_files import is_distribution
from microrepo.repositories.directory_contents import Claim, contradiction, unrecorded
from microrepo.state import FileRow, Owner
from microrepo.stores.flat_directory import OnDisk
from microrepo.stores.hashing import hash_file

_ROWS_AT_ONCE = 500
_READERS = 4


class OtherFile(Struct, frozen=True, gc=False):
    """A distribution that only a user put there, with its SHA-256 and size."""

    project: NormalizedName
    file: File


class _Read(Struct, frozen=True):
    """A file that was read: its digests, or the problem."""

    filename: str
    digests: Digests = Digests()
    mtime_ns: int = 0
    problem: str = ""


class SoundFiles:
    """The files of a repository, sorted into sound and damaged ones.

    A recorded file counts as sound if its size and time are as recorded; others are read.

    Args:
        writes: record the times of files that were read.

    Attributes:
        disk: the files of the directory.
        damaged: files that are missing, damaged or unreadable, and why.
        absent: recorded files among them.
        projects: projects of all recorded files.
        found: files that no refresh downloaded, as `Publication.found` describes them.
        others: files that nothing in the state describes.
    """

    def __init__(self, holdings: Holdings, *, writes: bool = False) -> None:
        self._directory = holdings.directory
        self._state = holdings.state
        self._writes = writes
        self.disk: Mapping[str, OnDisk] = holdings.directory.scan()
        self.damaged: list[Failure] = []
        self.absent: set[str] = set()
        self.projects: set[str] = set()
        self.found: set[str] = set()
        self.others: list[OtherFile] = []
        known = self._compare_recorded()
        self._compare_found(known)
        self._read_others(known | self.found)
        self._count = len(known) - len(self.absent) + len(self.found) + len(self.others)

    @property
    def are_lost(self) -> bool:
        """Whether there are records of files, but none of these is sound."""
        return bool(self.damaged) and not self._count

    def _compare_recorded(self) -> set[str]:
        """Compare the files that sources listed with their rows; return their names."""
        persons = frozenset(self._state.filenames_of(Owner.PERSON))
        names: set[str] = set()
        touched: list[str] = []
        for filename, project, size, mtime_ns in self._state.iter_stats():
            if filename in persons:
                continue
            names.add(filename)
            self.projects.add(project)
            found = self.disk.get(filename)
            if found is None:
                self._leave_out(filename, "missing")
            elif found.size_bytes != size:
                self._leave_out(filename, f"damaged: {found.size_bytes} bytes instead of {size}")
            elif found.mtime_ns != mtime_ns:
                touched.append(filename)
        for batch in batched(touched, _ROWS_AT_ONCE):
            self._read_touched(batch)
        return names

    def _leave_out(self, filename: str, problem: str) -> None:
        self.absent.add(filename)
        self.damaged.append(Failure(filename, problem))

    def _read_touched(self, filenames: Sequence[str]) -> None:
        """Read recorded files with another time, as after a copy without times."""
        rows = self._state.files_named(filenames)
        intact: list[FileRow] = []
        for read in self._read((name, rows[name].digests) for name in filenames):
            if read.problem:
                self._leave_out(read.filename, read.problem)
                continue
            row = rows[read.filename]
            digests = row.digests.completed_by(read.digests)
            intact.append(msgspec.structs.replace(row, mtime_ns=read.mtime_ns, digests=digests))
        if self._writes and intact:
            with self._state.transaction():
                self._state.save_files(intact)

    def _compare_found(self, known: set[str]) -> None:
        for filename, project, size, mtime_ns in self._state.publication.found_stats():
            if filename not in known and self.disk.get(filename) == OnDisk(size, mtime_ns):
                self.found.add(filename)
                self.projects.add(project)

    def _read_others(self, known: set[str]) -> None:
        """Read the distributions that nothing describes."""
        names = {name: self.disk[name] for name in self.disk if name not in known}
        others = {name: found for name, found in names.items() if is_distribution(name)}
        stated = unrecorded(self._directory, self._state, others, listed=True)
        described = {one.row.filename: one for one in stated}
        for read in self._read((name, one.row.digests) for name, one in described.items()):
            if read.problem:
                self.damaged.append(Failure(read.filename, read.problem))
                continue
            one = described[read.filename]
            file = msgspec.structs.replace(
                one.file,
                digests=Digests(sha256=read.digests.sha256),
                size=self.disk[read.filename].size_bytes,
            )
            self.others.append(OtherFile(one.row.project, file))

    def _read(self, claims: Iterable[tuple[str, Digests]]) -> Iterator[_Read]:
        """Read files, and compare each with what is claimed about its content."""
        path = self._directory.path
        with ThreadPoolExecutor(_READERS) as threads:
            yield from threads.map(lambda claim: _read_one(path / claim[0], claim[1]), claims)


def _read_one(path: Path, claimed: Digests) -> _Read:
    strongest = claimed.strongest()
    algorithms = {"sha256", strongest[0]} if strongest else {"sha256"}
    try:
        before = path.stat()
        digests = hash_file(path, sorted(algorithms))
        after = path.stat()
    except OSError as error:
        return _Read(path.name, problem=f"cannot be read: {error.strerror}")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return _Read(path.name, problem="changed while it was read")
    problem = contradiction(Claim(claimed, "its record"), digests)
    return _Read(path.name, digests, after.st_mtime_ns, problem)
