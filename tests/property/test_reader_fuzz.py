"""Any bytes for a volume: the reader accepts or refuses them, and never does anything else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.volumes.volume_reader import VolumeReader, parse_contents
from microrepo.standalone.importer.volumes.volume_stream import VolumeStream
from tests.support.bundles import Outside
from tests.support.packages import build_sdist, build_wheel


def good_volume() -> bytes:
    outside = Outside()
    outside.put(build_wheel("dep", "1.0"), build_sdist("lone", "1.0"))
    (volume,) = outside.bundle(server_py=b"print()\n").volumes().values()
    return volume


VOLUME = good_volume()


def read(content: bytes) -> dict[str, bytes]:
    """Read a whole volume; return its members."""
    reader = VolumeReader(VolumeStream(io.BytesIO(content), "fuzz.tar"))
    header = reader.head().header
    if header.volume == 1:
        reader.manifest(header, lambda _: None)
    found = {}
    for one in parse_contents(reader.contents_text(header), header.volume):
        reader.begin(one)
        found[one.member] = b"".join(reader.chunks())
    reader.finish()
    return found


def test_the_good_volume() -> None:
    assert len(read(VOLUME)) == 4


@settings(max_examples=300)
@given(st.binary(max_size=3000))
def test_any_bytes(content: bytes) -> None:
    with pytest.raises(BundleError, match=r"fuzz\.tar"):
        read(content)


@st.composite
def changes(draw: st.DrawFn) -> bytes:
    """Cut, overwrite, insert, delete or repeat something somewhere."""
    content = bytearray(VOLUME)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(content)))
        some = draw(st.binary(min_size=1, max_size=40))
        kind = draw(st.sampled_from(("cut", "write", "insert", "delete", "repeat")))
        if kind == "cut":
            del content[place:]
        elif kind == "write":
            content[place : place + len(some)] = some
        elif kind == "insert":
            content[place:place] = some
        elif kind == "delete":
            del content[place : place + len(some)]
        else:
            content[place:place] = content[place : place + 512]
    return bytes(content)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(changes())
def test_changed_volumes(content: bytes) -> None:
    """What is accepted has the names and sizes of the good one; its digests are compared later."""
    good = {name: len(data) for name, data in read(VOLUME).items()}
    try:
        found = read(content)
    except BundleError:
        return
    assert {name: len(data) for name, data in found.items()} == good


def test_the_file_is_where_messages_say(tmp_path: Path) -> None:
    content = VOLUME[:600]
    with pytest.raises(BundleError, match="byte 600"):
        read(content)
