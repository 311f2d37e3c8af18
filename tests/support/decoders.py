"""Every decoder of foreign bytes, with a sound input of each: what property tests and fuzzers feed."""

from __future__ import annotations

import atexit
import gzip
import io
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from microrepo.formats.advisories.index_building import build_index
from microrepo.formats.advisories.known_advisories import KnownAdvisories
from microrepo.formats.distribution.archives import read_egg_metadata, read_sdist_parts
from microrepo.formats.distribution.core_metadata import from_metadata
from microrepo.formats.distribution.sdist_metadata import (
    build_requires,
    from_sdist,
    parse_requires_txt,
)
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.formats.index.pypi_json import parse_document, parse_vulnerabilities
from microrepo.formats.index.simple_api import parse_page_record, parse_project, parse_root
from microrepo.formats.requirements.buildout import parse_versions
from microrepo.formats.requirements.requirement_files import read_requirement_set
from microrepo.formats.specifiers import lenient_requirement, parse_requires_python
from microrepo.formats.version_numbers import parse_version
from microrepo.standalone.server.advisories.advisory_index import AdvisoryIndex
from microrepo.standalone.server.application.application import Application
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.messages.conditions import select_part
from microrepo.standalone.server.messages.passwords import Login
from microrepo.standalone.server.messages.requests import RequestError, parse_request
from tests.support.advisories import osv_archive, osv_record
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
_REQUIREMENTS = (
    b"# comment\n-c limits.txt\n--only-binary :all:\nbar[x]>=1 \\\n  --hash=sha256:"
    + b"0" * 64
    + b"\n"
    b"baz @ https://x.example/baz-1.0-py3-none-any.whl ; os_name == 'nt'\nx${HOME}==1\n"
)
_PROJECT = (
    _TOML
    + b"dependencies = ['a']\n[dependency-groups]\ndev = ['b', {include-group = 'c'}]\nc = []\n"
)
_LOCK = (
    b"lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\nversion = '1'\n"
    b"wheels = [{name = 'a-1-py3-none-any.whl', url = 'https://x.example/a-1-py3-none-any.whl', "
    b"hashes = {sha256 = '" + b"0" * 64 + b"'}}]\n"
)
_UV_LOCK = (
    b"version = 1\n[[package]]\nname = 'a'\nversion = '1'\nsource = {registry = 'https://x'}\n"
    b"[[package]]\nname = 'b'\nversion = '1'\nsource = {editable = '.'}\n"
    b"dependencies = [{name = 'a', marker = \"os_name == 'nt'\"}]\n"
)
_REQUEST = (
    b"GET /simple/foo/?a=b HTTP/1.1\r\nHost: x\r\nAccept: text/html;q=0.1, */*\r\n"
    b'Range: bytes=0-5\r\nIf-None-Match: "x"\r\nContent-Length: 0'
)


