"""Which packed members two archives share, and how the new one is put together of them."""

from __future__ import annotations

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from microrepo.formats.distribution.zip_directory import plain_directory
from microrepo.formats.distribution.zip_layout import (
    Member,
    Piece,
    content_start,
    plan_pieces,
    read_members,
)
from tests.support.archives import payload

BODIES = {number: payload(str(number), size) for number, size in
          enumerate((0, 10, 40_000, 50_000, 40_000, 33_000, 100_000, 9000, 9001, 9002, 9003, 9004))}  # fmt: skip
Members = list[tuple[int, bool]]
# Each member: which body, and whether it is packed or stored.
members_of = st.lists(st.tuples(st.sampled_from(sorted(BODIES)), st.booleans()), max_size=8)


class _Stream(io.BytesIO):
    """Has zipfile write sizes behind the members."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation


def archive(members: Members, prefix: str, *, streamed: bool = False) -> bytes:
    """Pack an archive with these members under names of their own."""
    target = _Stream() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w") as new:
        for number, (body, packed) in enumerate(members):
            method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            new.writestr(f"{prefix}/{number}.bin", BODIES[body], method)
    return target.getvalue()


def places(content: bytes) -> dict[tuple[int, int, int, int], int]:
    """Return where an archive has which packed contents."""
    directory = plain_directory(io.BytesIO(content), len(content))
    assert directory is not None
    found = {}
    for member in read_members(directory) or ():
        head = content[member.offset : member.offset + 30]
        start = content_start(head, member.offset)
        assert start is not None
        found[member.content] = start
    return found


def pieces_of(new: bytes, old: bytes) -> list[Piece]:
    """Return the plan for `new`."""
    directory = plain_directory(io.BytesIO(new), len(new))
    assert directory is not None
    return plan_pieces(read_members(directory) or (), len(new), places(old))


def put_together(pieces: list[Piece], new: bytes, old: bytes) -> bytes:
    """Carry out a plan."""
    sources = {"new": new, "old": old}
    return b"".join(
        piece.literal if piece.kind == "literal" else sources[piece.kind][piece.start : piece.end]
        for piece in pieces
    )


@given(members_of, members_of, st.booleans(), st.booleans())
def test_every_plan_gives_the_very_archive(
    ours: Members, theirs: Members, old_streamed: bool, new_streamed: bool
) -> None:
    old = archive(ours, "old-name", streamed=old_streamed)
    new = archive(theirs, "new", streamed=new_streamed)
    pieces = pieces_of(new, old)
    assert put_together(pieces, new, old) == new
    assert sum(piece.size_bytes for piece in pieces) == len(new)


def test_what_is_shared_is_taken_from_the_old_one() -> None:
    old, new = (
        archive([(2, True), (6, False)], "a"),
        archive([(6, False), (1, True), (2, True)], "b"),
    )
    taken = [piece.size_bytes for piece in pieces_of(new, old) if piece.kind == "old"]
    assert len(taken) == 2
    assert sum(taken) > 0.95 * len(new)


def test_small_members_count_together() -> None:
    small = [(number, False) for number in (7, 8, 9, 10, 11)]
    old, new = archive(small, "a"), archive([(3, True), *small, (2, True)], "b")
    taken = [piece for piece in pieces_of(new, old) if piece.kind == "old"]
    assert len(taken) == len(small)
    assert [piece.kind for piece in pieces_of(archive(small[:2], "b"), old)] == ["new"]


@given(st.lists(st.tuples(st.integers(0, 300_000), st.sampled_from((0, 1, 40_000)))))
def test_a_directory_that_lies_gets_no_more_than_there_is(
    entries: list[tuple[int, int]],
) -> None:
    """Members that overlap, or lie beyond the end, are not believed."""
    members = [Member(offset, b"h" * 30, (0, 1, packed, packed)) for offset, packed in entries]
    members.sort(key=lambda member: member.offset)
    old = {member.content: 0 for member in members}
    assert sum(piece.size_bytes for piece in plan_pieces(members, 200_000, old)) == 200_000


def test_odd_directories_are_left_alone() -> None:
    content = archive([(2, True)], "a")
    directory = plain_directory(io.BytesIO(content), len(content))
    assert directory is not None
    assert read_members(directory[:20]) is None
    assert read_members(b"XX" + directory[2:]) is None
    large = directory[:20] + b"\xff\xff\xff\xff" + directory[24:]
    assert read_members(large) is None
    assert content_start(b"PK", 0) is None
    assert content_start(bytes(30), 0) is None
