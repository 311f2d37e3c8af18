"""Batches of sequences and streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield the items in lists of `size`, the last one shorter (`itertools.batched` of 3.12)."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
