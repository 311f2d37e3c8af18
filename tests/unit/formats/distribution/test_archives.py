"""Core metadata is read out of real archives, and hostile ones are refused."""

import gzip
import io
import tarfile
import zipfile
import zlib

import pytest

from microrepo.errors import MalformedResponse, Unavailable
from microrepo.formats.distribution.archives import (
    SdistParts,
    read_sdist_parts,
    read_wheel_metadata,
)
from microrepo.formats.distribution.core_metadata import from_metadata, from_sdist
from tests.support.packages import build_sdist, build_wheel

METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n"


def _zip(members: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    buffer.seek(0)
    return buffer


def _tar(members: dict[str, bytes], mode: str = "w:gz") -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    buffer.seek(0)
    return buffer


def test_wheel_metadata():
    """The METADATA of a real wheel comes out as it went in."""
    wheel = build_wheel("Demo.Pkg", "1.0", requires_dist=["a>=1"])
    body = read_wheel_metadata(io.BytesIO(wheel.content), wheel.filename)
    assert body == wheel.metadata
    assert from_metadata(body).requires_dist == ("a>=1",)


@pytest.mark.parametrize("kind", ["tar.gz", "zip", "tar.bz2"])
def test_sdist_parts(kind):
    """Source distributions of all formats give their PKG-INFO."""
    sdist = build_sdist("demo", "1.0", format=kind, requires_dist=["a>=1"])
    parts = read_sdist_parts(io.BytesIO(sdist.content), sdist.filename)
    metadata = from_sdist(parts.pkg_info, parts.requires_txt, parts.pyproject)
    assert (metadata.name, metadata.version) == ("demo", "1.0")


def test_the_top_directory_counts_not_a_vendored_copy():
    """A PKG-INFO deeper down is somebody else's."""
    members = {
        "demo-1.0/vendor/other/PKG-INFO": b"wrong",
        "demo-1.0/vendor/other-1/pyproject.toml": b"wrong",
        "demo-1.0/src/demo.egg-info/PKG-INFO": b"egg",
        "demo-1.0/src/demo.egg-info/requires.txt": b"a\n",
        "demo-1.0/PKG-INFO": b"right",
        "demo-1.0/pyproject.toml": b"toml",
    }
    expected = SdistParts(b"right", b"a\n", b"toml")
    assert read_sdist_parts(_tar(members), "demo-1.0.tar.gz") == expected
    assert read_sdist_parts(_tar(members, "w:xz"), "demo-1.0.tar.xz") == expected
    assert read_sdist_parts(_zip(members), "demo-1.0.zip") == expected


def test_an_sdist_without_anything():
    """Old archives tell nothing at all."""
    assert read_sdist_parts(_tar({"demo-1.0/setup.py": b""}), "demo-1.0.tar.gz") == SdistParts()


def test_dist_info_of_the_wheel_itself():
    """Of several dist-info directories the wheel's own is taken."""
    members = {"vendored-2.dist-info/METADATA": b"wrong", "demo-1.0.dist-info/METADATA": METADATA}
    assert read_wheel_metadata(_zip(members), "demo-1.0-py3-none-any.whl") == METADATA


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 but no zip",
        _zip({"demo/__init__.py": b""}).getvalue(),
        _zip({"a-1.dist-info/METADATA": b"", "b-1.dist-info/METADATA": b""}).getvalue(),
        _zip({"demo-1.0.dist-info/METADATA": b"x" * (9 << 20)}).getvalue(),
        _zip({"demo-1.0.dist-info/METADATA": METADATA * 50}).getvalue()[:-40],
    ],
    ids=["empty", "garbage", "no metadata", "two of them", "bomb", "truncated"],
)
def test_broken_wheels_are_refused(content):
    """Whatever is wrong with a wheel comes out as one kind of error."""
    with pytest.raises(MalformedResponse):
        read_wheel_metadata(io.BytesIO(content), "demo-1.0-py3-none-any.whl")


def _lying_header() -> bytes:
    info = tarfile.TarInfo("demo-1.0/PKG-INFO")
    info.size = 1 << 33
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT))


def _lying_pax() -> bytes:
    info = tarfile.TarInfo("header")
    info.type = tarfile.XHDTYPE
    info.size = 1 << 32
    return gzip.compress(info.tobuf(tarfile.USTAR_FORMAT))


def _bomb() -> bytes:
    header = tarfile.TarInfo("demo-1.0/zeros")
    header.size = 3 << 30
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(header.tobuf(tarfile.GNU_FORMAT))
    return body + packer.compress(bytes(1 << 20)) + packer.flush()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no tar at all",
        gzip.compress(b"no tar at all"),
        _tar({"demo-1.0/PKG-INFO": METADATA * 900}).getvalue()[:200],
        _lying_header(),
        _lying_pax(),
        _bomb(),
        b"BZh9 and then nothing that bzip2 knows",
        b"\xfd7zXZ\0 and then nothing",
    ],
    ids=["empty", "text", "text.gz", "cut", "large", "pax", "bomb", "bz2", "xz"],
)
def test_broken_sdists_are_refused(content):
    """Whatever is wrong with a source distribution comes out as one kind of error."""
    with pytest.raises(MalformedResponse):
        read_sdist_parts(io.BytesIO(content), "demo-1.0.tar.gz")


def test_errors_of_the_transport_pass_through():
    """A network that fails says nothing about the archive."""

    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise Unavailable("files.example", "connection reset")

    with pytest.raises(Unavailable):
        read_sdist_parts(Failing(b"x" * 100), "demo-1.0.tar.gz")
    with pytest.raises(Unavailable):
        read_wheel_metadata(Failing(b"x" * 100), "demo-1.0-py3-none-any.whl")
