"""Sidecars: metadata files beside wheels (PEP 658, PEP 714), provenance objects beside files (PEP 740).

A sidecar has the modification time of its file, to the nanosecond. One with another time was made
by another program or for another file, and is written again.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from microrepo.formats.bounds import PROVENANCE
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.stores.flat_directory import provenance_name, sidecar_name
from microrepo.stores.plain_files import open_plain_file, replace_file

MAX_SIDECAR_BYTES = 16 << 20


def write_sidecar(repository: str, filename: str, content: bytes, mtime_ns: int) -> None:
    """Write the metadata of a wheel beside it, atomically.

    Raises:
        OSError: it cannot be written.
    """
    _write_beside(repository, sidecar_name(filename), content, mtime_ns)


def write_provenance(repository: str, filename: str, content: bytes) -> None:
    """Write the provenance object of a distribution beside it, atomically.

    Raises:
        OSError: it cannot be written, or the distribution is not there.
    """
    mtime_ns = (Path(repository) / filename).stat().st_mtime_ns
    _write_beside(repository, provenance_name(filename), content, mtime_ns)


def _write_beside(repository: str, name: str, content: bytes, mtime_ns: int) -> None:
    temporary = f"{repository}/{CONTROL_FOLDER}/partial/{secrets.token_hex(8)}.sidecar"
    try:
        # `os`, not pathlib, which is slower: called for each new wheel.
        with open(temporary, "xb", buffering=0) as stream:  # noqa: PTH123
            stream.write(content)
            os.utime(stream.fileno(), ns=(mtime_ns, mtime_ns))
        replace_file(temporary, f"{repository}/{name}")
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def read_sidecar(repository: Path, filename: str, mtime_ns: int) -> bytes | None:
    """Return the metadata file made for a wheel of this time; None without one."""
    return _read_beside(repository / sidecar_name(filename), mtime_ns, MAX_SIDECAR_BYTES)


def read_provenance_object(repository: Path, filename: str, mtime_ns: int) -> bytes | None:
    """Return the provenance object of a distribution of this time; None without one."""
    return _read_beside(repository / provenance_name(filename), mtime_ns, PROVENANCE.size_bytes)


def _read_beside(path: Path, mtime_ns: int, max_bytes: int) -> bytes | None:
    try:
        with open_plain_file(path) as stream:
            status = os.fstat(stream.fileno())
            if status.st_mtime_ns != mtime_ns or not 0 < status.st_size <= max_bytes:
                return None
            return stream.read()
    except OSError:
        return None
