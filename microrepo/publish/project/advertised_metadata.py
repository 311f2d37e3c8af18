"""Metadata files that exist beside wheels; only these are advertised (PEP 658)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Protocol

from microrepo.model import Outcome
from microrepo.state import State
from microrepo.state.tables.found_table import SidecarRow
from microrepo.stores.flat_directory import FlatDirectory, OnDisk, sidecar_name
from microrepo.stores.sidecars import read_sidecar
from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar

# Up to this many are made in this process; starting workers takes longer.
_FEW = 64


class OnDiskFile(Protocol):
    """The recorded size and time of a file in place."""

    @property
    def filename(self) -> str:
        """Name in the flat directory."""

    @property
    def size(self) -> int | None:
        """Bytes."""

    @property
    def mtime_ns(self) -> int:
        """Modification time."""


class Sidecars:
    """Digests of metadata files; writes missing ones.

    Args:
        state: records the digests.
        pool: returns the workers, to write many.
        makes: write missing ones.
        stat: returns size and time of a file; default: from disk.

    Attributes:
        fresh: new rows for the state.
    """

    def __init__(
        self,
        directory: FlatDirectory,
        state: State,
        pool: Callable[[], Executor],
        *,
        makes: bool = True,
        stat: Callable[[str], OnDisk | None] | None = None,
    ) -> None:
        self._directory = directory
        self._state = state
        self._pool = pool
        self._makes = makes
        self._stat = stat or directory.stat
        self.fresh: list[SidecarRow] = []

    def digests(self, files: Iterable[OnDiskFile]) -> dict[str, str]:
        """Return the digest of each existing sidecar, by the name of its wheel."""
        wheels = [file for file in files if file.filename.endswith(".whl")]
        known = self._state.publication.sidecars(wheel.filename for wheel in wheels)
        found: dict[str, str] = {}
        missing: list[OnDiskFile] = []
        for wheel in wheels:
            row = known.get(wheel.filename) or self._read(wheel)
            if row is None or not self._is_for(row, wheel):
                missing.append(wheel)
            elif row.sha256 is not None:
                found[row.filename] = row.sha256
        for row in self._make(missing) if self._makes else ():
            self.fresh.append(row)
            if row.sha256 is not None:
                found[row.filename] = row.sha256
        return found

    def _read(self, wheel: OnDiskFile) -> SidecarRow | None:
        """Read the sidecar that a worker has just written."""
        body = read_sidecar(self._directory.path, wheel.filename, wheel.mtime_ns)
        if body is None:
            return None
        digest = hashlib.sha256(body).hexdigest()
        row = SidecarRow(wheel.filename, wheel.size or 0, wheel.mtime_ns, digest)
        self.fresh.append(row)
        return row

    def _is_for(self, row: SidecarRow, wheel: OnDiskFile) -> bool:
        if (row.size, row.mtime_ns) != (wheel.size, wheel.mtime_ns):
            return False
        if row.sha256 is None:
            return True
        disk = self._stat(sidecar_name(row.filename))
        return disk is not None and disk.mtime_ns == row.mtime_ns

    def _make(self, wheels: Sequence[OnDiskFile]) -> Iterator[SidecarRow]:
        tasks = [MakeSidecar(str(self._directory.path), wheel.filename) for wheel in wheels]
        if len(tasks) <= _FEW:
            for task in tasks:
                with suppress(OSError):
                    yield make_sidecar(task)
            return
        pool = self._pool()
        futures = [pool.submit(make_sidecar, task) for task in tasks]
        for wheel, future in zip(wheels, futures, strict=True):
            with suppress(OSError):
                row = future.result()
                if isinstance(row, Outcome):
                    # Workers died of it, most likely of a zip bomb. It is not read again.
                    row = SidecarRow(wheel.filename, wheel.size or 0, wheel.mtime_ns, None)
                yield row
