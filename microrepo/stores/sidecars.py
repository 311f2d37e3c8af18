"""Sidecars: the metadata file beside each wheel (PEP 658, PEP 714).

A sidecar has the modification time of its wheel, to the nanosecond. One with another time was made
by another program or for another wheel, and is written again.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.stores.flat_directory import sidecar_name
from microrepo.stores.plain_files import open_plain_file, replace_file

MAX_SIDECAR_BYTES = 16 << 20


def write_sidecar(repository: str, filename: str, content: bytes, mtime_ns: int) -> None:
    """Write the metadata of a wheel beside it, atomically.

    Raises:
        OSError: it cannot be written.
    """
    temporary = f"{repository}/{CONTROL_FOLDER}/partial/{secrets.token_hex(8)}.sidecar"
    try:
        # `os`, not pathlib, which is slower: called for each new wheel.
        with open(temporary, "xb", buffering=0) as stream:  # noqa: PTH123
            stream.write(content)
            os.utime(stream.fileno(), ns=(mtime_ns, mtime_ns))
        replace_file(temporary, f"{repository}/{sidecar_name(filename)}")
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def read_sidecar(repository: Path, filename: str, mtime_ns: int) -> bytes | None:
    """Return the sidecar made for a wheel of this time; None without one."""
    try:
        with open_plain_file(repository / sidecar_name(filename)) as stream:
            status = os.fstat(stream.fileno())
            if status.st_mtime_ns != mtime_ns or not 0 < status.st_size <= MAX_SIDECAR_BYTES:
                return None
            return stream.read()
    except OSError:
        return None
