"""Core metadata out of archives, read in place from an open file; nothing is ever unpacked.

The names inside an archive are only compared, never used as paths, and everything that is read or
skipped is bounded: an archive that is larger inside than any real one is refused.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol, cast

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.filenames import parse_wheel_name

_MAX_METADATA_BYTES = 8 * 1024 * 1024
_MAX_MEMBERS = 250_000
# Real source distributions reach some hundred MB.
_MAX_UNPACKED_BYTES = 2 * 1024**3
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    OverflowError,
)


class SdistParts(Struct, frozen=True):
    """The files of a source distribution that tell about it; None for what it lacks."""

    pkg_info: bytes | None = None
    requires_txt: bytes | None = None
    pyproject: bytes | None = None


def read_wheel_metadata(fileobj: BinaryIO, filename: str = "") -> bytes:
    """Return the METADATA of a wheel.

    Args:
        fileobj: the wheel, readable and seekable; it may be a window on a remote file.
        filename: the wheel's name, for choosing among several and for messages.

    Raises:
        MalformedResponse: no zip archive, no METADATA, or one that is too large. Errors of
            ours that `fileobj` raises pass through; `zipfile` takes any OSError for a bad zip.
    """
    with translated(filename or "wheel"), zipfile.ZipFile(fileobj) as archive:
        return _read_zip(archive, metadata_member(archive, filename), filename)


def read_egg_metadata(fileobj: BinaryIO, filename: str = "") -> bytes | None:
    """Return the PKG-INFO of an egg, None when it has none.

    Raises:
        MalformedResponse: no zip archive, or the member is too large.
    """
    with translated(filename or "egg"), zipfile.ZipFile(fileobj) as archive:
        members = {info.filename: info for info in archive.infolist()[:_MAX_MEMBERS]}
        info = members.get("EGG-INFO/PKG-INFO")
        return None if info is None else _read_zip(archive, info, filename)


@contextmanager
def translated(filename: str) -> Iterator[None]:
    """Say what is wrong with an archive in one way, however the standard library puts it.

    Raises:
        MalformedResponse: instead of the many errors of broken archives.
    """
    try:
        yield
    except _BROKEN as error:
        raise MalformedResponse(filename, f"cannot be read ({error})") from error
    except OSError as error:
        # Decompressors say "invalid data" with a plain OSError; a disk or a network that fails
        # has an error number or a class of its own, and says nothing about the archive.
        if type(error) not in {OSError, gzip.BadGzipFile} or error.errno is not None:
            raise
        raise MalformedResponse(filename, f"cannot be read ({error})") from error


def metadata_member(archive: zipfile.ZipFile, filename: str) -> zipfile.ZipInfo:
    """Return the METADATA of an open wheel.

    Raises:
        MalformedResponse: there is none, or more than one.
    """
    found = [
        info
        for info in archive.infolist()
        if info.filename.count("/") == 1 and info.filename.endswith(".dist-info/METADATA")
    ]
    wheel = parse_wheel_name(filename)
    if wheel is not None and len(found) > 1:
        project = canonicalize_name(wheel.project)
        found = [info for info in found if _project_of(info.filename) == project]
    if len(found) != 1:
        raise MalformedResponse(filename or "wheel", f"has {len(found)} METADATA files, not one")
    return found[0]


def _project_of(member: str) -> str:
    return canonicalize_name(member.partition("/")[0].partition("-")[0])


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, filename: str) -> bytes:
    with archive.open(info) as member:
        # The header's size may lie; what really comes out is what counts.
        body = member.read(_MAX_METADATA_BYTES + 1)
    if len(body) > _MAX_METADATA_BYTES:
        raise MalformedResponse(filename or "archive", f"{info.filename} is too large")
    return body


def read_sdist_parts(fileobj: BinaryIO, filename: str) -> SdistParts:
    """Return the telling files of a source distribution: zip or any tar.

    Args:
        fileobj: the archive, readable and seekable.
        filename: its name, which tells the format.

    Raises:
        MalformedResponse: it cannot be read, or is larger inside than any real one.
    """
    with translated(filename):
        if filename.lower().endswith(".zip"):
            return _zip_parts(fileobj, filename)
        return _tar_parts(fileobj, filename)


def _zip_parts(fileobj: BinaryIO, filename: str) -> SdistParts:
    with zipfile.ZipFile(fileobj) as archive:
        members = {info.filename: info for info in archive.infolist()[:_MAX_MEMBERS]}
        return _parts(members, lambda name: _read_zip(archive, members[name], filename))


def _tar_parts(fileobj: BinaryIO, filename: str) -> SdistParts:
    """Read a tar from front to back, once, keeping what may be wanted."""
    kept: dict[str, bytes] = {}
    stream = cast("BinaryIO", _Bounded(_unpacking(fileobj), filename))
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for count, member in enumerate(archive):
            if count >= _MAX_MEMBERS:
                raise MalformedResponse(filename, "has more members than any source distribution")
            name = member.name.removeprefix("./")
            if not member.isfile() or _kind(name) is None:
                continue
            if member.size > _MAX_METADATA_BYTES:
                raise MalformedResponse(filename, f"{name} is too large")
            body = archive.extractfile(member)
            kept[name] = body.read(_MAX_METADATA_BYTES) if body is not None else b""
    return _parts(kept, kept.__getitem__)


class _Seekable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


def _unpacking(fileobj: BinaryIO) -> _Seekable:
    magic = fileobj.read(6)
    fileobj.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=fileobj)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(fileobj)
    if magic == b"\xfd7zXZ\0":
        return lzma.LZMAFile(fileobj)
    return fileobj


class _Bounded:
    """A stream that ends with an error where no real archive would be.

    Headers of a tar may claim any length, and are read into memory.
    """

    def __init__(self, stream: _Seekable, filename: str) -> None:
        self._stream = stream
        self._filename = filename

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_METADATA_BYTES:
            raise MalformedResponse(self._filename, "has a header of absurd length")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0 or offset > _MAX_UNPACKED_BYTES:
            raise MalformedResponse(self._filename, "is larger inside than any real archive")
        return self._stream.seek(offset)

    def tell(self) -> int:
        return self._stream.tell()


def _kind(name: str) -> str | None:
    """Tell what a member is good for; only the top directory and the egg-info count."""
    parts = name.split("/")
    if len(parts) == 2 and parts[1] in {"PKG-INFO", "pyproject.toml"}:
        return parts[1]
    if len(parts) >= 3 and parts[-2].endswith(".egg-info"):
        return {"PKG-INFO": "egg PKG-INFO", "requires.txt": "requires.txt"}.get(parts[-1])
    return None


def _parts(names: Iterable[str], read: Callable[[str], bytes]) -> SdistParts:
    best: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name.count("/"), name)):
        kind = _kind(name.removeprefix("./"))
        if kind is not None:
            best.setdefault(kind, name)
    pkg_info = best.get("PKG-INFO", best.get("egg PKG-INFO"))
    return SdistParts(
        pkg_info=read(pkg_info) if pkg_info else None,
        requires_txt=read(best["requires.txt"]) if "requires.txt" in best else None,
        pyproject=read(best["pyproject.toml"]) if "pyproject.toml" in best else None,
    )
