"""Metadata out of archives: every form they come in, and hostile ones within bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.standalone.server.archive_metadata import read_core_metadata
from microrepo.standalone.server.metadata import (
    MAX_METADATA_BYTES,
    info_from_core_metadata,
    parse_core_metadata,
)
from tests.support.packages import build_egg, build_sdist, build_wheel

MEMBER = "foo-1.0.dist-info/METADATA"
METADATA = b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\nSummary: Here\n"
MB = 1 << 20


@pytest.mark.parametrize(
    "built",
    [
        build_wheel("a", "1", summary="Here"),
        build_sdist("a", "1", summary="Here"),
        build_sdist("a", "1", summary="Here", format="zip"),
        build_sdist("a", "1", summary="Here", format="tar.bz2"),
        build_sdist("a", "1", summary="Here", format="tgz"),
    ],
    ids=lambda built: built.filename,
)
def test_metadata_is_read_in_place(tmp_path: Path, built: object) -> None:
    path = built.write_to(tmp_path)  # type: ignore[attr-defined]
    assert info_from_core_metadata(read_core_metadata(str(path))).summary == "Here"
    content = path.read_bytes()
    for broken in (content[: len(content) // 2], b"", b"PK\3\4" + content, bytes(500)):
        path.write_bytes(broken)
        read_core_metadata(str(path))


def test_an_egg_has_metadata_too(tmp_path: Path) -> None:
    path = build_egg("a", "1").write_to(tmp_path)
    assert b"Name: a" in read_core_metadata(str(path))
    assert read_core_metadata(str(tmp_path / "gone.whl")) == b""
    assert read_core_metadata(str(tmp_path)) == b""


def _zip(method: int = zipfile.ZIP_DEFLATED, *, force_zip64: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("foo/other.py", b"x = 1\n" * 100)
        with archive.open(MEMBER, "w", force_zip64=force_zip64) as member:
            member.write(METADATA)
    return out.getvalue()


def _all_zip64(content: bytes) -> bytes:
    """Move the place of the directory into the fields of large archives."""
    end = content.rindex(b"PK\5\6")
    count, size, offset = 2, *(int.from_bytes(content[end + at :][:4], "little") for at in (12, 16))
    record = b"PK\6\6" + (44).to_bytes(8, "little") + b"-\0-\0" + bytes(8)
    record += b"".join(number.to_bytes(8, "little") for number in (count, count, size, offset))
    place = b"PK\6\7" + bytes(4) + end.to_bytes(8, "little") + (1).to_bytes(4, "little")
    return content[:end] + record + place + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_zip(), id="deflate"),
        pytest.param(_zip(zipfile.ZIP_STORED), id="stored"),
        pytest.param(_zip(zipfile.ZIP_BZIP2), id="bzip2"),
        pytest.param(_zip(force_zip64=True), id="large sizes"),
        pytest.param(_all_zip64(_zip()), id="large archive"),
        pytest.param(b"#!/bin/sh\n" + _zip(), id="behind a script"),
    ],
)
def test_zips_of_all_forms(tmp_path: Path, content: bytes) -> None:
    assert zipfile.ZipFile(io.BytesIO(content)).read(MEMBER) == METADATA
    path = tmp_path / "foo-1.0-py3-none-any.whl"
    path.write_bytes(content)
    assert read_core_metadata(str(path)) == METADATA


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")],
)
def test_tars_of_all_forms(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"foo-1.0{suffix}"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in (("foo-1.0/a", bytes(5 * MB)), ("foo-1.0/PKG-INFO", METADATA)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert read_core_metadata(str(path)) == METADATA


@given(
    st.sampled_from([_zip(), _all_zip64(_zip()), _zip(zipfile.ZIP_BZIP2)]),
    st.lists(st.tuples(st.integers(0, 800), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 900),
)
def test_damaged_zips_do_no_harm(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, hits: list[tuple[int, int]], end: int
) -> None:
    damaged = bytearray(content)
    for place, value in hits:
        damaged[-(place % len(damaged))] = value
    path = tmp_path_factory.getbasetemp() / "damaged-1.0-py3-none-any.whl"
    path.write_bytes(damaged[: len(damaged) - (end if end < len(damaged) // 2 else 0)])
    assert len(read_core_metadata(str(path))) <= MAX_METADATA_BYTES


def _zip_bomb(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive, archive.open(MEMBER, "w") as member:
        member.write(METADATA)
        for _ in range(200):
            member.write(b"x" * MB)
    return out.getvalue()


def _many_members() -> bytes:
    """A directory of 400,000 members, more than is read."""
    entry = _zip()
    start = entry.index(b"PK\1\2")
    end = entry.index(b"PK\5\6")
    directory = entry[start:end] * 200_000
    size = len(directory).to_bytes(4, "little") + start.to_bytes(4, "little")
    return entry[:start] + directory + b"PK\5\6" + bytes(8) + size + bytes(2)


def _tar_bomb(compress: Callable[[bytes], bytes], header_size: int = 500 * MB) -> bytes:
    member = tarfile.TarInfo("foo-1.0/big")
    member.size = header_size
    return compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(200 * MB))


def _long_name_bomb() -> bytes:
    """The name of the member is 200 MB long."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 200 * MB
    return gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(200 * MB), 1)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "deflate": (".whl", lambda: _zip_bomb(zipfile.ZIP_DEFLATED)),
    "bzip2": (".whl", lambda: _zip_bomb(zipfile.ZIP_BZIP2)),
    "lzma": (".whl", lambda: _zip_bomb(zipfile.ZIP_LZMA)),
    "many members": (".whl", _many_members),
    "tar.gz": (".tar.gz", lambda: _tar_bomb(lambda data: gzip.compress(data, 1))),
    "tar.bz2": (".tar.bz2", lambda: _tar_bomb(lambda data: bz2.compress(data, 1))),
    "tar.xz": (".tar.xz", lambda: _tar_bomb(lambda data: lzma.compress(data, preset=0))),
    "bzip2 called gzip": (".tar.gz", lambda: _tar_bomb(lambda data: bz2.compress(data, 1))),
    "long name": (".tar.gz", _long_name_bomb),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_cost_little(tmp_path: Path, bomb: str) -> None:
    suffix, make = BOMBS[bomb]
    path = tmp_path / f"foo-1.0-py3-none-any{suffix}"
    path.write_bytes(make())
    started_s = time.process_time()
    tracemalloc.start()
    content = read_core_metadata(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(content) <= MAX_METADATA_BYTES
    assert peak < 64 * MB
    assert time.process_time() - started_s < 5


def test_a_million_lines_are_read_in_time() -> None:
    started_s = time.process_time()
    fields = parse_core_metadata(b"Description: x\n" + b" y\n" * 350_000)
    assert fields["description"][0].count("y") == 350_000
    assert time.process_time() - started_s < 5
