"""Plans of bundles: what each volume carries."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microrepo.errors import ConfigError
from microrepo.operations.export.bundle_plan import (
    MIN_VOLUME_BYTES,
    BundleItem,
    Slice,
    plan_volumes,
    planned_bytes,
)

MIB = 1 << 20


def item(number: int, size_bytes: int) -> BundleItem:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return BundleItem("files", f"six-{number}.tar.gz", sha256, size_bytes)


def test_without_a_limit_there_is_one_volume() -> None:
    items = [item(number, 10 * MIB) for number in range(5)]
    assert plan_volumes(items, None, 100) == [[Slice(one, 0, 10 * MIB) for one in items]]


def test_an_empty_bundle_has_one_volume() -> None:
    assert plan_volumes([], 4 * MIB, 100) == [[]]


def test_files_that_fit_a_volume_are_not_split() -> None:
    volumes = plan_volumes([item(number, 3 * MIB) for number in range(3)], 4 * MIB, 100)
    assert [[part.number for part in volume] for volume in volumes] == [[0], [0], [0]]


def test_a_large_file_fills_volumes_with_numbered_pieces() -> None:
    (first, *others) = plan_volumes([item(1, MIB), item(2, 9 * MIB)], 4 * MIB, 100)
    assert [part.number for part in first] == [0, 1]
    assert [part.number for volume in others for part in volume] == [2, 3]


def test_a_file_too_large_for_a_tar_header_is_split_in_a_single_volume() -> None:
    (volume,) = plan_volumes([item(1, 9 << 30)], None, 100)
    assert [part.number for part in volume] == [1, 2, 3]
    assert planned_bytes([volume]) == 9 << 30


def test_lists_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="--split"):
        plan_volumes([], MIN_VOLUME_BYTES, MIN_VOLUME_BYTES)


@settings(max_examples=200)
@given(
    st.lists(st.integers(0, 12 * MIB), max_size=20),
    st.integers(MIN_VOLUME_BYTES, 6 * MIB),
    st.integers(0, MIB // 2),
)
def test_every_byte_is_in_one_volume_and_no_volume_is_too_large(
    sizes: list[int], max_bytes: int, manifest_bytes: int
) -> None:
    items = [item(number, size) for number, size in enumerate(sizes)]
    volumes = plan_volumes(items, max_bytes, manifest_bytes)
    for number, volume in enumerate(volumes):
        members = [_member_bytes(part.count_bytes) for part in volume]
        extra = _member_bytes(manifest_bytes) if number == 0 else 0
        assert sum(members) + extra <= max_bytes
    for one in items:
        parts = [part for volume in volumes for part in volume if part.item is one]
        assert parts[0].offset == 0
        assert sum(part.count_bytes for part in parts) == one.size_bytes
        for before, after in pairwise(parts):
            assert after.offset == before.offset + before.count_bytes
        assert len({part.content("0" * 64).member for part in parts}) == len(parts)


def _member_bytes(size_bytes: int) -> int:
    return 512 + -(-size_bytes // 512) * 512
