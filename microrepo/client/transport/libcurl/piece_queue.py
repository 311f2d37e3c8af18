"""Bytes that have come and that nobody has read yet."""

from __future__ import annotations

from collections import deque


class PieceQueue:
    """Pieces of a body, in order.

    Attributes:
        count_bytes: in all of them.
    """

    def __init__(self) -> None:
        self.count_bytes = 0
        self._pieces: deque[bytes] = deque()

    def add(self, piece: bytes) -> None:
        """Add a piece at the end."""
        self._pieces.append(piece)
        self.count_bytes += len(piece)

    def take(self, most_bytes: int) -> bytes:
        """Return the first bytes."""
        taken: list[bytes] = []
        left = most_bytes
        while self._pieces and left:
            piece = self._pieces.popleft()
            if len(piece) > left:
                self._pieces.appendleft(piece[left:])
                piece = piece[:left]
            taken.append(piece)
            left -= len(piece)
        data = taken[0] if len(taken) == 1 else b"".join(taken)
        self.count_bytes -= len(data)
        return data
