"""Archives that come out the same each time they are made."""

from __future__ import annotations

import bz2 as bzip2
import io
import random
import tarfile
import zipfile
from collections.abc import Mapping
from gzip import GzipFile

_ZIP_EPOCH = (2024, 1, 1, 0, 0, 0)
_TAR_EPOCH_S = 1704067200


def payload(seed: str, size: int) -> bytes:
    """Return `size` incompressible bytes, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def pack_zip(members: Mapping[str, bytes]) -> bytes:
    """Pack a zip archive, its members in the given order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in members.items():
            entry = zipfile.ZipInfo(path, _ZIP_EPOCH)
            entry.external_attr = 0o100644 << 16
            # Deflating a random payload costs time and gains nothing.
            stored = path.endswith("payload.bin")
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def pack_tar(members: Mapping[str, bytes], *, bz2: bool) -> bytes:
    """Pack a tar archive, compressed by gzip or bzip2, its members in the given order."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mtime = _TAR_EPOCH_S
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    if bz2:
        return bzip2.compress(plain.getvalue())
    packed = io.BytesIO()
    with GzipFile(fileobj=packed, mode="wb", filename="", mtime=0, compresslevel=1) as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()
