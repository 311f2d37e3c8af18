"""Writer of the metadata file beside a wheel (PEP 658, PEP 714), from the wheel in place.

An index makes its metadata files from the wheels too, so a verified wheel needs no further request.
"""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, cast

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.state.tables.found_table import SidecarRow
from microrepo.stores.sidecars import write_sidecar


class MakeSidecar(Struct, frozen=True, gc=False):
    """Write the metadata of a wheel beside it.

    Attributes:
        repository: path of the flat directory.
        filename: the wheel's name in it.
    """

    repository: str
    filename: str


def make_sidecar(task: MakeSidecar) -> SidecarRow:
    """Write the metadata of a wheel beside it, atomically.

    Returns:
        The outcome, without a digest if the wheel has no readable metadata.

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
    write_sidecar(task.repository, task.filename, metadata, status.st_mtime_ns)
    digest = hashlib.sha256(metadata).hexdigest()
    return SidecarRow(task.filename, status.st_size, status.st_mtime_ns, digest)
