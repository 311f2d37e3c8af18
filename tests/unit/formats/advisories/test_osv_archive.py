"""OSV's archive: records read within bounds, and what is not one named."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import msgspec
import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.advisories.osv_archive import (
    OsvRecord,
    UnreadableRecord,
    parse_osv_record,
    read_osv_archive,
)
from microrepo.formats.bounds import OutOfBounds
from tests.support.advisories import osv_archive, osv_record


def read(body: bytes) -> list[OsvRecord | UnreadableRecord]:
    return list(read_osv_archive(io.BytesIO(body), "all.zip"))


def test_records_by_project() -> None:
    one = osv_record("GHSA-1", "Foo_Bar", fixed="1.0")
    one["affected"] += [
        {"package": {"ecosystem": "npm", "name": "foo"}},
        {"package": {"ecosystem": "PyPI", "name": "other"}, "versions": ["2"]},
        {"package": {"ecosystem": "PyPI", "name": "foo.bar"}, "versions": ["3"]},
        {"ranges": []},
    ]
    (found,) = read(osv_archive([one], {"README.txt": b"not a record"}))
    assert isinstance(found, OsvRecord)
    assert list(found.affected) == ["foo-bar", "other"]
    about = msgspec.json.decode(found.about(found_name("other")))
    assert about["affected"] == [one["affected"][2]]
    assert {**about, "affected": one["affected"]} == one
    assert len(msgspec.json.decode(found.about(found_name("foo-bar")))["affected"]) == 2


def found_name(text: str) -> Any:
    return text


def test_withdrawn_and_foreign_records_are_dropped() -> None:
    foreign = osv_record("GHSA-2", "x")
    foreign["affected"][0]["package"]["ecosystem"] = "npm"
    withdrawn = osv_record("GHSA-1", "foo", withdrawn="2026-01-01T00:00:00Z")
    assert read(osv_archive([withdrawn, foreign])) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"id": 5}',
        b'{"id": ""}',
        b'{"id": "X", "affected": 5}',
        b'{"id": "X", "modified": "' + b"z" * 5000 + b'"}',
        b'{"id": "X", "modified": "' + b" " * 5000 + b'2026-01-01"}',
        b'{"id": "X", "modified": "yesterday"}',
        b'{"id": "X", "affected": [{"package": "foo"}]}',
        b'{"id": "\xff"}',
        b'{"id": "X", "affected": [' + b"[" * 100_000,
        b'{"id": "X", "database_specific": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_record_costs_only_itself(body: bytes) -> None:
    found = read(osv_archive([osv_record("GHSA-1", "foo")], {"bad.json": body}))
    assert [type(one) for one in found] == [OsvRecord, UnreadableRecord]
    assert isinstance(found[1], UnreadableRecord)
    assert found[1].member == "bad.json"
    assert found[1].why


def test_a_record_too_large_costs_only_itself() -> None:
    record = osv_record("GHSA-2", "foo", details=" " * (9 << 20))
    found = read(osv_archive([osv_record("GHSA-1", "foo"), record]))
    assert [type(one) for one in found] == [OsvRecord, UnreadableRecord]


def test_a_bomb_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.json", b" " * (7 << 20))
    with pytest.raises(OutOfBounds):
        read(packed.getvalue())


@pytest.mark.parametrize("body", [b"", b"<html>", osv_archive([osv_record("A", "b")])[:-30]])
def test_no_archive(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        read(body)


def test_damaged_archive() -> None:
    body = bytearray(osv_archive([osv_record("GHSA-1", "foo")]))
    body[60] ^= 255
    with pytest.raises(MalformedResponse):
        read(bytes(body))


def test_a_long_id_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        parse_osv_record(msgspec.json.encode(osv_record("G" * 300, "foo")))
