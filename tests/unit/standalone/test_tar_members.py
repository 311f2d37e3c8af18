"""Members of tars: what `tarfile` finds, and bounds where that one has none."""

from __future__ import annotations

import io
import random
import tarfile
import time
from collections.abc import Callable

import pytest

from microrepo.standalone.server.tar_members import TarMembers

_FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
_Members = list[tuple[str, bool, bytes]]


def read(tar: bytes, max_headers: int = 1000) -> _Members:
    members = TarMembers(io.BytesIO(tar).read, max_headers)
    return [(one.name, one.is_file, members.content() if one.is_file else b"") for one in members]


def read_with_tarfile(tar: bytes) -> _Members:
    found = []
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
        for member in archive:
            body = archive.extractfile(member) if member.isfile() else None
            found.append((member.name, member.isfile(), b"" if body is None else body.read()))
    return found


def build(rng: random.Random, kind: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:", format=kind) as archive:
        for _ in range(rng.randint(0, 6)):
            parts = ("a", "ü", "x" * rng.randint(1, 60), "PKG-INFO")
            name = "/".join(rng.choice(parts) for _ in range(rng.randint(1, 6)))
            member = tarfile.TarInfo(name[:99] if kind == tarfile.USTAR_FORMAT else name)
            member.type = rng.choice([tarfile.REGTYPE] * 5 + [tarfile.DIRTYPE, tarfile.SYMTYPE])
            body = rng.randbytes(rng.choice((0, 1, 511, 512, 513))) if member.isreg() else b""
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return packed.getvalue()


@pytest.mark.parametrize("seed", range(60))
def test_members_are_those_that_tarfile_finds(seed: int) -> None:
    tar = build(random.Random(seed), _FORMATS[seed % 3])
    assert read(tar) == read_with_tarfile(tar)


@pytest.mark.parametrize("seed", range(60))
def test_damage_is_met_where_tarfile_meets_it(seed: int) -> None:
    rng = random.Random(seed)
    tar = bytearray(build(rng, _FORMATS[seed % 3]))
    for _ in range(rng.randint(1, 3)):
        tar[rng.randrange(min(len(tar), 4000))] = rng.randrange(256)

    def found(reader: Callable[[bytes], _Members]) -> _Members | None:
        try:
            return reader(bytes(tar))
        except (tarfile.TarError, ValueError, OverflowError):
            return None

    assert found(read) == found(read_with_tarfile)


def header(kind: bytes, size: int = 0, name: str = "foo-1.0/PKG-INFO") -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def pax(*records: bytes) -> bytes:
    body = b"".join(b"%d " % (len(one) + 3) + one for one in records)
    return header(tarfile.XHDTYPE, len(body)) + body + b"\0" * (-len(body) % 512)


@pytest.mark.parametrize(
    ("tar", "why"),
    [
        (header(tarfile.GNUTYPE_SPARSE, 512) + b"x" * 512, "sparse"),
        (pax(b"GNU.sparse.major=1\n") + header(tarfile.REGTYPE), "sparse"),
        (header(tarfile.GNUTYPE_LONGNAME, 2 << 20), "oversized header"),
        (header(tarfile.XHDTYPE, 2 << 20), "oversized header"),
        (header(tarfile.REGTYPE, 5), "ends inside a member"),
        (pax(b"path=a\n"), "ends after an extended header"),
        (b"x" * 512, "not a tar"),
        (b"", "not a tar"),
        (header(tarfile.REGTYPE) * 1001, "more than 1,000 members"),
    ],
)
def test_hostile_tars_are_refused(tar: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(tar)


def test_a_size_in_a_pax_header_counts() -> None:
    tar = pax(b"size=3\n") + header(tarfile.REGTYPE) + b"abc" + b"\0" * (509 + 1024)
    assert read(tar) == read_with_tarfile(tar) == [("foo-1.0/PKG-INFO", True, b"abc")]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGLINK, tarfile.REGTYPE])
def test_time_grows_with_the_number_of_headers(kind: bytes) -> None:
    def duration_s(count: int) -> float:
        started = time.process_time()
        read(header(kind) * count + header(tarfile.REGTYPE) + b"\0" * 1024, count + 1)
        return time.process_time() - started

    duration_s(100)
    assert duration_s(40_000) < 100 * max(duration_s(4_000), 1e-3)
