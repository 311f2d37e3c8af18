"""Reader of a distribution's digests and metadata, for uploads."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.errors import Unavailable
from microrepo.formats.distribution.archives import read_egg_metadata, read_sdist_parts
from microrepo.formats.distribution.filenames import package_type_of, split_release
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.formats.index.upload_form import form_fields
from microrepo.model import Digests
from microrepo.stores.hashing import ContentHasher, hash_file


class Content(Struct, frozen=True):
    """Content of a distribution to upload."""

    filename: str
    project: str
    digests: Digests
    fields: list[tuple[str, str]]


def read_content(path: Path, filename: str) -> Content:
    """Return the digests and metadata of a distribution.

    Raises:
        MalformedResponse: not a distribution, or an unreadable wheel.
        OSError: the file cannot be read.
    """
    digests = hash_file(path)
    metadata = read_metadata(path, filename)
    fields = form_fields(filename, metadata, digests)
    release = split_release(filename)
    named = next(value for name, value in fields if name == "name")
    return Content(filename, release[0] if release else named, digests, fields)


def read_metadata(path: Path, filename: str) -> bytes | None:
    """Return METADATA or PKG-INFO of a distribution, None for an old one without either.

    Raises:
        MalformedResponse: the archive cannot be read.
        OSError: the file cannot be read.
    """
    kind = package_type_of(filename)
    with path.open("rb") as stream:
        if kind == "bdist_wheel":
            return read_wheel_metadata(stream, filename)
        if kind == "sdist":
            return read_sdist_parts(stream, filename).pkg_info
        return read_egg_metadata(stream, filename) if kind == "bdist_egg" else None


def hash_url(client: Client, url: str) -> Digests:
    """Return the digests of a URL's content, without storing it.

    Raises:
        Unavailable: the URL cannot be read.
    """
    response = client.open(url, {"Accept-Encoding": "identity"})
    if response.status != 200:
        response.close()
        raise Unavailable(public_url(url), f"answers HTTP {response.status}")
    hasher = ContentHasher()
    try:
        while piece := response.read(client.piece_bytes):
            hasher.update(piece)
            client.throttle(len(piece))
    except OSError as error:
        response.close()
        raise Unavailable(public_url(url), f"the transfer broke off: {error}") from error
    response.release_conn()
    return hasher.digests()
