"""The advisory index: built from OSV's archive, read block by block."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import Any

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.advisories.index_building import build_index
from microrepo.formats.bounds import OutOfBounds
from microrepo.standalone.server.advisories.advisory_index import (
    AdvisoryIndex,
    AdvisoryIndexError,
)
from tests.support.advisories import osv_archive, osv_record

RECORDS = [
    osv_record("PYSEC-1", "foo", fixed="1.1", modified="2026-01-01T00:00:00Z"),
    osv_record("GHSA-1", "foo", fixed="1.2"),
    osv_record("MAL-1", "evil"),
]


def built(records: list[dict[str, Any]]) -> bytes:
    archive = osv_archive(records)
    sha256 = hashlib.sha256(archive).hexdigest()
    return build_index(io.BytesIO(archive), "all.zip", sha256).content


def opened(content: bytes) -> AdvisoryIndex:
    return AdvisoryIndex(lambda offset, size: content[offset : offset + size])


def test_records_come_back_by_project() -> None:
    content = built(RECORDS)
    index = opened(content)
    assert list(index.names()) == ["evil", "foo"]
    assert index.records("foo") == [RECORDS[1], RECORDS[0]]
    assert index.records("other") == []
    assert "foo" in index
    assert "other" not in index
    assert (index.has_malware("evil"), index.has_malware("foo")) == (True, False)
    assert index.facts["records"] == 3
    assert index.facts["modified"] == "2026-11-20T12:00:00.000000Z"
    assert content.partition(b"\n")[2] == built(RECORDS[::-1]).partition(b"\n")[2]


def test_digests_change_with_the_records_about_a_project() -> None:
    before = opened(built(RECORDS))
    after = opened(built([*RECORDS, osv_record("GHSA-2", "foo", fixed="3")]))
    assert before.digest("evil") == after.digest("evil")
    assert before.digest("foo") != after.digest("foo")
    assert before.digest("other") == ""


def test_an_archive_without_a_usable_record_is_refused() -> None:
    with pytest.raises(MalformedResponse):
        built([])


def test_a_table_that_could_not_be_read_is_not_written() -> None:
    """Packed it is small."""
    names = [f"{number}" + "a" * (7 << 20) for number in range(10)]
    archive = osv_archive(
        [{"id": name[0], "affected": [{"package": {"ecosystem": "PyPI", "name": name}}]}
         for name in names]
    )  # fmt: skip
    with pytest.raises(OutOfBounds, match="too many projects"):
        build_index(io.BytesIO(archive), "all.zip", "")


def test_times_of_the_future_do_not_count() -> None:
    records = [*RECORDS, osv_record("GHSA-2", "foo", modified="9999-01-01T00:00:00Z")]
    now = "2026-11-30T00:00:00.000000Z"
    content = build_index(io.BytesIO(osv_archive(records)), "all.zip", "", now).content
    assert opened(content).facts["modified"] == "2026-11-20T12:00:00.000000Z"


def test_unreadable_records_are_named() -> None:
    archive = osv_archive(RECORDS, {"odd.json": b"{"})
    (found,) = build_index(io.BytesIO(archive), "all.zip", "").unreadable
    assert found.member == "odd.json"


def damaged(content: bytes) -> list[bytes]:
    head, _, rest = content.partition(b"\n")
    bomb = zlib.compress(b"[" + b" " * (65 << 20) + b"]")
    return [
        b"",
        content[:10],
        b"{}\n" + rest,
        head.replace(b'"format":1', b'"format":2') + b"\n" + rest,
        head.replace(b'"table_bytes":', b'"table_bytes":-') + b"\n" + rest,
        head + b"\n" + rest[1:],
        b'{"kind":"microrepo-advisories","format":1,"table_bytes":%d}\n' % len(bomb) + bomb,
        b"[" * 4000 + b"\n",
    ]


@pytest.mark.parametrize("content", damaged(built(RECORDS)))
def test_damage_is_noticed(content: bytes) -> None:
    with pytest.raises(AdvisoryIndexError):
        opened(content)


@pytest.mark.parametrize("place", [[0, 5], [0, -1, "", False], ["0", 1, "", False], 5])
def test_a_table_of_another_shape_is_noticed(place: Any) -> None:
    import json

    table = zlib.compress(json.dumps({"foo": place}).encode())
    head = b'{"kind":"microrepo-advisories","format":1,"table_bytes":%d}\n' % len(table)
    with pytest.raises(AdvisoryIndexError):
        opened(head + table)


def test_a_cut_block_is_noticed() -> None:
    content = built(RECORDS)
    with pytest.raises(AdvisoryIndexError):
        opened(content[:-5]).records("foo")
