"""Headers of members: one form, which the standard library reads."""

from __future__ import annotations

import io
import itertools
import tarfile

import pytest

from microrepo.standalone.importer.volumes.tar_blocks import (
    BUNDLE_END,
    MAX_MEMBER_BYTES,
    member_block,
    member_padding,
    parse_member_block,
    stored_member_bytes,
)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513])
def test_tar_reads_what_the_blocks_say(size: int) -> None:
    content = b"x" * size
    parts = member_block("files/a-1.0.tar.gz", size), content, member_padding(size)
    assert len(b"".join(parts)) == stored_member_bytes(size)
    with tarfile.open(fileobj=io.BytesIO(b"".join(parts) + BUNDLE_END)) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.size, member.mode) == ("files/a-1.0.tar.gz", size, 0o644)
        assert (member.mtime, member.uid, member.gid, member.isreg()) == (0, 0, 0, True)
        assert member.tobuf(tarfile.USTAR_FORMAT) == parts[0]
        extracted = archive.extractfile(member)
        assert extracted is not None
        assert extracted.read() == content


@pytest.mark.parametrize("size", [0, 7, 8, 0o777, MAX_MEMBER_BYTES])
def test_a_block_leads_back_to_name_and_size(size: int) -> None:
    assert parse_member_block(member_block("files/x", size)) == ("files/x", size)


@pytest.mark.parametrize(
    ("name", "size"), [("", 1), ("x" * 101, 1), ("x", -1), ("x", MAX_MEMBER_BYTES + 1)]
)
def test_what_does_not_fit_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="fit"):
        member_block(name, size)


def with_checksum(block: bytes) -> bytes:
    cleared = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(cleared) + block[156:]


def test_each_byte_counts() -> None:
    """Whatever the byte says, also with a right checksum: owner, time, kind, link, prefix."""
    block = member_block("files/x", 0o1234567)
    for place, value in itertools.product(range(512), (0, ord("7"), 0x80, ord("x"))):
        changed = block[:place] + bytes([value]) + block[place + 1 :]
        for candidate in (changed, with_checksum(changed)):
            if candidate == block:
                continue
            try:
                found = parse_member_block(candidate)
            except ValueError:
                continue
            # Then only name or size is another one.
            assert member_block(*found) == candidate


@pytest.mark.parametrize("block", [b"", b"\0" * 512, b"x" * 512, member_block("a", 1)[:-1]])
def test_other_bytes_are_not_headers(block: bytes) -> None:
    with pytest.raises(ValueError, match="header"):
        parse_member_block(block)
