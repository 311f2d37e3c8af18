"""Direct URLs in metadata and wheels, redirected: what changes, and that nothing else does."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from distlib.wheel import Wheel
from hypothesis import given
from hypothesis import strategies as st

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.redirects import (
    NOTE,
    index_requirement,
    redirect_metadata,
    redirect_wheel,
)
from tests.support.packages import build_wheel


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lib @ https://h.example/x/lib-1.4-py3-none-any.whl", "lib==1.4"),
        ("lib @ https://h.example/lib-1.4.tar.gz#sha256=aa", "lib==1.4"),
        ("Lib.X[b,a] @ https://h.example/lib_x-1.0%2Bcpu-py3-none-any.whl", "Lib.X[a,b]==1.0+cpu"),
        ("lib @ https://h.example/lib-2.zip ; os_name == 'nt'", 'lib==2 ; os_name == "nt"'),
        ("lib @ https://h.example/other-1.4.tar.gz", "lib"),
        ("lib @ git+ssh://git@h.example/lib@v1.4", "lib"),
        ("lib @ file:///srv/lib", "lib"),
        ("lib>=1", None),
        ("not a requirement at all", None),
    ],
)
def test_what_stands_for_a_url(text: str, expected: str | None) -> None:
    assert index_requirement(text) == expected


def test_only_the_headers_change() -> None:
    body = (
        b"Metadata-Version: 2.1\r\nName: x\r\nSummary: caf\xe9\r\n"
        b"requires-dist : lib @\r\n  https://h.example/lib-1.4.tar.gz\r\n"
        b"Requires-Dist: plain\r\n"
        b"\r\nRequires-Dist: lib @ https://h.example/lib-1.4.tar.gz\r\n"
    )
    changed, found = redirect_metadata(body)
    assert changed == body.replace(
        b"requires-dist : lib @\r\n  https://h.example/lib-1.4.tar.gz\r\n",
        b"requires-dist : lib==1.4\r\n",
    )
    assert [(one.was, one.now) for one in found] == [
        ("lib @ https://h.example/lib-1.4.tar.gz", "lib==1.4")
    ]


def test_a_password_in_a_url_is_not_told() -> None:
    _, found = redirect_metadata(b"Requires-Dist: a @ https://me:pw@h.example/a-1.zip\n\n")
    assert "pw" not in str(found)
    assert "h.example" in found[0].was


@given(st.binary(max_size=400))
def test_metadata_without_urls_stays_to_the_byte(body: bytes) -> None:
    if b"@" not in body:
        assert redirect_metadata(body) == (body, ())


URL = "lib @ https://h.example/lib-1.4-py3-none-any.whl"


class _Unseekable(io.BytesIO):
    """Makes zipfile write sizes behind the members, as streaming packers do."""

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def seekable(self) -> bool:
        return False


def redirected(content: bytes, name: str) -> bytes:
    out = io.BytesIO()
    assert redirect_wheel(io.BytesIO(content), out, name, "aa")
    return out.getvalue()


def check(content: bytes, name: str, tmp_path: Path) -> dict[str, bytes]:
    """Verify the RECORD of a wheel, by distlib and by hand; return its members."""
    path = tmp_path / name
    path.write_bytes(content)
    Wheel(str(path)).verify()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        members = {info.filename: archive.read(info) for info in archive.infolist()}
        rows = list(csv.reader(io.StringIO(members["x-1.dist-info/RECORD"].decode())))
    assert {row[0] for row in rows} == set(members)
    sizes = {row[0]: int(row[2]) for row in rows if row[2]}
    assert sizes == {name: len(members[name]) for name in sizes}
    return members


def test_a_wheel_keeps_its_members_as_they_are_packed(tmp_path: Path) -> None:
    built = build_wheel("x", "1", requires_dist=[URL, "plain"], payload_size=3000)
    content = redirected(built.content, built.filename)
    members = check(content, built.filename, tmp_path)
    assert b"Requires-Dist: lib==1.4\n" in members["x-1.dist-info/METADATA"]
    assert f"x-1.dist-info/{NOTE}" in members
    old, new = zipfile.ZipFile(io.BytesIO(built.content)), zipfile.ZipFile(io.BytesIO(content))
    with old, new:
        for info in old.infolist():
            if "METADATA" not in info.filename and "RECORD" not in info.filename:
                kept = new.getinfo(info.filename)
                assert (kept.CRC, kept.compress_size) == (info.CRC, info.compress_size)
                assert new.read(kept) == old.read(info)
    assert redirected(built.content, built.filename) == content


def test_an_odd_wheel(tmp_path: Path) -> None:
    """Sizes behind the members, bytes before the archive, a signature, a note of an earlier copy."""
    built = build_wheel("x", "1", requires_dist=[URL])
    target = _Unseekable()
    with zipfile.ZipFile(io.BytesIO(built.content)) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info), zipfile.ZIP_DEFLATED)
        new.writestr("x-1.dist-info/RECORD.jws", b"signed")
    content = redirected(b"#!launcher\n" + target.getvalue(), built.filename)
    members = check(content, built.filename, tmp_path)
    assert "x-1.dist-info/RECORD.jws" not in members


def test_a_wheel_without_urls_is_left_alone() -> None:
    built = build_wheel("x", "1", requires_dist=["plain"])
    out = io.BytesIO()
    assert redirect_wheel(io.BytesIO(built.content), out, built.filename, "") == ()
    assert out.getvalue() == b""


def test_a_broken_wheel_is_named() -> None:
    built = build_wheel("x", "1", requires_dist=[URL])
    for content in (built.content[:-30], b"", hashlib.sha256().digest() * 9):
        with pytest.raises(MalformedResponse, match="x-1"):
            redirect_wheel(io.BytesIO(content), io.BytesIO(), built.filename, "")
