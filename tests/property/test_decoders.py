"""Every decoder of foreign bytes, from one table: kind, encoding, size; within bounds, never a crash."""

from __future__ import annotations

import bz2
import gzip
import io
import json
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
from microrepo.formats.distribution.archives import read_egg_metadata, read_sdist_parts
from microrepo.formats.distribution.core_metadata import from_metadata
from microrepo.formats.distribution.sdist_metadata import (
    build_requires,
    from_sdist,
    parse_requires_txt,
)
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.formats.index.pypi_json import parse_document, parse_vulnerabilities
from microrepo.formats.index.simple_api import parse_project, parse_root, parse_status
from microrepo.formats.specifiers import lenient_requirement, parse_requires_python
from microrepo.formats.version_numbers import parse_version
from tests.support.packages import build_sdist, build_wheel

_JSON, _HTML = "application/vnd.pypi.simple.v1+json", "text/html"
_WHEEL, _SDIST = build_wheel("foo", "1.0"), build_sdist("foo", "1.0")
_FILE = {"filename": _WHEEL.filename, "url": "/x", "hashes": {"sha256": "0" * 64}, "size": 5}
_PAGE = json.dumps({"meta": {"api-version": "1.1"}, "name": "foo", "files": [_FILE]}).encode()
_ENTRY = {**_FILE, "packagetype": "bdist_wheel", "digests": {"sha256": "0" * 64}}
_DOCUMENT = json.dumps({"info": {"name": "foo"}, "releases": {"1.0": [_ENTRY]}}).encode()
_LINKS = b'<!DOCTYPE html><a href="foo-1.0.tar.gz#sha256=00" data-yanked="x">foo-1.0.tar.gz</a>'
_ROOT = json.dumps({"meta": {"api-version": "1.0"}, "projects": [{"name": "foo"}]}).encode()
_METADATA = (
    b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\nRequires-Python: >=3.8\n"
    b'Requires-Dist: bar[x]>=1,<2; python_version < "3.9" and (extra == "y")\n'
)
_TOML = (
    b"[build-system]\nrequires = ['setuptools']\n[project]\nname = 'foo'\ndynamic = ['version']\n"
)


def _text(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda body: decode(body.decode("utf-8", "replace"))


# What reads it, and what is mutated and repeated.
DECODERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "document": (lambda body: parse_document(body, "foo"), _DOCUMENT),
    "advisories": (lambda body: parse_vulnerabilities(body, "foo"), b'{"vulnerabilities": []}'),
    "JSON page": (lambda body: parse_project(body, _JSON, "http://x/", "foo"), _PAGE),
    "HTML page": (lambda body: parse_project(body, _HTML, "http://x/", "foo"), _LINKS),
    "JSON status": (lambda body: parse_status(body, _JSON, "http://x/", "foo"), _PAGE),
    "HTML status": (lambda body: parse_status(body, _HTML, "http://x/", "foo"), _LINKS),
    "JSON list": (lambda body: parse_root(body, _JSON, "http://x/"), _ROOT),
    "HTML list": (lambda body: parse_root(body, _HTML, "http://x/"), b'<a href="foo/">foo</a>'),
    "metadata": (from_metadata, _METADATA),
    "requires.txt": (parse_requires_txt, b"bar\n[x:os_name=='y']\nbaz>=1\n"),
    "pyproject.toml": (build_requires, _TOML),
    "wheel": (lambda body: read_wheel_metadata(io.BytesIO(body)), _WHEEL.content),
    "egg": (lambda body: read_egg_metadata(io.BytesIO(body)), _WHEEL.content),
    "sdist": (lambda body: from_sdist(read_sdist_parts(io.BytesIO(body), "f-1.tar.gz")), _SDIST.content),
    "zip sdist": (lambda body: read_sdist_parts(io.BytesIO(body), "f-1.zip"), _WHEEL.content),
    "requirement": (_text(lenient_requirement), b"bar[x]>=1,<2; python_version < '3.9'"),
    "requires-python": (_text(parse_requires_python), b">=3.8,!=3.9.*"),
    "version": (_text(parse_version), b"1!2.3a4.post5.dev6+x.7"),
}  # fmt: skip
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
