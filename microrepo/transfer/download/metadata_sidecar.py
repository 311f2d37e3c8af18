"""The metadata file beside a wheel (PEP 658, PEP 714): taken out of the wheel that is in place.

An index makes its metadata files from the wheels too, so a verified wheel needs no further request.
A sidecar carries the modification time of its wheel, to the nanosecond: one that does not was made
by someone else, or for another wheel of that name, and is made again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.state.tables.found_table import SidecarRow
from microrepo.stores.flat_directory import CONTROL

MAX_SIDECAR_BYTES = 16 << 20


class MakeSidecar(Struct, frozen=True, gc=False):
    """Put the metadata of a wheel beside it.

    Attributes:
        repository: path of the flat directory.
        filename: the wheel's name in it.
    """

    repository: str
    filename: str


def make_sidecar(task: MakeSidecar) -> SidecarRow:
    """Put the metadata of a wheel beside it, at once or not at all.

    Returns:
        What there is now; without a digest when the wheel holds no readable metadata.

    Raises:
        OSError: the wheel cannot be opened, or the file cannot be written.
    """
    path = f"{task.repository}/{task.filename}"
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - each new wheel comes by here
        status = os.fstat(stream.fileno())
        try:
            metadata = read_wheel_metadata(cast("BinaryIO", stream), task.filename, status.st_size)
        except MalformedResponse:
            return SidecarRow(task.filename, status.st_size, status.st_mtime_ns, None)
    _write(task.repository, f"{path}.metadata", metadata, status.st_mtime_ns)
    digest = hashlib.sha256(metadata).hexdigest()
    return SidecarRow(task.filename, status.st_size, status.st_mtime_ns, digest)


def _write(repository: str, path: str, content: bytes, mtime_ns: int) -> None:
    temporary = f"{repository}/{CONTROL}/partial/{secrets.token_hex(8)}.sidecar"
    try:
        with open(temporary, "xb", buffering=0) as stream:  # noqa: PTH123
            stream.write(content)
            os.utime(stream.fileno(), ns=(mtime_ns, mtime_ns))
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def read_sidecar(repository: Path, filename: str, mtime_ns: int) -> bytes | None:
    """Return the sidecar that was made for the wheel of this time; None when there is none."""
    try:
        with (repository / f"{filename}.metadata").open("rb", buffering=0) as stream:
            status = os.fstat(stream.fileno())
            if status.st_mtime_ns != mtime_ns or not 0 < status.st_size <= MAX_SIDECAR_BYTES:
                return None
            return stream.read()
    except OSError:
        return None
