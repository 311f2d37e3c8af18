"""Headers and content lists of bundle volumes."""

from __future__ import annotations

import json

import pytest

from microrepo.standalone.importer.bundle_header import (
    BundleContent,
    BundleError,
    BundleHeader,
    BundleList,
    content_line,
    header_bytes,
    member_of,
    parse_content,
    parse_header,
)

A, B = "a" * 64, "b" * 64
HEADER = BundleHeader(
    origin="0" * 32,
    sequence=12,
    created="2026-11-29T12:00:00Z",
    snapshot=A,
    base="",
    manifest=BundleList(A, 100),
    contents=BundleList(B, 200),
    volume=2,
    volumes=3,
)


def test_a_header_is_read_back() -> None:
    assert parse_header(header_bytes(HEADER)) == HEADER
    based = HEADER._replace(base=B)
    assert parse_header(header_bytes(based)) == based


@pytest.mark.parametrize(
    "change",
    [
        {"volume": 4},
        {"volume": 0},
        {"volumes": 10**9},
        {"volume": True},
        {"snapshot": "short"},
        {"snapshot": None},
        {"base": "x"},
        {"origin": "../../etc"},
        {"sequence": -1},
        {"sequence": 1 << 70},
        {"created": "yesterday"},
        {"manifest": []},
        {"manifest": {"sha256": A, "size_bytes": -1}},
        {"contents": None},
        {"format": 2},
        {"kind": "other"},
    ],
)
def test_a_malformed_header_is_refused(change: dict[str, object]) -> None:
    values = {**json.loads(header_bytes(HEADER)), **change}
    with pytest.raises(BundleError) as caught:
        parse_header(json.dumps(values).encode())
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 60_000])
def test_other_content_is_not_a_header(content: bytes) -> None:
    with pytest.raises(BundleError, match="not a bundle"):
        parse_header(content)


def test_names_of_volumes_sort_in_their_order() -> None:
    assert HEADER.name == f"microrepo-12-{'a' * 12}.002-of-003.tar"
    assert HEADER._replace(volume=1, volumes=1).name == f"microrepo-12-{'a' * 12}.tar"


@pytest.mark.parametrize(
    "content",
    [
        BundleContent("files/six-1.tar.gz", A, 10, 0, 10, A),
        BundleContent("files/six-1.tar.gz.piece-001", A, 10, 4, 6, B),
        BundleContent("metadata/six-1-py3-none-any.whl.metadata", A, 10, 0, 10, A),
        BundleContent(f"files/{A}", A, 10, 0, 10, A),
        BundleContent(f"files/{A}.piece-012", A, 10, 0, 5, B),
        BundleContent("import.py", A, 10, 0, 10, A),
    ],
)
def test_a_content_line_is_read_back(content: BundleContent) -> None:
    assert parse_content(content_line(content)) == content


@pytest.mark.parametrize(
    "member",
    ["six-1.tar.gz", "../six-1.tar.gz", "files/../six-1.tar.gz", "files//etc/passwd", "/six.whl",
     "files/six/six-1.tar.gz", "files/.hidden.whl", "files/passwd", f"files/{B}", "other/six-1.whl",
     "metadata/six-1.tar.gz/x.metadata", "", "bundle.json", 5],
)  # fmt: skip
def test_a_member_that_leads_elsewhere_is_refused(member: object) -> None:
    line = json.dumps({"member": member, "sha256": A, "size": 1}).encode()
    with pytest.raises(BundleError, match="contents"):
        parse_content(line)


def test_a_piece_ends_within_its_file() -> None:
    with pytest.raises(BundleError, match="piece"):
        parse_content(content_line(BundleContent("files/six-1.tar.gz", A, 10, 5, 6, B)))


def test_member_names_are_readable_where_they_fit() -> None:
    assert member_of(A, "six-1.tar.gz", "files") == "files/six-1.tar.gz"
    assert member_of(A, "six-1.tar.gz", "files", 2) == "files/six-1.tar.gz.piece-002"
    assert member_of(A, f"{'x' * 120}.whl", "files") == f"files/{A}"
    assert member_of(A, "sïx-1.tar.gz", "files", 1) == f"files/{A}.piece-001"
