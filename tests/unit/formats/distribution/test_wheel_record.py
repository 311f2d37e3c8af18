"""Members of a wheel, compared with its RECORD."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_record import RecordFindings, compare_with_record
from tests.support.packages import build_wheel

NAME = "foo-1-py3-none-any.whl"
RECORD = "foo-1.dist-info/RECORD"
Members = dict[str, bytes]


def rows_of(members: Members) -> list[list[str]]:
    return list(csv.reader(members[RECORD].decode().splitlines()))


def with_rows(members: Members, rows: list[list[str]]) -> None:
    members[RECORD] = "".join(f"{','.join(row)}\n" for row in rows).encode()


def compare(change: Callable[[Members], None]) -> RecordFindings:
    """Return the findings about a wheel whose members were changed and packed again."""
    built = build_wheel("foo", "1", files={"foo.py": b"good"})
    with zipfile.ZipFile(io.BytesIO(built.content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return compare_with_record(stream, NAME)


def test_a_wheel_as_it_was_built_has_no_findings() -> None:
    assert compare(lambda _: None) == RecordFindings()


def test_a_changed_member_is_a_fault() -> None:
    found = compare(lambda members: members.update({"foo.py": b"evil"}))
    assert found.faults == ("'foo.py' is not what RECORD lists: another sha256",)
    assert found.oddities == ()


def test_a_wrong_size_is_a_fault() -> None:
    def change(members: Members) -> None:
        rows = rows_of(members)
        rows[0][2] = "77"
        with_rows(members, rows)

    assert [one.rpartition(": ")[2] for one in compare(change).faults] == ["another size"]


def test_a_path_with_two_digests_is_a_fault() -> None:
    def change(members: Members) -> None:
        rows = rows_of(members)
        path = next(row[0] for row in rows if row[1])
        with_rows(members, [*rows, [path, "sha256=AAAA", "4"]])

    (fault,) = compare(change).faults
    assert "twice" in fault


def test_what_record_does_not_cover_is_odd() -> None:
    def change(members: Members) -> None:
        members["extra.py"] = b"x"
        rows = rows_of(members)
        rows[0][1] = ""
        with_rows(members, [*rows, ["absent.py", "sha256=AAAA", "4"]])

    found = compare(change)
    assert found.faults == ()
    assert sorted(one.split("'")[0] for one in found.oddities) == [
        "",
        "RECORD has no digest for ",
        "RECORD lists ",
    ]


def test_a_weak_digest_is_odd_and_still_compared() -> None:
    def change(members: Members) -> None:
        rows = rows_of(members)
        for row in rows:
            if row[0] == "foo.py":
                row[1] = "md5=dV8_ZGP-Q53ehw7n02nI8w"  # of other bytes
        with_rows(members, rows)

    assert compare(change).faults == ("'foo.py' is not what RECORD lists: another md5",)


def test_signatures_of_record_need_no_entry() -> None:
    found = compare(lambda members: members.update({f"{RECORD}.jws": b"{}"}))
    assert found == RecordFindings()


@pytest.mark.parametrize("record", [None, b"\xff\xfe"])
def test_without_a_readable_record_there_is_nothing_to_compare(record: bytes | None) -> None:
    def change(members: Members) -> None:
        del members[RECORD]
        if record is not None:
            members[RECORD] = record

    with pytest.raises(MalformedResponse, match="RECORD"):
        compare(change)
