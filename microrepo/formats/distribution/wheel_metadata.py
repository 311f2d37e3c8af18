"""Reader of wheels' METADATA, found as installers do: in the single matching ``.dist-info``.

Refuses what pip and uv refuse: several ``.dist-info`` directories, or one of another project.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.formats.distribution.zip_directory import (
    ZipDirectory,
    entry_at,
    names_in,
    read_member,
    read_zip_directory,
)

_INFO = b".dist-info"
# Installers refuse a wheel without them.
_NEEDED = ("METADATA", "WHEEL", "RECORD")


def read_wheel_metadata(
    fileobj: BinaryIO, filename: str = "", size_bytes: int | None = None
) -> bytes:
    """Return the METADATA of a wheel.

    Args:
        fileobj: the wheel, readable and seekable; it may be a window on a remote file.
        filename: the wheel's name, which its contents must match.
        size_bytes: its length, if known.

    Raises:
        MalformedResponse: not a zip archive, no METADATA, or a wheel that installers refuse.
            microrepo's own errors in `fileobj` pass through.
    """
    name = filename or "wheel"
    size = fileobj.seek(0, io.SEEK_END) if size_bytes is None else size_bytes
    directory = read_zip_directory(fileobj, size, name)
    found = info_members(directory, filename)
    if "METADATA" not in found:
        raise MalformedResponse(name, "has no METADATA")
    return read_member(fileobj, entry_at(directory, found["METADATA"], name), name)


def metadata_name(directory: ZipDirectory, filename: str) -> str:
    """Return the name of the member that is a wheel's METADATA.

    Raises:
        MalformedResponse: it is missing, or installers refuse the wheel.
    """
    found = info_members(directory, filename)
    if "METADATA" not in found:
        raise MalformedResponse(filename or "wheel", "has no METADATA")
    return entry_at(directory, found["METADATA"], filename).name


def info_members(directory: ZipDirectory, filename: str) -> dict[str, int]:
    """Return the positions of the members of a wheel's .dist-info, by name.

    Raises:
        MalformedResponse: there is not exactly one, or it belongs to another project.
    """
    name = filename or "wheel"
    infos: set[bytes] = set()
    found: dict[str, int] = {}
    twice = ""
    for place, raw in names_in(directory, name):
        top, slash, rest = raw.partition(b"/")
        if not top.endswith(_INFO):
            continue
        infos.add(top)
        if slash and b"/" not in rest:
            member = rest.decode("utf-8", errors="replace")
            if member in found and member in _NEEDED:
                twice = member
            found[member] = place
    if len(infos) != 1:
        raise MalformedResponse(name, f"has {len(infos)} .dist-info directories, not one")
    if twice:
        raise MalformedResponse(name, f"has {twice} twice")
    _check_info_name(infos.pop().decode("utf-8", errors="replace"), filename)
    return found


def _check_info_name(info: str, filename: str) -> None:
    """Raise for the .dist-info of another project, as pip compares names."""
    wheel = parse_wheel_name(filename)
    if wheel is not None and not canonicalize_name(info).startswith(wheel.name):
        raise MalformedResponse(filename, f"its .dist-info belongs to another project ({info})")
