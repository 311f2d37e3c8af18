"""Every decoder of foreign bytes, from one table: kind, encoding, size; within bounds, never a crash."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from microrepo.errors import MicrorepoError
from microrepo.formats.bounds import DOCUMENT, Meter
from microrepo.formats.compression import Method, unpack
from tests.support.decoders import DECODERS

ENCODINGS: dict[str, tuple[Method, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", lambda body: gzip.compress(body, 1)),
    "deflate": ("zlib", zlib.compress),
    "bzip2": ("bzip2", bz2.compress),
    "xz": ("xz", lambda body: lzma.compress(body, preset=0)),
}
# A hostile body costs its project at most this.
_MOST_SECONDS = 5.0
_MOST_BYTES = 200_000_000


def feed(decode: Callable[[bytes], object], body: bytes) -> None:
    """Decode a body; it may be refused in so many words, and never costs much."""
    started = time.process_time()
    with suppress(MicrorepoError, ValueError):  # what callers expect of a decoder
        decode(body)
    assert time.process_time() - started < _MOST_SECONDS


@pytest.mark.parametrize("kind", DECODERS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32), noise=st.binary(max_size=64))
@example(seed=0, noise=b"")
def test_mutations_are_read_or_refused(kind: str, seed: int, noise: bytes) -> None:
    decode, sound = DECODERS[kind]
    rng = random.Random(seed)
    body = bytearray(sound)
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(len(body) + 1)
        match rng.randrange(4):
            case 0:
                body[at:at] = noise
            case 1:
                del body[at : at + rng.randint(1, 30)]
            case 2:
                body[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                body[at:at] = body[:at] * rng.randint(1, 30)
    feed(decode, bytes(body))


_PIECES = (b"[", b"{", b'{"a":', b"(", b"<a ", b"<!--", b"&#9", b"9", b"a.", b",", b" ", b"\n ", b"\0",
           b"\xff", b"PK\1\2", b";", b"'", b'"', b"\\u0041", b"=", b"a=[")  # fmt: skip


@pytest.mark.parametrize("size", [1_000, 300_000])
@pytest.mark.parametrize("kind", DECODERS)
def test_repetitions_cost_little(kind: str, size: int) -> None:
    decode, sound = DECODERS[kind]
    tracemalloc.start()
    try:
        for piece in _PIECES:
            many = piece * (size // len(piece))
            half = len(sound) // 2
            for body in (many, sound + many, sound[:half] + many + sound[half:]):
                feed(decode, body)
        assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["document", "JSON page", "HTML page", "metadata"])
def test_encoded_bombs_are_refused_early(kind: str, encoding: str) -> None:
    decode, sound = DECODERS[kind]
    method, pack = ENCODINGS[encoding]
    packed = pack(sound + b" " * (DOCUMENT.size_bytes // 2))

    def unpacked(body: bytes) -> object:
        return decode(b"".join(unpack(method, [body], Meter(DOCUMENT, "x"), "x")))

    tracemalloc.start()
    try:
        feed(unpacked, packed)
        assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
    finally:
        tracemalloc.stop()
