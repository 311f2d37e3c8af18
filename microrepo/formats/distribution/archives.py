"""Reader of source distributions and eggs in place, without unpacking to disk.

Names inside an archive are only compared, never used as paths, and everything that is read or
skipped is limited: an archive larger inside than any real one is refused.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import ARCHIVE, Meter, OutOfBounds
from microrepo.formats.compression import method_of, unpack
from microrepo.formats.distribution.zip_directory import (
    ZipDirectory,
    entry_at,
    names_in,
    read_member,
    read_zip_directory,
)
from microrepo.standalone.server.tar_members import TarMember, TarMembers

_MAX_TEXT_BYTES = 8 << 20
_READ_BYTES = 1 << 16
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    OverflowError,
)


class SdistParts(Struct, frozen=True):
    """Metadata files of a source distribution; None for missing ones."""

    pkg_info: bytes | None = None
    requires_txt: bytes | None = None
    pyproject: bytes | None = None


@contextmanager
def translated(filename: str) -> Iterator[None]:
    """Turn the standard library's errors about an archive into MalformedResponse.

    Raises:
        MalformedResponse: the archive is damaged.
    """
    try:
        yield
    except _BROKEN as error:
        raise MalformedResponse(filename, f"cannot be read ({error})") from error
    except OSError as error:
        # Decompressors report invalid data with a plain OSError. Errors of a disk or a network have
        # an error number or another class, and do not mean that the archive is damaged.
        if type(error) not in {OSError, gzip.BadGzipFile} or error.errno is not None:
            raise
        raise MalformedResponse(filename, f"cannot be read ({error})") from error


def read_egg_metadata(fileobj: BinaryIO, filename: str = "") -> bytes | None:
    """Return the PKG-INFO of an egg, or None.

    Raises:
        MalformedResponse: not a zip archive, or the member is damaged or too large.
    """
    name = filename or "egg"
    directory = _directory(fileobj, name)
    for place, raw in names_in(directory, name):
        if raw == b"EGG-INFO/PKG-INFO":
            return read_member(fileobj, entry_at(directory, place, name), name)
    return None


def read_sdist_parts(fileobj: BinaryIO, filename: str) -> SdistParts:
    """Return the metadata files of a source distribution: zip or any tar.

    Args:
        fileobj: the archive, readable and seekable.
        filename: its name, which determines the format.

    Raises:
        MalformedResponse: it cannot be read, or is larger inside than any real one.
    """
    with translated(filename):
        if filename.lower().endswith(".zip"):
            return _zip_parts(fileobj, filename)
        return _tar_parts(fileobj, filename)


def _directory(fileobj: BinaryIO, name: str) -> ZipDirectory:
    return read_zip_directory(fileobj, fileobj.seek(0, io.SEEK_END), name)


def _zip_parts(fileobj: BinaryIO, filename: str) -> SdistParts:
    directory = _directory(fileobj, filename)
    parts = _Parts()
    for place, raw in names_in(directory, filename):
        # Old Windows programs wrote backslashes.
        member = raw.decode("utf-8", errors="replace").replace("\\", "/")

        def read(place: int = place) -> bytes:
            return read_member(fileobj, entry_at(directory, place, filename), filename)

        parts.see(member, read, is_file=not member.endswith("/"))
    return parts.found()


def _tar_parts(fileobj: BinaryIO, filename: str) -> SdistParts:
    """Read a tar sequentially, once, keeping possible metadata files."""
    parts = _Parts()
    members = TarMembers(_Unpacked(fileobj, filename).read, ARCHIVE.entries)
    for member in members:

        def read(member: TarMember = member) -> bytes:
            if member.size_bytes > _MAX_TEXT_BYTES:
                raise OutOfBounds(filename, f"{member.name[:200]} is too large")
            return members.content()

        parts.see(member.name.removeprefix("./"), read, is_file=member.is_file)
    return parts.found()


_LAST = (9, "")


class _Parts:
    """Best file of each kind so far; the top directory is known only at the end.

    Installers use the top directory that all members share, or the root of the archive.
    """

    def __init__(self) -> None:
        self._tops: set[str] = set()
        self._best: dict[tuple[bool, str], tuple[tuple[int, str], bytes]] = {}

    def see(self, name: str, read: Callable[[], bytes], *, is_file: bool) -> None:
        """Process a member."""
        if name in {"", ".", "pax_global_header"}:
            return
        top, slash, rest = name.partition("/")
        if len(self._tops) < 2:
            self._tops.add(top if slash or not is_file else "")
        if not is_file:
            return
        body: bytes | None = None
        for in_top, inside in ((False, name), (True, rest)):
            kind, rank = _kind(inside), (inside.count("/"), inside)
            # Of several, the highest one counts, then the first by name, wherever it is in the
            # archive.
            if kind is None or rank >= self._best.get((in_top, kind), (_LAST, b""))[0]:
                continue
            body = read() if body is None else body
            self._best[in_top, kind] = (rank, body)

    def found(self) -> SdistParts:
        """Return the files in the top directory."""
        has_top = len(self._tops) == 1 and "" not in self._tops
        bodies = {kind: body for (top, kind), (_, body) in self._best.items() if top == has_top}
        return SdistParts(
            pkg_info=bodies.get("PKG-INFO", bodies.get("egg PKG-INFO")),
            requires_txt=bodies.get("requires.txt"),
            pyproject=bodies.get("pyproject.toml"),
        )


def _kind(name: str) -> str | None:
    """Return the kind of a member of the top directory."""
    parts = name.split("/")
    if len(parts) == 1 and name in {"PKG-INFO", "pyproject.toml"}:
        return name
    if len(parts) in {2, 3} and parts[-2].endswith(".egg-info"):
        return {"PKG-INFO": "egg PKG-INFO", "requires.txt": "requires.txt"}.get(parts[-1])
    return None


class _Unpacked:
    """An unpacked tar, read forward with limits."""

    def __init__(self, fileobj: BinaryIO, filename: str) -> None:
        magic = fileobj.read(6)
        fileobj.seek(0)
        meter = Meter(ARCHIVE, filename)
        pieces: Iterable[bytes] = iter(lambda: fileobj.read(_READ_BYTES), b"")
        self._pieces = iter(unpack(method_of(magic), pieces, meter, filename))
        self._held = b""
        self._at = 0  # start of the unread part of `_held`

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer than `size` only at the end."""
        taken = []
        while size > 0 and self._fill():
            piece = self._held[self._at : self._at + size]
            taken.append(piece)
            self._at += len(piece)
            size -= len(piece)
        return b"".join(taken)

    def _fill(self) -> bool:
        if self._at >= len(self._held):
            self._held, self._at = next(self._pieces, b""), 0
        return bool(self._held)
