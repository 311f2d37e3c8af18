"""What pip and uv refuse of a wheel when they install it, held against both in the law of installers."""

from __future__ import annotations

import email.parser
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.core_metadata import from_metadata
from microrepo.formats.distribution.header_fields import metadata_fields
from microrepo.formats.distribution.wheel_checks import (
    check_members,
    check_wheel,
    has_prefix,
    unread_by_uv,
)
from tests.support.archives import pack_zip
from tests.support.odd_wheels import FAULTS, odd_wheel
from tests.support.packages import build_wheel

NAME = "zz_a-2.0-py3-none-any.whl"
INFO = "zz_a-2.0.dist-info"
SOUND = {
    "zz_a/__init__.py": b"X = 1\n",
    f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: zz-a\nVersion: 2.0\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/RECORD": b"zz_a/__init__.py,,\n",
}
REFUSED = (
    *("other info", "two infos", "no metadata", "no wheel", "no record", "outside", "odd data"),
    *("wheel 2.0", "wheel without version", "wheel of odd version", "wheel not utf-8"),
    *("empty wheel", "odd record", "odd entry points", "entry point without module"),
    "info with dashes",
)
TAKEN = (
    *("wheel 1.9", "no root", "empty record", "record of others", "data", "data of others"),
    *("info in capitals", "info without version", "info with a zero more"),
)


def _accepted(members: dict[str, bytes]) -> bool:
    try:
        check_wheel(io.BytesIO(pack_zip(members)), NAME)
    except MalformedResponse:
        return False
    return True


@pytest.mark.parametrize("fault", [*REFUSED, *TAKEN])
def test_faults(fault: str) -> None:
    content = io.BytesIO(odd_wheel(NAME, fault=fault))
    if fault in TAKEN:
        check_wheel(content, NAME)
    else:
        with pytest.raises(MalformedResponse):
            check_wheel(content, NAME)
    assert fault in FAULTS


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", True),
        ("[console_scripts]\nx = mod:f\n", True),
        ("[console_scripts]\nx = a.b:C.f [y]\n", True),
        ("# c\n[console_scripts]\n  x = mod:f\n  y = mod:g\n", True),
        ("[other]\nx = what is this\n", True),
        ("[console_scripts]\nx = mod\n", False),
        ("[gui_scripts]\nx =\n", False),
        ("[other]\nx\n", False),
        ("x = mod:f\n", False),
        ("[console_scripts]\nx = mod:f\nx = mod:g\n", False),
        ("[console_scripts]\nx = mod:f\n[console_scripts]\ny = mod:f\n", False),
        ("[console_scripts]\nx = mod:f\n  y = mod:g\n", False),
        ("[console_scripts]\nx: mod:f\n", False),
        ("[console_scripts]\nx = my-mod:f\n", False),
        ("[console_scripts]\na/x = mod:f\n", False),
        ("[console_scripts]\nx = mod:f # y\n", False),
    ],
)
def test_entry_points(text: str, taken: bool) -> None:
    assert _accepted({**SOUND, f"{INFO}/entry_points.txt": text.encode()}) is taken


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ('"zz_a/__init__.py",sha256=x,6\n', True),
        ("zz_a/__init__.py,,,\n", True),
        ("../../x.py,,\n", True),
        ("zz_a/__init__.py,\n", False),
        ("\nzz_a/__init__.py,,\n", False),
        ("zz_a/__init__.py,,x\n", False),
        ('"zz_a/__init__.py,,\n', False),
    ],
)
def test_records(text: str, taken: bool) -> None:
    assert _accepted({**SOUND, f"{INFO}/RECORD": text.encode()}) is taken


@pytest.mark.parametrize(
    ("text", "taken"),
    [("1.300", True), ("0.1", True), ("1.0.0", True), ("1", False), ("2.0", False), ("x", False)],
)
def test_wheel_versions(text: str, taken: bool) -> None:
    assert _accepted({**SOUND, f"{INFO}/WHEEL": f"Wheel-Version: {text}\n".encode()}) is taken


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("zz_a/../x.py", True),
        ("./x.py", True),
        ("zz_a-2.0.data/scripts/x", True),
        ("/x.py", False),
        ("zz_a/../../x.py", False),
        ("zz_a-2.0.data/x", False),
        ("zz_a-2.0.data/purelib/../../x", False),
        ("other.data/x/y", False),
        ("zz_a/a\x01b.py", False),
    ],
)
def test_names_of_members(name: str, taken: bool) -> None:
    assert _accepted({**SOUND, name: b"x"}) is taken


def _changed(at: int) -> Callable[[bytes], bytes]:
    return lambda body: body[:at] + bytes([body[at] ^ 255]) + body[at + 1 :]


def test_a_damaged_member() -> None:
    at = 30 + len("zz_a/payload.bin") + 5
    content = pack_zip({"zz_a/payload.bin": b"x" * 100, **SOUND})
    check_members(io.BytesIO(content), NAME)
    with pytest.raises(MalformedResponse):
        check_members(io.BytesIO(_changed(at)(content)), NAME)


def test_bytes_before_the_archive() -> None:
    content = build_wheel("zz-a", "2.0").content
    assert not has_prefix(io.BytesIO(content))
    assert has_prefix(io.BytesIO(b"#!/bin/sh\n" + content))
    with pytest.raises(MalformedResponse):
        check_wheel(io.BytesIO(b"#!/bin/sh\n" + content), NAME)


@pytest.mark.parametrize(
    ("line", "unread"),
    [
        ("Requires-Dist: b===1.0", False),
        ("Requires-Dist: b (>=1)", False),
        ("Requires-Dist: b===foo", True),
        ("Requires-Dist: b ()", True),
        ("Requires-Dist: b; python_version === '1'", True),
        ("Requires-Python: (>=3)", True),
        ("Requires-Python: >=3.6.*", False),
    ],
)
def test_what_only_pip_reads(line: str, unread: bool) -> None:
    head = "Metadata-Version: 2.1\nName: a\nVersion: 1\n"
    assert unread_by_uv(from_metadata(f"{head}{line}\n".encode())) is unread


_LINES = st.sampled_from(
    [
        "Name: a",
        "Version: 1",
        " fold",
        "\tfold",
        "",
        "junk",
        "From x",
        "x y: 1",
        ": 1",
        "A!: 2",
        " ",
        "Requires-Dist: b",
        "requires-dist: c",
        "Caf\u00e9: 1",
        "Summary: x\x0by",
        "S:",
        "\ufeffS: 1",
    ]
)


@given(st.lists(st.tuples(_LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=8))
def test_header_fields_are_those_of_the_standard_library(lines: list[tuple[str, str]]) -> None:
    text = "".join(map("".join, lines))
    expected: dict[str, list[str]] = {}
    for key, value in email.parser.Parser().parsestr(text).items():
        expected.setdefault(key.lower(), []).append(" ".join(value.split()))
    found = metadata_fields(text.encode())[0]
    joined = {key: [" ".join(one.split()) for one in values] for key, values in found.items()}
    assert joined == expected
