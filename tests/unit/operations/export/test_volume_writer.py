"""Volumes: their members, their order, and damage that is noticed while they are written."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from microrepo.errors import DigestMismatch, Truncated
from microrepo.operations.export.bundle_plan import BundleItem, Slice, plan_volumes
from microrepo.operations.export.volume_writer import StoredList, VolumeWriter, list_contents
from microrepo.standalone.importer.bundle_header import (
    BundleHeader,
    BundleList,
    parse_content,
    parse_header,
)

CONTENT = {name: name.encode() * 3000 for name in ("a-1.tar.gz", "b-1.tar.gz")}
ITEMS = [
    BundleItem("files", name, hashlib.sha256(content).hexdigest(), len(content))
    for name, content in CONTENT.items()
]
MANIFEST = StoredList(b"manifest")


def opened(item: BundleItem) -> io.BytesIO:
    return io.BytesIO(CONTENT[item.filename])


def written(volume: list[Slice], opening=opened, sign=None) -> bytes:
    out = io.BytesIO()
    contents = list_contents(volume, opening)
    header = BundleHeader(
        "0" * 32,
        1,
        "2026-11-29T12:00:00Z",
        "a" * 64,
        "",
        BundleList("b" * 64, 8),
        contents.described(),
    )
    writer = VolumeWriter(out.write)
    writer.begin(header, sign, MANIFEST, contents)
    assert [part.item for part in writer.add_slices(volume, opening)] == [p.item for p in volume]
    writer.end()
    assert writer.written_bytes == len(out.getvalue())
    return out.getvalue()


def test_a_volume_is_a_tar_archive_that_begins_with_its_lists() -> None:
    (volume,) = plan_volumes(ITEMS, None, 8)
    content = written(volume, sign=lambda head: b"signature of " + head[:1])
    with tarfile.open(fileobj=io.BytesIO(content), mode="r|") as archive:
        members = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    assert list(members) == [
        "bundle.json",
        "bundle.json.sig",
        "manifest.jsonl.gz",
        "contents.jsonl",
        "files/a-1.tar.gz",
        "files/b-1.tar.gz",
    ]
    assert members["files/b-1.tar.gz"] == CONTENT["b-1.tar.gz"]
    lines = members["contents.jsonl"].splitlines(keepends=True)
    assert [parse_content(line).sha256 for line in lines] == [item.sha256 for item in ITEMS]
    listed = hashlib.sha256(members["contents.jsonl"]).hexdigest()
    assert parse_header(members["bundle.json"]).contents.sha256 == listed


def test_the_same_content_gives_the_same_bytes() -> None:
    (volume,) = plan_volumes(ITEMS, None, 8)
    assert written(volume) == written(volume)


def test_pieces_have_their_own_digests() -> None:
    item = ITEMS[0]
    parts = [Slice(item, 0, 20_000, 1), Slice(item, 20_000, 10_000, 2)]
    entries = [parse_content(line) for line in list_contents(parts, opened).content.splitlines()]
    whole = CONTENT[item.filename]
    assert [entry.piece_sha256 for entry in entries] == [
        hashlib.sha256(whole[:20_000]).hexdigest(),
        hashlib.sha256(whole[20_000:]).hexdigest(),
    ]
    assert {entry.sha256 for entry in entries} == {item.sha256}
    written(parts)


def test_a_damaged_file_ends_the_export() -> None:
    (volume,) = plan_volumes(ITEMS, None, 8)
    damaged = CONTENT["b-1.tar.gz"][:-1] + b"?"
    with pytest.raises(DigestMismatch, match="b-1"):
        written(
            volume, lambda item: io.BytesIO(damaged if item is ITEMS[1] else CONTENT["a-1.tar.gz"])
        )


def test_a_short_file_ends_the_export() -> None:
    (volume,) = plan_volumes(ITEMS, None, 8)
    with pytest.raises(Truncated, match="a-1"):
        written(volume, lambda _: io.BytesIO(b"short"))
