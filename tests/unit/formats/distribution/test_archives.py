"""Core metadata is read out of real archives, and hostile ones are refused."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import pytest

from microrepo.errors import MalformedResponse, Unavailable
from microrepo.formats.distribution.archives import (
    SdistParts,
    read_sdist_parts,
)
from microrepo.formats.distribution.core_metadata import from_metadata
from microrepo.formats.distribution.sdist_metadata import from_sdist
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
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
    metadata = from_sdist(parts)
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


@pytest.mark.parametrize(
    "members",
    [
        {"PKG-INFO": b"right", "setup.py": b""},
        {"PKG-INFO": b"right", "demo-1.0/PKG-INFO": b"wrong"},
        {"demo-1.0/PKG-INFO": b"right", "demo-1.0/setup.py": b"", "demo-1.0/demo/x.py": b""},
        {"./demo-1.0/PKG-INFO": b"right", "./demo-1.0/setup.py": b""},
    ],
    ids=["no top directory", "two tops", "a top", "behind a dot"],
)
def test_the_top_directory_is_what_all_members_share(members):
    """As installers see it; without one the root of the archive counts."""
    for archive, name in ((_tar(members), "demo-1.0.tar.gz"), (_zip(members), "demo-1.0.zip")):
        if not name.endswith("zip") or "./demo-1.0/PKG-INFO" not in members:
            assert read_sdist_parts(archive, name).pkg_info == b"right"


def test_backslashes_of_old_windows_programs():
    """They are taken for what they were meant to be."""
    archive = _zip({"demo-1.0\\PKG-INFO": b"right", "demo-1.0\\setup.py": b""})
    assert read_sdist_parts(archive, "demo-1.0.zip").pkg_info == b"right"


def test_many_metadata_files_cost_one():
    """Of hundreds of large ones the best is kept."""
    members = {f"demo-1.0/a{n}.egg-info/PKG-INFO": bytes(4_000_000) for n in range(60)}
    tracemalloc.start()
    parts = read_sdist_parts(_tar({**members, "demo-1.0/PKG-INFO": METADATA}), "demo-1.0.tar.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert parts.pkg_info == METADATA
    assert peak < 40_000_000


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"bar-2.dist-info/METADATA": b"", "demo-1.0.dist-info/METADATA": METADATA}, "has 2 "),
        ({"bar-1.0.dist-info/METADATA": METADATA}, "another project"),
        ({"demo-1.0.dist-info/WHEEL": b""}, "no METADATA"),
        ({"demo.py": b""}, "has 0 "),
    ],
)
def test_wheels_that_installers_refuse_for_their_dist_info(members, why):
    """There is one, of the wheel's own name and version."""
    with pytest.raises(MalformedResponse, match=why):
        read_wheel_metadata(_zip(members), "demo-1.0-py3-none-any.whl")


@pytest.mark.parametrize("version", ["1.0.0", "2"])
def test_the_name_of_a_dist_info_is_compared_as_a_name(version):
    """Its version says nothing to installers; that of METADATA does."""
    archive = _zip({f"Demo_X-{version}.dist-info/METADATA": METADATA})
    assert read_wheel_metadata(archive, "demo_x-1.0-py3-none-any.whl") == METADATA


def test_a_million_members_are_refused_before_they_are_made():
    """A table of contents is counted in its bytes."""
    out = bytearray(b"PK\x03\x04" + bytes(26) + b"a")
    start = len(out)
    for number in range(150_000):
        name = b"%x" % number
        fields = (b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
        out += struct.pack("<4s6H3L5H2L", *fields) + name
    end = (b"PK\x05\x06", 0, 0, 65535, 65535, len(out) - start, start, 0)
    archive = io.BytesIO(bytes(out) + struct.pack("<4s4H2LH", *end))
    with pytest.raises(MalformedResponse, match="more than"):
        read_wheel_metadata(archive, "demo-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 but no zip",
        _zip({"demo/__init__.py": b""}).getvalue(),
        _zip({"a-1.dist-info/METADATA": b"", "b-1.dist-info/METADATA": b""}).getvalue(),
        _zip({"demo-1.0.dist-info/METADATA": b"x" * (17 << 20)}).getvalue(),
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
