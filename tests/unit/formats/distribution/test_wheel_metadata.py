"""METADATA of a wheel: right, or not at all."""

from __future__ import annotations

import io
import zipfile

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from tests.support.packages import build_wheel

METADATA = b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n"
NAME = "foo-1.0.dist-info/METADATA"


def _zip(
    members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = comment
    return buffer.getvalue()


def _zip64() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open(NAME, "w", force_zip64=True) as out:
        out.write(METADATA)
    return buffer.getvalue()


def _find(archive: bytes) -> bytes | None:
    try:
        return read_wheel_metadata(io.BytesIO(archive), "foo-1.0-py3-none-any.whl")
    except MalformedResponse:
        return None


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_one_at_the_top_is_found(compression: int) -> None:
    """Wherever it stands among others, and whatever is vendored below."""
    members = {
        "foo/__init__.py": b"x" * 5000,
        "foo/_vendor/bar-2.0.dist-info/METADATA": b"Name: bar\n",
        NAME: METADATA,
        "foo-1.0.dist-info/RECORD": b"",
    }
    for _ in range(len(members)):
        archive = _zip(members, compression)
        assert _find(archive) == METADATA
        first = next(iter(members))
        members[first] = members.pop(first)


@pytest.mark.parametrize("place", [0, 200, 3000])
def test_a_directory_of_any_length_is_read(place: int) -> None:
    names = [f"foo/module_{number:04d}.py" for number in range(3000)]
    names.insert(place, NAME)
    archive = _zip({name: METADATA if name == NAME else b"" for name in names})
    assert _find(archive) == METADATA


def test_a_genuine_wheel_is_read() -> None:
    wheel = build_wheel("Foo.Bar", "1.0", payload_size=100_000)
    assert read_wheel_metadata(io.BytesIO(wheel.content), wheel.filename) == wheel.metadata


UNUSUAL = {
    "a comment": _zip({NAME: METADATA}, comment=b"hello"),
    "something before it": b"#!/usr/bin/python\n" + _zip({NAME: METADATA}),
    "something behind it": _zip({NAME: METADATA}) + b"\0",
    "bzip2": _zip({NAME: METADATA}, zipfile.ZIP_BZIP2),
    "lzma": _zip({NAME: METADATA}, zipfile.ZIP_LZMA),
    "zip64": _zip64(),
}


@pytest.mark.parametrize("archive", UNUSUAL.values(), ids=UNUSUAL)
def test_what_zipfile_reads_is_read(archive: bytes) -> None:
    """pip reads wheels with it."""
    assert zipfile.ZipFile(io.BytesIO(archive)).read(NAME) == METADATA
    assert _find(archive) == METADATA


WRONG = {
    "empty": b"",
    "no archive": b"x" * 4000,
    "no metadata": _zip({"foo/__init__.py": b""}),
    "two": _zip({NAME: METADATA, "bar-1.0.dist-info/METADATA": METADATA}),
    "longer names": _zip({f"{NAME}.orig": METADATA, f"x{NAME}/y": METADATA}),
    "too large": _zip({NAME: METADATA + b"\n" * (17 << 20)}),
}


@pytest.mark.parametrize("archive", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused(archive: bytes) -> None:
    assert _find(archive) is None


def test_damage_anywhere_is_noticed() -> None:
    """Either it says nothing, or what it says is right."""
    archive = _zip({"foo.py": b"print()", NAME: METADATA * 20})
    outcomes = set()
    for place in range(len(archive)):
        hurt = bytearray(archive)
        hurt[place] ^= 0x55
        outcomes.add(_find(bytes(hurt)))
        outcomes.add(_find(archive[:place]))
    assert outcomes == {None, METADATA * 20}


def test_an_entry_within_an_entry_is_not_believed() -> None:
    """A member whose name holds the head of another one."""
    inner = _zip({NAME: METADATA})
    directory = inner[inner.index(b"PK\x01\x02") : inner.rindex(b"PK\x05\x06")]
    name = "a" + directory.decode("latin-1")
    archive = _zip({name: b"forged", "foo.py": b""})
    assert _find(archive) in {None, b"forged"}
