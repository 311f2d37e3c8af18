import bz2
import gzip
import lzma
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import DOCUMENT, Bound, Meter, OutOfBounds, at_most, check_size
from microrepo.formats.compression import method_of, unpack

WIDE = Bound(1 << 30, marks=1 << 30, ratio=1 << 20)


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def zip_lzma(body: bytes) -> bytes:
    settings = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20, "lc": 3, "lp": 0, "pb": 2}]
    packed = lzma.compress(body, lzma.FORMAT_RAW, filters=settings)
    return b"\x09\x14\x05\x00" + bytes([93]) + (1 << 20).to_bytes(4, "little") + packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "store": lambda body: body,
    "deflate": raw_deflate,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip-lzma": zip_lzma,
}
PACKED = sorted(set(PACKERS) - {"store"})


def pieces_of(body: bytes, size: int = 1000) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def read(method: Any, pieces: list[bytes], bound: Bound = WIDE) -> bytes:
    return b"".join(unpack(method, pieces, Meter(bound, "foo", b","), "foo"))


@pytest.mark.parametrize("method", sorted(PACKERS))
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_was_packed_comes_back(method, size):
    body = b"".join(b"%d," % number for number in range(5000))
    assert read(method, pieces_of(PACKERS[method](body), size)) == body


@pytest.mark.parametrize("method", ["gzip", "bzip2", "xz"])
def test_concatenated_streams_count_as_one(method):
    packed = PACKERS[method](b"a" * 5000) + PACKERS[method](b"b" * 5000)
    assert read(method, pieces_of(packed, 10)) == b"a" * 5000 + b"b" * 5000


@pytest.mark.parametrize("method", PACKED)
def test_a_bomb_costs_what_the_bound_allows(method):
    packed = PACKERS[method](bytes(64 << 20))
    tracemalloc.start()
    with pytest.raises(OutOfBounds, match="foo: larger than 5 MB"):
        for _ in unpack(method, [packed], Meter(Bound(5 << 20, ratio=1 << 20), "foo"), "foo"):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20


@pytest.mark.parametrize("method", PACKED)
def test_a_ratio_no_real_body_has_is_refused(method):
    packed = PACKERS[method](bytes(32 << 20))
    with pytest.raises(OutOfBounds, match="more than 100 times"):
        for _ in unpack(method, [packed], Meter(Bound(1 << 30, ratio=100), "foo"), "foo"):
            pass


def test_elements_are_counted_before_there_are_any():
    with pytest.raises(OutOfBounds, match="more than 1,000 elements"):
        read("gzip", [gzip.compress(b"1," * 2000)], Bound(1 << 20, marks=1000))
    check_size(b"1," * 1000, Bound(1 << 20, marks=1000), "foo", b",")


@pytest.mark.parametrize("method", sorted(set(PACKED) - {"zip-lzma"}))
def test_a_stream_that_breaks_off_is_malformed(method):
    packed = PACKERS[method](bytes(range(256)) * 50)
    with pytest.raises(MalformedResponse, match="foo"):
        read(method, [packed[:-9]])


@pytest.mark.parametrize("method", PACKED)
def test_noise_is_malformed(method):
    with pytest.raises(MalformedResponse, match="foo"):
        read(method, [b"\xff\x00noise" * 100])


def test_nothing_at_all_is_no_packed_stream():
    with pytest.raises(MalformedResponse, match="ends before"):
        read("gzip", [])


def test_empty_streams_without_end_are_refused():
    with pytest.raises(OutOfBounds, match="streams"):
        read("gzip", [gzip.compress(b"")] * 20_000)


def test_padding_behind_the_last_stream_is_ignored():
    assert read("bzip2", [bz2.compress(b"x"), b"\0" * 512]) == b"x"


@pytest.mark.parametrize("method", ["gzip", "bzip2", "xz", "store"])
def test_the_first_bytes_tell_the_method(method):
    assert method_of(PACKERS[method](b"foo")[:6]) == method


def test_entries_beyond_the_bound_are_refused():
    bound = Bound(1, entries=2)
    assert list(at_most([1, 2], bound, "foo")) == [1, 2]
    with pytest.raises(OutOfBounds, match="more than 2 entries"):
        list(at_most([1, 2, 3], bound, "foo"))


def test_a_bound_of_another_size_has_as_many_elements_per_byte() -> None:
    larger = DOCUMENT.of_size(4 * DOCUMENT.size_bytes)
    assert (larger.marks, larger.entries) == (4 * DOCUMENT.marks, 4 * DOCUMENT.entries)
    assert larger.ratio == DOCUMENT.ratio
    with pytest.raises(OutOfBounds, match="`max_document_size` raises the limit"):
        check_size(b"x" * 11, DOCUMENT.of_size(10), "foo")
    check_size(b"x" * 11, DOCUMENT.of_size(12), "foo")
