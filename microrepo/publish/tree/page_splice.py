"""Rewriter of a page with one share per project, from the old page and changed shares."""

from __future__ import annotations

import os

_BUFFER_BYTES = 1 << 20
# Smaller pieces are faster with a buffer.
_WORTH_THE_KERNEL_BYTES = 256 << 10


class Splicer:
    """Writes a page: head, shares, tail.

    Args:
        new: path of the file to write, which must not exist.
        head: beginning of the page.
        separator: a byte between two shares, or nothing. It counts as part of the share before it,
            also of the last one.
    """

    def __init__(self, new: str, head: bytes, separator: bytes = b"") -> None:
        self._new = open(new, "xb", buffering=_BUFFER_BYTES)  # noqa: PTH123, SIM115 - see `close`
        self._new.write(head)
        self._head_bytes = len(head)
        self._separator = separator
        self._old = -1
        self._place = self._end = self._shares_end = 0

    def go_on_from(self, old: str, head_bytes: int, shares_bytes: int) -> None:
        """Open the old page, to copy shares from it."""
        self._old = os.open(old, os.O_RDONLY | os.O_CLOEXEC)
        self._place = head_bytes
        self._shares_end = head_bytes + shares_bytes
        # The last share lacks its separator.
        self._end = head_bytes + max(0, shares_bytes - len(self._separator))

    def keep(self, count_bytes: int) -> None:
        """Copy the next bytes of the old page's shares."""
        if not count_bytes:
            # The last share has no separator after it.
            return
        real = min(count_bytes, self._end - self._place)
        if real > 0:
            self._copy(real)
        self._place += count_bytes
        if real < count_bytes:
            self._new.write(self._separator)

    def replace(self, old_bytes: int, share: bytes) -> None:
        """Replace the next bytes of the old page's shares by a share."""
        self._place += old_bytes
        self._new.write(share)

    def keep_rest(self) -> None:
        """Copy the rest of the old page's shares."""
        if self._old >= 0:
            self.keep(self._shares_end - self._place)

    def finish(self, tail: bytes) -> None:
        """Write the tail."""
        end = self._new.tell()
        if end > self._head_bytes:
            self._new.seek(end - len(self._separator))
        self._new.write(tail)
        self._new.flush()

    def close(self) -> None:
        """Close the files; may be called twice."""
        self._new.close()
        if self._old >= 0:
            os.close(self._old)
            self._old = -1

    def _copy(self, count_bytes: int) -> None:
        place, end = self._place, self._place + count_bytes
        if count_bytes >= _WORTH_THE_KERNEL_BYTES:
            self._new.flush()
            place += _copy_in_kernel(self._old, self._new.fileno(), place, count_bytes)
            self._new.seek(0, os.SEEK_END)
        while place < end:
            piece = os.pread(self._old, min(end - place, _BUFFER_BYTES), place)
            if not piece:
                raise OSError(f"a page became shorter while it was read, at byte {place}")
            self._new.write(piece)
            place += len(piece)


def _copy_in_kernel(source: int, target: int, place: int, count_bytes: int) -> int:
    """Copy as much as the kernel can copy by itself; the caller copies the rest."""
    done = 0
    try:
        while done < count_bytes:
            step = os.copy_file_range(source, target, count_bytes - done, offset_src=place + done)
            if not step:
                break
            done += step
    except (AttributeError, OSError):
        # Not every system and file system supports it.
        return done
    return done
