"""Blocks of a bundle's tar archive: one form of header, which follows from name and size.

All members are regular files in the ustar form, with the same time, mode and owner. So a bundle of
the same content has the same bytes, `tar` unpacks it, and a header in any other form is an error.
"""

from __future__ import annotations

BUNDLE_BLOCK_BYTES = 512
BUNDLE_END = b"\0" * (2 * BUNDLE_BLOCK_BYTES)
# Eleven octal digits. A larger file is carried in pieces.
MAX_MEMBER_BYTES = (1 << 33) - 1
_MAX_MEMBER_NAME_BYTES = 100


def member_block(name: str, size_bytes: int) -> bytes:
    """Return the header of a member.

    Raises:
        ValueError: the name or the size does not fit into it.
    """
    encoded = name.encode("ascii")
    if not 0 < len(encoded) <= _MAX_MEMBER_NAME_BYTES or not 0 <= size_bytes <= MAX_MEMBER_BYTES:
        raise ValueError(f"{name!r}, {size_bytes} bytes: does not fit into a tar header")
    fields = [
        encoded.ljust(100, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0" * 2,  # user and group
        b"%011o\0" % size_bytes,
        b"00000000000\0",  # time
        b" " * 8,  # checksum
        b"0",  # a regular file
        b"\0" * 100,  # name of a link
        b"ustar\x0000",
        b"\0" * 247,  # names of user and group, numbers of a device, prefix
    ]
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def member_padding(size_bytes: int) -> bytes:
    """Return the bytes between the content of a member and the next header."""
    return b"\0" * (-size_bytes % BUNDLE_BLOCK_BYTES)


def stored_member_bytes(size_bytes: int) -> int:
    """Return the bytes that a member takes in a volume, with its header."""
    return BUNDLE_BLOCK_BYTES + size_bytes + -size_bytes % BUNDLE_BLOCK_BYTES


def parse_member_block(block: bytes) -> tuple[str, int]:
    """Return name and size of a member.

    Raises:
        ValueError: the header is not in the form of `member_block`.
    """
    name = block[:100].rstrip(b"\0")
    size = block[124:135]
    # `isdigit` of bytes is about ASCII; octal digits are checked by the comparison.
    if name.isascii() and name and size.isdigit() and not set(size) & set(b"89"):
        text, size_bytes = name.decode("ascii"), int(size, 8)
        if member_block(text, size_bytes) == block:
            return text, size_bytes
    raise ValueError("not the header of a member of a bundle")