def _file_named(
    name: str, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> Callable[[bytes], object]:
    """Return the reader of a file of requirements; every file that it includes is empty."""

    def read(body: bytes) -> object:
        files = {name: body}
        return read_requirement_set(
            name, lambda path: files.get(path, b""), extras=extras, groups=groups
        )

    return read


@lru_cache
def _application() -> Application:
    """Return the server of a repository with a wheel and an sdist."""
    directory = Path(mkdtemp(prefix="microrepo-fuzz-"))
    atexit.register(shutil.rmtree, directory)
    for built in (_WHEEL, _SDIST):
        built.write_to(directory)
    return Application(Repository(str(directory)))


def answer_request(head: bytes) -> object:
    """Answer a request as the server does, up to what goes on the wire."""
    with suppress(RequestError):
        request = parse_request(head)
        answer = _application().respond(request, Login(allowed=True))
        part = select_part(request, answer.response)
        answer.response.close()
        return part
    return None


def _read_osv_archive(body: bytes) -> object:
    return _read_advisory_index(build_index(io.BytesIO(body), "all.zip", "").content)


def _read_advisory_index(content: bytes) -> object:
    known = KnownAdvisories(AdvisoryIndex(lambda at, size: content[at : at + size]))
    return [known.affecting(name, "1.0") for name in known.names()]


def _unpacked_sdist(body: bytes) -> object:
    """Read an sdist of these bytes, so that mutations reach what is packed."""
    packed = io.BytesIO(gzip.compress(body, 1, mtime=0))
    return from_sdist(read_sdist_parts(packed, "f-1.tar.gz"))


def _text(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda body: decode(body.decode("utf-8", "replace"))


_OSV_RECORD = osv_record("PYSEC-1", "foo", fixed="1.1", aliases=["CVE-1"], versions=["1.0"])
_OSV_ARCHIVE = osv_archive([_OSV_RECORD])

# What reads it, and what is mutated and repeated.
DECODERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "document": (lambda body: parse_document(body, "foo"), _DOCUMENT),
    "advisories": (lambda body: parse_vulnerabilities(body, "foo"), b'{"vulnerabilities": []}'),
    "OSV archive": (_read_osv_archive, _OSV_ARCHIVE),
    "OSV record": (
        lambda body: _read_osv_archive(osv_archive([], {"x.json": body})),
        json.dumps(_OSV_RECORD).encode(),
    ),
    "advisory index": (
        _read_advisory_index,
        build_index(io.BytesIO(_OSV_ARCHIVE), "all.zip", "").content,
    ),
    "JSON page": (lambda body: parse_project(body, _JSON, "http://x/", "foo"), _PAGE),
    "HTML page": (lambda body: parse_project(body, _HTML, "http://x/", "foo"), _LINKS),
    "JSON page record": (lambda body: parse_page_record(body, _JSON, "http://x/", "foo"), _PAGE),
    "HTML page record": (lambda body: parse_page_record(body, _HTML, "http://x/", "foo"), _LINKS),
    "JSON list": (lambda body: parse_root(body, _JSON, "http://x/"), _ROOT),
    "HTML list": (lambda body: parse_root(body, _HTML, "http://x/"), b'<a href="foo/">foo</a>'),
    "metadata": (from_metadata, _METADATA),
    "requires.txt": (parse_requires_txt, b"bar\n[x:os_name=='y']\nbaz>=1\n"),
    "pyproject.toml": (build_requires, _TOML),
    "wheel": (lambda body: read_wheel_metadata(io.BytesIO(body)), _WHEEL.content),
    "egg": (lambda body: read_egg_metadata(io.BytesIO(body)), _WHEEL.content),
    "sdist": (lambda body: from_sdist(read_sdist_parts(io.BytesIO(body), "f-1.tar.gz")), _SDIST.content),
    "tar": (_unpacked_sdist, gzip.decompress(_SDIST.content)),
    "zip sdist": (lambda body: read_sdist_parts(io.BytesIO(body), "f-1.zip"), _WHEEL.content),
    "requirement": (_text(lenient_requirement), b"bar[x]>=1,<2; python_version < '3.9'"),
    "requires-python": (_text(parse_requires_python), b">=3.8,!=3.9.*"),
    "requirements.txt": (_file_named("requirements.txt"), _REQUIREMENTS),
    "project": (_file_named("pyproject.toml", groups=["all"]), _PROJECT),
    "pylock": (_file_named("pylock.toml", extras=["all"]), _LOCK),
    "uv.lock": (_file_named("uv.lock"), _UV_LOCK),
    "script": (_file_named("x.py"), b"# /// script\n# dependencies = ['bar']\n# ///\n"),
    "buildout": (_text(lambda text: parse_versions(text, "x")), b"[versions]\nfoo = 1.0\n"),
    "server request": (answer_request, _REQUEST),
    "version": (_text(parse_version), b"1!2.3a4.post5.dev6+x.7"),
}  # fmt: skip
