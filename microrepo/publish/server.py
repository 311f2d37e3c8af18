#!/usr/bin/env python3
"""Serve a directory of Python distributions to pip, uv, other mirrors and people.

One file, standard library only, Python 3.7 or later: copy it into the directory and run
``python3 server.py``. The upper half is pure (names, versions, page rendering) and also writes the
static ``simple/`` tree; the lower half reads a repository and speaks HTTP. It never writes.
"""

# `os` costs a third of `pathlib` on the paths that answer each request.
# ruff: noqa: PTH100, PTH116, PTH118, PTH120, PTH123, PTH206

from __future__ import annotations

import argparse
import base64
import errno
import getpass
import hashlib
import heapq
import hmac
import html
import json
import os
import re
import selectors
import signal
import socket
import stat
import sys
import tarfile
import threading
import time
import traceback
import zipfile
import zlib
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache, partial
from queue import SimpleQueue
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote_to_bytes, urlsplit

try:
    import ssl
    from ssl import SSLWantReadError, SSLWantWriteError
except ImportError:  # a Python built without TLS
    ssl = None  # type: ignore[assignment]
    SSLWantReadError = SSLWantWriteError = BlockingIOError  # type: ignore[assignment,misc]

API_VERSION = "1.4"
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
TEXT_TYPE = "text/html"

# ---- Names and versions ------------------------------------------------------------------------

SDIST_SUFFIXES = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.z", ".tbz")
OTHER_SUFFIXES = (".whl", ".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")

MAX_VERSION_LENGTH = 200
_SEPARATORS = re.compile(r"[-_.]+")
_PROJECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_DOTTED = re.compile(r"v?\d+(?:\.\d+)+", re.ASCII)
_VERSION = re.compile(
    r"""\s*v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d*))?
    (?:-(?P<post_dash>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_n>\d*))?
    (?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PRE_RANK = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_PIECES = re.compile(r"(\d+)|([A-Za-z]+)", re.ASCII)


class Parsed(NamedTuple):
    """What a distribution's file name says.

    ``project`` is spelt as in the name; ``kind`` is ``wheel``, ``sdist`` or ``egg``; the tags are
    empty for an sdist.
    """

    project: str
    version: str
    kind: str
    pythons: tuple[str, ...] = ()
    abis: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    build: str = ""

    @property
    def name(self) -> str:
        """The normalised project name."""
        return normalize_name(self.project)


def normalize_name(name: str) -> str:
    """Return the one spelling that stands for all spellings of a project's name (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def is_project_name(name: str) -> bool:
    """Tell whether `name` can be a project's name (PEP 508)."""
    return len(name) <= 255 and _PROJECT_NAME.fullmatch(name) is not None


def _match_version(text: str) -> re.Match[str] | None:
    # Python refuses to convert thousands of digits, and nobody writes such a version.
    return _VERSION.fullmatch(text) if len(text) <= MAX_VERSION_LENGTH else None


def is_version(text: str) -> bool:
    """Tell whether `text` is a version by PEP 440."""
    return _match_version(text) is not None


def is_prerelease(text: str) -> bool:
    """Tell whether a version is an alpha, beta, candidate or development release."""
    match = _match_version(text)
    return match is not None and (match["pre"] or match["dev"]) is not None


def version_key(text: str) -> tuple[Any, ...]:
    """Return a key that sorts versions by PEP 440; what it does not know sorts before, naturally."""
    match = _match_version(text)
    if match is None:
        return (0, _pieces(text[:MAX_VERSION_LENGTH].lower()), text)
    part = match.groupdict()
    release = [int(number) for number in part["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    post = part["post_dash"] or part["post_n"] or ("0" if part["post"] else "-1")
    if part["pre"]:
        pre = (0, _PRE_RANK[part["pre"].lower()], int(part["pre_n"] or 0))
    else:
        # A development release of a final one comes before that final one's alphas.
        pre = (-1 if part["dev"] and post == "-1" else 1, 0, 0)
    dev = (0, int(part["dev_n"] or 0)) if part["dev"] else (1, 0)
    # Each part of a local version is a number or, even if it begins with one, a word.
    words = re.findall(r"[a-z0-9]+", (part["local"] or "").lower())
    local = tuple((1, int(word), "") if word.isdigit() else (0, 0, word) for word in words)
    return (1, int(part["epoch"] or 0), tuple(release), pre, int(post), dev, local)


def _pieces(text: str) -> tuple[tuple[int, int, str], ...]:
    found = _PIECES.findall(text)
    return tuple((1, int(digits), "") if digits else (0, 0, word) for digits, word in found)


def parse_filename(filename: str) -> Parsed | None:
    """Read project, version and tags from the name of a wheel, sdist or egg.

    Returns None for any other name. The name of an sdist is ambiguous (``a-1-2.tar.gz``): the
    version starts at the last dash that leaves a version, or one earlier when that is a dotted
    number and both together are a version, as in ``a-1.0-2.tar.gz``.
    """
    lowered = filename.lower()
    if lowered.endswith(".whl"):
        return _parse_wheel(filename[:-4])
    if lowered.endswith(".egg"):
        return _parse_egg(filename[:-4])
    for suffix in SDIST_SUFFIXES:
        if lowered.endswith(suffix):
            return _parse_sdist(filename[: -len(suffix)])
    return None


def _parse_wheel(stem: str) -> Parsed | None:
    parts = stem.split("-")
    if len(parts) not in {5, 6} or not all(parts) or not is_project_name(parts[0]):
        return None
    build = parts[2] if len(parts) == 6 else ""
    if build and not build[0].isdigit():
        return None
    pythons, abis, platforms = (tuple(tag.split(".")) for tag in parts[-3:])
    version = parts[1].replace("_", "-")
    return Parsed(parts[0], version, "wheel", pythons, abis, platforms, build)


def _parse_egg(stem: str) -> Parsed | None:
    parts = stem.split("-", 3)
    if len(parts) < 2 or not all(parts) or not is_project_name(parts[0]):
        return None
    pythons = tuple(parts[2:3])
    return Parsed(parts[0], parts[1].replace("_", "-"), "egg", pythons, (), tuple(parts[3:]))


def _parse_sdist(stem: str) -> Parsed | None:
    parts = stem.split("-")
    if len(parts) < 2:
        return None
    cut = _version_start(parts)
    project, version = "-".join(parts[:cut]), "-".join(parts[cut:])
    if not version or not is_project_name(project):
        return None
    return Parsed(project, version, "sdist")


def _version_start(parts: list[str]) -> int:
    last = len(parts)
    for cut in range(last - 1, 0, -1):
        if not is_version("-".join(parts[cut:])):
            continue
        wider = cut - 1
        if wider and _DOTTED.fullmatch(parts[wider]) and is_version("-".join(parts[wider:])):
            return wider
        return cut
    numbered = (cut for cut in range(1, last) if parts[cut][:1].isdigit())
    return next(numbered, last - 1)


# ---- Records -----------------------------------------------------------------------------------


class FileEntry(NamedTuple):
    """One distribution file as an index page names it (PEP 503, 592, 658, 691, 700, 714, 740).

    ``url`` is empty for a file of the flat directory. ``hashes`` maps hashlib's names to lower
    case hex. ``size`` is in bytes. ``upload_time`` is RFC 3339 in UTC, or empty. ``yanked`` is
    the reason, or True without one. ``core_metadata`` is the sidecar's digests, or True.
    ``provenance`` must be an absolute URL. ``version`` is needed where the name does not say it.
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    size: int | None
    upload_time: str = ""
    requires_python: str = ""
    yanked: bool | str = False
    core_metadata: bool | Mapping[str, str] = False
    provenance: str = ""
    version: str = ""

    @property
    def release(self) -> str:
        """The version this file belongs to, from the record or from its name; may be empty."""
        parsed = None if self.version else parse_filename(self.filename)
        return parsed.version if parsed else self.version


class ProjectPage(NamedTuple):
    """One project of the index, status as in PEP 792; ``versions`` are completed by the files'."""

    name: str
    files: tuple[FileEntry, ...]
    versions: tuple[str, ...] = ()
    status: str = "active"
    status_reason: str = ""
    serial: int | None = None


class RootPage(NamedTuple):
    """The list of all projects: pairs of display name and serial."""

    projects: tuple[tuple[str, int | None], ...]
    serial: int | None = None


def sort_files(files: Iterable[FileEntry]) -> list[FileEntry]:
    """Order files by version, oldest first, then by name."""
    keys: dict[str, tuple[Any, ...]] = {}
    rows = []
    for entry in files:
        version = entry.release
        if version not in keys:
            keys[version] = version_key(version)
        rows.append((keys[version], entry.filename, entry))
    rows.sort(key=lambda row: row[:2])
    return [row[2] for row in rows]


def list_versions(page: ProjectPage) -> list[str]:
    """Return each release once, oldest first; the page's own spelling goes before a file name's."""
    spelling = {version_key(entry.release): entry.release for entry in page.files}
    spelling.update((version_key(version), version) for version in page.versions)
    return [spelling[key] for key in sorted(spelling) if spelling[key]]


# ---- Index pages (Simple API 1.4) ----------------------------------------------------------------

_FRAGMENT_HASHES = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")
_escape = html.escape


def _json_bytes(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _json_meta(serial: int | None) -> dict[str, object]:
    meta: dict[str, object] = {"api-version": API_VERSION}
    if serial is not None:
        meta["_last-serial"] = serial
    return meta


def file_url(entry: FileEntry, base: str) -> str:
    """Return where a page links to: the entry's own address or its quoted name below `base`."""
    return entry.url or base + quote(entry.filename, safe="")


def _json_file(entry: FileEntry, base: str) -> dict[str, object]:
    metadata = entry.core_metadata
    if not isinstance(metadata, bool):
        metadata = dict(sorted(metadata.items()))
    record: dict[str, object] = {
        "filename": entry.filename,
        "url": file_url(entry, base),
        "hashes": dict(sorted(entry.hashes.items())),
    }
    if entry.requires_python:
        record["requires-python"] = entry.requires_python
    if entry.size is not None:
        record["size"] = entry.size
    if entry.upload_time:
        record["upload-time"] = entry.upload_time
    record["yanked"] = entry.yanked
    record["core-metadata"] = metadata
    # Its older name, dist-info-metadata, is for HTML only: pip 22.3 and 23.0 end with a traceback
    # when they find digests under it in JSON (the reason for PEP 714).
    if entry.provenance:
        record["provenance"] = entry.provenance
    return record


def render_project_json(page: ProjectPage, base: str = "../../") -> bytes:
    """Render a project's page as JSON; `base` leads from the page to the flat directory."""
    status = {"status": page.status}
    if page.status_reason:
        status["reason"] = page.status_reason
    return _json_bytes(
        {
            "meta": _json_meta(page.serial),
            "name": normalize_name(page.name),
            "project-status": status,
            "versions": list_versions(page),
            "files": [_json_file(entry, base) for entry in sort_files(page.files)],
        }
    )


def render_root_json(root: RootPage) -> bytes:
    """Render the list of all projects as JSON, by normalised name."""
    rows: list[dict[str, object]] = []
    for name, serial in sorted(root.projects, key=lambda row: normalize_name(row[0])):
        row: dict[str, object] = {"name": name}
        if serial is not None:
            row["_last-serial"] = serial
        rows.append(row)
    return _json_bytes({"meta": _json_meta(root.serial), "projects": rows})


def render_anchor(entry: FileEntry, base: str) -> str:
    """Render one file's link with its data attributes (PEP 503 and what came after it)."""
    url = file_url(entry, base)
    name = next((name for name in _FRAGMENT_HASHES if name in entry.hashes), "")
    if name and "#" not in url:
        url += f"#{name}={entry.hashes[name]}"
    attributes = [("href", url)]
    if entry.requires_python:
        attributes.append(("data-requires-python", entry.requires_python))
    if entry.yanked is not False:
        attributes.append(("data-yanked", "" if entry.yanked is True else entry.yanked))
    metadata = _html_metadata(entry.core_metadata)
    if metadata:
        attributes.append(("data-dist-info-metadata", metadata))
        attributes.append(("data-core-metadata", metadata))
    if entry.provenance:
        attributes.append(("data-provenance", entry.provenance))
    joined = " ".join(f'{key}="{_escape(value)}"' for key, value in attributes)
    return f"<a {joined}>{_escape(entry.filename)}</a><br />\n"


def _html_metadata(metadata: bool | Mapping[str, str]) -> str:
    if isinstance(metadata, bool):
        return "true" if metadata else ""
    name = "sha256" if "sha256" in metadata else next(iter(sorted(metadata)), "")
    return f"{name}={metadata[name]}" if name else "true"


def _html_head(title: str, extra: str = "") -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="{API_VERSION}">\n{extra}'
        f"<title>{_escape(title)}</title>\n</head>\n<body>\n"
    )


def _html_bytes(text: str) -> bytes:
    # JSON can carry half a surrogate pair, which UTF-8 cannot.
    return text.encode("utf-8", "replace")


def _html_tail(serial: int | None) -> str:
    return "</body>\n</html>\n" + ("" if serial is None else f"<!--SERIAL {serial:d}-->\n")


def render_project_html(page: ProjectPage, base: str = "../../") -> bytes:
    """Render a project's page as HTML; `base` leads from the page to the flat directory."""
    extra = f'<meta name="pypi:project-status" content="{_escape(page.status)}">\n'
    if page.status_reason:
        reason = _escape(page.status_reason)
        extra += f'<meta name="pypi:project-status-reason" content="{reason}">\n'
    title = "Links for " + normalize_name(page.name)
    parts = [_html_head(title, extra), f"<h1>{_escape(title)}</h1>\n"]
    parts += [render_anchor(entry, base) for entry in sort_files(page.files)]
    parts.append(_html_tail(page.serial))
    return _html_bytes("".join(parts))


def render_root_html(root: RootPage) -> bytes:
    """Render the list of all projects as HTML, by normalised name."""
    parts = [_html_head("Simple index")]
    rows = sorted((normalize_name(name), name) for name, _ in root.projects)
    parts += [f'<a href="{quote(key)}/">{_escape(name)}</a><br />\n' for key, name in rows]
    parts.append(_html_tail(root.serial))
    return _html_bytes("".join(parts))


def iter_links_html(pages: Iterable[ProjectPage], base: str = "../") -> Iterator[bytes]:
    """Render, piece by piece, one page with every file, for ``--find-links``."""
    yield _html_head("Links to all files").encode("utf-8")
    for page in pages:
        anchors = "".join(render_anchor(entry, base) for entry in sort_files(page.files))
        yield _html_bytes(anchors)
    yield _html_tail(None).encode("utf-8")


def render_links_html(pages: Iterable[ProjectPage], base: str = "../") -> bytes:
    """Render one page with every file, for ``--find-links``; `base` as in `iter_links_html`."""
    return b"".join(iter_links_html(pages, base))


def parse_project_json(document: bytes) -> ProjectPage:
    """Read back a project's JSON page.

    Raises:
        ValueError: if it is not such a page.
    """
    try:
        data = json.loads(document.decode("utf-8"))
        files = tuple(_parse_json_file(item) for item in data["files"])
        status = data.get("project-status", {})
        return ProjectPage(
            name=str(data["name"]),
            files=files,
            versions=tuple(str(version) for version in data.get("versions", ())),
            status=str(status.get("status", "active")),
            status_reason=str(status.get("reason", "")),
            serial=data["meta"].get("_last-serial"),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a project page: {error!r}") from error


def _parse_json_file(item: Mapping[str, Any]) -> FileEntry:
    return FileEntry(
        filename=str(item["filename"]),
        url=str(item["url"]),
        hashes=dict(item["hashes"]),
        size=item.get("size"),
        upload_time=item.get("upload-time") or "",
        requires_python=item.get("requires-python") or "",
        yanked=item.get("yanked", False),
        core_metadata=item.get("core-metadata", item.get("dist-info-metadata", False)),
        provenance=item.get("provenance") or "",
    )


# ---- What is known about a project besides its files ---------------------------------------------

MAX_METADATA_BYTES = 1 << 20
_BROKEN_ARCHIVE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
)


class ProjectInfo(NamedTuple):
    """What a person wants to know of a project; every text is as written by its author."""

    summary: str = ""
    description: str = ""
    license: str = ""
    author: str = ""
    requires: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def parse_core_metadata(document: bytes) -> dict[str, list[str]]:
    """Read the fields of a METADATA or PKG-INFO file by lower-case name, the body as description.

    Lenient: what is no field is skipped, what is no UTF-8 is replaced.
    """
    head, _, body = document.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
    fields: dict[str, list[str]] = {}
    values: list[str] = []
    for line in head.split("\n"):
        if line[:1] in {" ", "\t"} and values:
            text = line.strip()
            values[-1] += "\n" + (text[1:] if text[:1] == "|" else text)
            continue
        name, colon, value = line.partition(":")
        if colon:
            values = fields.setdefault(name.strip().lower(), [])
            values.append(value.strip())
    if body.strip():
        fields["description"] = [body]
    return fields


def info_from_core_metadata(document: bytes) -> ProjectInfo:
    """Read what people want to know from a METADATA or PKG-INFO file."""
    fields = parse_core_metadata(document)

    def first(*names: str) -> str:
        return next((fields[name][0] for name in names if fields.get(name, [""])[0]), "")

    links = [("Homepage", first("home-page"))] if first("home-page") else []
    for line in fields.get("project-url", ()):
        label, _, url = line.partition(",")
        links.append((label.strip(), url.strip()))
    return ProjectInfo(
        first("summary"),
        first("description"),
        _short(first("license-expression", "license")),
        first("author", "author-email", "maintainer", "maintainer-email"),
        tuple(fields.get("requires-dist", ())),
        tuple(links),
    )


def info_from_document(document: bytes) -> ProjectInfo:
    """Read what people want to know from a project's ``pypi/<project>/json`` document.

    Raises:
        ValueError: if it is no such document.
    """
    data = json.loads(document.decode("utf-8"))
    info = data.get("info") if isinstance(data, dict) else None
    if not isinstance(info, dict):
        raise ValueError("no info in the document")  # noqa: TRY004  # the data, not the caller

    def first(*names: str) -> str:
        return next((str(info[name]) for name in names if info.get(name)), "")

    urls = info.get("project_urls")
    links = [(str(label), str(url)) for label, url in urls.items()] if urls else []
    return ProjectInfo(
        first("summary"),
        first("description")[:MAX_METADATA_BYTES],
        _short(first("license_expression", "license")),
        first("author", "author_email", "maintainer", "maintainer_email"),
        tuple(str(requirement) for requirement in info.get("requires_dist") or ()),
        tuple(links),
    )


def _short(text: str) -> str:
    # Old projects paste the whole licence into this field.
    return text.strip().split("\n", 1)[0][:120]


def read_core_metadata(path: str) -> bytes:
    """Return METADATA of a wheel or PKG-INFO of an sdist, read in place; empty if there is none."""
    lowered = path.lower()
    try:
        if lowered.endswith((".whl", ".egg", ".zip")):
            return _read_zip_metadata(path)
        if lowered.endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")):
            return _read_tar_metadata(path)
    except _BROKEN_ARCHIVE:
        pass
    return b""


def _read_zip_metadata(path: str) -> bytes:
    wanted = re.compile(r"[^/]+\.dist-info/METADATA|(?:[^/]+|EGG-INFO)/PKG-INFO")
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if wanted.fullmatch(name)), "")
        if not name:
            return b""
        with archive.open(name) as member:
            return member.read(MAX_METADATA_BYTES)


def _read_tar_metadata(path: str) -> bytes:
    # A tar has no directory: to look behind large members would mean to unpack them all.
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if member.offset > 8 * MAX_METADATA_BYTES:
                break
            if member.isreg() and re.fullmatch(r"[^/]+/PKG-INFO", member.name):
                content = archive.extractfile(member)
                return content.read(MAX_METADATA_BYTES) if content else b""
    return b""


# ---- Pages for people ----------------------------------------------------------------------------

PAGE_SIZE = 60
FILES_SHOWN = 12
_STYLE = """
:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#17202e;--soft:#586477;--line:#dce1e8;
--accent:#1f56c3;--tint:#e8effc;--code:#eef1f5;--good:#12704a;--warn:#8a4b00;--warnbg:#fff3dc;
--bad:#a4231a;--badbg:#fdeae8;--c0:#2f6fde;--c1:#14997a;--c2:#8a63d2;--c3:#d98324;--c4:#c2457a;--c5:#7b8797}
@media(prefers-color-scheme:dark){:root{--bg:#10141b;--card:#181e28;--ink:#e7ecf4;--soft:#9aa7b9;
--line:#2b3442;--accent:#85aefc;--tint:#1d2b47;--code:#222a36;--good:#5cd0a0;--warn:#f2bd6c;
--warnbg:#352810;--bad:#ff9d94;--badbg:#3b1a18;--c0:#5b90f0;--c1:#2fb795;--c2:#a585e6;--c3:#e39b49}}
*{box-sizing:border-box}[hidden]{display:none!important}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-99em}.skip:focus{left:1em;top:.6em;background:var(--card);padding:.3em .8em}
.wrap{max-width:70rem;margin:auto;padding:0 1.25rem}
.top{background:var(--card);border-bottom:1px solid var(--line)}
.top .wrap{display:flex;gap:1rem 1.5rem;align-items:center;padding-top:.8rem;padding-bottom:.8rem}
.brand{display:flex;gap:.55rem;align-items:center;font-weight:700;font-size:1.1rem;color:inherit;
text-decoration:none}.brand svg{width:1.7rem;height:1.7rem;color:var(--accent)}
form{flex:1;display:flex;gap:.5rem;max-width:34rem;margin-left:auto}
input[type=search]{flex:1;min-width:0;font:inherit;padding:.5rem .9rem;border:1px solid var(--line);
border-radius:.6rem;background:var(--bg);color:inherit}
button{font:inherit;padding:.45rem .9rem;border:1px solid var(--line);border-radius:.6rem;
background:var(--card);color:inherit;cursor:pointer}form button{background:var(--accent);
border-color:var(--accent);color:var(--card);font-weight:600}
h1{font-size:1.9rem;line-height:1.2;margin:1.8rem 0 .3rem;letter-spacing:-.01em}
h2{font-size:1.05rem;margin:0 0 .8rem}.lead{color:var(--soft);font-size:1.1rem;margin:.2rem 0 1.2rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.9rem;padding:1.2rem 1.3rem;
margin:0 0 1.2rem;min-width:0}
.cols{display:grid;grid-template-columns:minmax(0,1fr) 19rem;gap:1.2rem;align-items:start}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:.8rem;margin:0 0 1.2rem}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:.9rem;padding:.8rem 1.1rem}
.tiles b{display:block;font-size:1.45rem;line-height:1.25;letter-spacing:-.01em}.soft,.tiles span,dt{color:var(--soft);font-size:.9rem}
pre,code{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--code);border-radius:.6rem;padding:.8rem 1rem;margin:0;white-space:pre-wrap}
.copy{position:relative;padding-right:5.2rem;user-select:all}.copy button{position:absolute;right:.4rem;
top:.4rem;font:600 .8rem/1.4 system-ui,sans-serif;padding:.25rem .6rem;user-select:none}
.tabs{display:flex;flex-wrap:wrap;gap:.4rem}.tabs input{position:absolute;opacity:0}
.tabs label{padding:.25rem .8rem;border-radius:2rem;cursor:pointer;color:var(--soft);font-size:.92rem}
.tabs input:checked+label{background:var(--tint);color:var(--accent);font-weight:600}
.tabs input:focus-visible+label{outline:3px solid var(--accent)}
.tabs pre{display:none;order:1;width:100%;margin-top:.4rem}.tabs input:checked+label+pre{display:block}
ul.plain{list-style:none;margin:0;padding:0}.projects li{border-top:1px solid var(--line)}
.projects li:first-child{border:0}.projects a{display:block;padding:.65rem .4rem;margin:0 -.4rem;
color:inherit;text-decoration:none;border-radius:.5rem}.projects a:hover{background:var(--tint)}
.projects b{color:var(--accent)}.projects span{color:var(--soft);font-size:.9rem}
.projects p{margin:0;color:var(--soft);font-size:.94rem;display:-webkit-box;-webkit-line-clamp:2;
-webkit-box-orient:vertical;overflow:hidden}
.letters{display:flex;flex-wrap:wrap;gap:.15rem;margin:0 0 .9rem -.4rem}.letters a,.pages a{padding:.15rem .5rem;
border-radius:.4rem;text-decoration:none}.letters a:hover,.letters [aria-current],.pages a:hover{background:var(--tint)}
.letters [aria-current]{font-weight:700}.pages{display:flex;justify-content:space-between;gap:1rem;margin-top:1rem}
.badge{display:inline-block;font-size:.78rem;line-height:1.5;padding:.05rem .55rem;margin:.1rem .15rem .1rem 0;
border-radius:1rem;background:var(--code);color:var(--ink);white-space:nowrap}.badge.py{background:var(--tint);
color:var(--accent)}.badge.warn{background:var(--warnbg);color:var(--warn)}.badge.bad{background:var(--badbg);color:var(--bad)}
.note{border-radius:.9rem;padding:.75rem 1.1rem;margin:0 0 1.2rem;background:var(--warnbg);color:var(--warn)}
.note.bad{background:var(--badbg);color:var(--bad)}
.files li{border-top:1px solid var(--line);padding:.75rem 0}.files li:first-child{border:0;padding-top:0}
.files .row{display:flex;flex-wrap:wrap;gap:.1rem .9rem;align-items:center;font-size:.9rem;margin-top:.15rem}
.files .row>:first-child{flex:1;min-width:min(100%,14rem)}.more{border-top:1px solid var(--line);padding-top:.75rem}
details summary{cursor:pointer;color:var(--soft);font-size:.9rem}.digests[open]{flex-basis:100%}
.digests code{display:block;font-size:.76rem;color:var(--soft)}
dl{margin:0}dd{margin:0 0 .75rem}dd:last-child{margin:0}dd li{margin:.1rem 0}
.releases{max-height:26rem;overflow:auto}.releases li{display:flex;gap:.5rem;justify-content:space-between;
align-items:baseline;padding:.25rem .4rem;margin:0 -.4rem;border-radius:.4rem}.releases [aria-current]{font-weight:700}
.description{background:none;padding:0;max-height:none}
.bar{width:100%;height:.8rem;border-radius:.4rem;display:block;margin:.2rem 0 .8rem}
.k0{fill:var(--c0);color:var(--c0)}.k1{fill:var(--c1);color:var(--c1)}.k2{fill:var(--c2);color:var(--c2)}
.k3{fill:var(--c3);color:var(--c3)}.k4{fill:var(--c4);color:var(--c4)}.k5{fill:var(--c5);color:var(--c5)}
.legend li,.recent li{display:flex;justify-content:space-between;gap:.8rem;font-size:.92rem;padding:.12rem 0}
.legend svg{width:.7rem;height:.7rem;margin-right:.5rem}.legend span:last-child,.recent span{white-space:nowrap}
footer{color:var(--soft);font-size:.88rem;padding:1rem 0 2.5rem}
@media(max-width:50rem){.cols{grid-template-columns:minmax(0,1fr)}.tiles{grid-template-columns:1fr 1fr}}
@media(max-width:34rem){.top .wrap{flex-wrap:wrap}form{flex-basis:100%;max-width:none}h1{font-size:1.55rem}
.wrap{padding:0 .9rem}.card{padding:1rem}.tiles{gap:.6rem}.tiles div{padding:.6rem .8rem}.tiles b{font-size:1.2rem}}
@media print{form,.copy button{display:none}}
"""
_SCRIPT = """
(() => {
const box = document.getElementById("q");
let area = document.getElementById("results"), timer, asked = 0;
const narrow = () => {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of area.querySelectorAll(".projects li")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
    shown += !row.hidden;
  }
  area.querySelector(".count").textContent = shown === 1 ? "1 project" : shown + " projects";
  const letters = area.querySelector(".letters");
  if (letters) letters.hidden = words.length > 0;
};
const load = async () => {
  const mine = ++asked, reply = await fetch("./?q=" + encodeURIComponent(box.value));
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fresh = page.getElementById("results");
  if (mine === asked && fresh) { area.replaceWith(fresh); area = fresh; }
};
if (area) box.addEventListener("input", () => {
  if (area.dataset.complete === "1") return narrow();
  clearTimeout(timer);
  timer = setTimeout(load, 120);
});
// An exported page learns here what a server would have told it: what is sought, and where it lies.
const root = document.body.dataset.root;
if (root) {
  const sought = new URLSearchParams(location.search).get("q"), home = new URL(root, location.href);
  box.form.hidden = false;
  if (area && sought) { box.value = sought; narrow(); }
  const near = home.protocol !== "http:" || /^(localhost|127\\..*|\\[::1\\])$/.test(home.hostname);
  for (const block of document.querySelectorAll(".copy")) {
    let text = block.textContent.split("https://ADDRESS/").join(home.href);
    if (!near) text = text.replace(/^pip install/, "$& --trusted-host " + home.host)
      .replace(/^\\[global\\]/, "$&\\ntrusted-host = " + home.host)
      .replace(/^PIP_INDEX_URL/, "PIP_TRUSTED_HOST=" + home.host + "\\n$&");
    block.textContent = text;
  }
}
addEventListener("keydown", event => {
  if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) {
    event.preventDefault();
    box.focus();
  }
});
if (navigator.clipboard) for (const block of document.querySelectorAll(".copy")) {
  const text = block.textContent, button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  block.append(button);
}
})();
"""
_LOGO = (
    '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" '
    'stroke-width="2" stroke-linejoin="round"><path d="M12 2.5 21 7v10l-9 4.5L3 17V7z"/>'
    '<path d="M3 7l9 4.5L21 7M12 11.5v10"/></svg>'
)
_ICON = quote(
    _LOGO.replace("currentColor", "#3b7cf0").replace(
        "<svg", "<svg xmlns='http://www.w3.org/2000/svg'"
    )
)


def _source_hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{digest.decode('ascii')}'"


_SOURCES = f"style-src {_source_hash(_STYLE)}; script-src {_source_hash(_SCRIPT)}; img-src data:"
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; {_SOURCES}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_EXPORT_POLICY = f"default-src 'none'; {_SOURCES}; base-uri 'none'"


class Site(NamedTuple):
    """How pages for people lead on: as a server answers them, or as files.

    ``leaf`` ends the address of each page; ``files`` leads from the start page to the flat
    directory. Exported pages lie in a directory of their own and name no host and no age.
    """

    leaf: str = ""
    files: str = ""


SERVED, EXPORTED = Site(), Site("index.html", "../")
# The script of an exported page puts the real address here.
EXPORTED_URL = "https://ADDRESS/"


class Totals(NamedTuple):
    """What the flat directory holds: counts, bytes, times in seconds since the epoch.

    ``kinds`` are rows of label, files and bytes; ``recent`` the newest files by upload time.
    """

    projects: int
    files: int
    total_bytes: int
    changed_s: float
    kinds: tuple[tuple[str, int, int], ...] = ()
    recent: tuple[tuple[str, float], ...] = ()


class Card(NamedTuple):
    """One line of the list of projects."""

    name: str
    version: str = ""
    summary: str = ""


class HomeView(NamedTuple):
    """Everything the front page shows; ``url`` is the repository's own address, with a slash."""

    url: str
    now_s: float
    totals: Totals
    cards: tuple[Card, ...]
    matches: int
    letters: str = ""
    query: str = ""
    letter: str = ""
    page: int = 1
    site: Site = SERVED


class ProjectView(NamedTuple):
    """Everything a project's page shows; ``known`` tells which required projects are here too."""

    url: str
    now_s: float
    page: ProjectPage
    info: ProjectInfo
    version: str
    known: Callable[[str], bool]
    site: Site = SERVED


class ClientSettings(NamedTuple):
    """Texts that make clients use a repository: commands, configuration files, environment."""

    pip_command: str
    pip_conf: str
    uv_command: str
    uv_toml: str
    environment: str


def client_settings(url: str) -> ClientSettings:
    """Return what to copy to install from the repository at `url` (with a trailing slash)."""
    index, parts = url + "simple/", urlsplit(url)
    host = parts.hostname or ""
    local = host in {"localhost", "::1"} or host.startswith("127.")
    # pip refuses plain HTTP from another machine unless told by name.
    trusted = parts.netloc.rpartition("@")[2] if parts.scheme == "http" and not local else ""
    option = f" --trusted-host {trusted}" if trusted else ""
    return ClientSettings(
        pip_command=f"pip install --index-url {index}{option}",
        pip_conf=f"[global]\nindex-url = {index}\n"
        + (f"trusted-host = {trusted}\n" if trusted else ""),
        uv_command=f"uv pip install --default-index {index}",
        uv_toml=f'[[index]]\nurl = "{index}"\ndefault = true\n',
        environment=f"PIP_INDEX_URL={index}\n"
        + (f"PIP_TRUSTED_HOST={trusted}\n" if trusted else "")
        + f"UV_DEFAULT_INDEX={index}\n",
    )


def format_bytes(count: float) -> str:
    """Return a size for people, in decimal units."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"


def format_age(seconds: float) -> str:
    """Return how long ago something was, in one rounded unit."""
    for unit, length in (
        ("year", 31557600),
        ("month", 2629800),
        ("day", 86400),
        ("hour", 3600),
        ("minute", 60),
    ):
        if seconds >= length:
            return _count(int(seconds // length), unit) + " ago"
    return "just now"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _time_element(epoch_s: float, now_s: float) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(epoch_s))
    said = format_age(now_s - epoch_s) if now_s else stamp[:10]
    return f'<time datetime="{stamp[:10]}" title="{stamp}">{said}</time>'


_PYTHON_TAG = re.compile(r"(cp|pp|py|ip|jy)(\d)_?(\d*)(t?)")
_PYTHON_NAMES = {"cp": "CPython", "pp": "PyPy", "py": "Python", "ip": "IronPython", "jy": "Jython"}
_MACHINES = {
    "x86_64": "x86-64",
    "amd64": "x86-64",
    "i686": "x86",
    "win32": "x86",
    "aarch64": "ARM64",
    "arm64": "ARM64",
    "armv7l": "ARMv7",
}
_SYSTEMS = (
    ("manylinux", "Linux"),
    ("musllinux", "Linux musl"),
    ("linux", "Linux"),
    ("macosx", "macOS"),
    ("win", "Windows"),
    ("ios", "iOS"),
    ("android", "Android"),
    ("pyodide", "Pyodide"),
    ("emscripten", "Pyodide"),
)


def python_labels(parsed: Parsed) -> list[str]:
    """Say for people which Pythons a file is for, oldest first; nothing for an sdist."""
    found = set()
    for tag in parsed.pythons:
        match = _PYTHON_TAG.match(tag.replace(".", ""))
        if match is None:
            continue
        kind, major, minor, free = match.groups()
        plus = "+" if "abi3" in parsed.abis or "abi3t" in parsed.abis else ""
        threads = (
            " free-threaded"
            if free or any(abi.endswith("t") and abi != "abi3t" for abi in parsed.abis)
            else ""
        )
        number = f"{major}.{minor}" if minor else major
        found.add((_PYTHON_NAMES[kind], int(major), int(minor or -1), number + plus + threads))
    return [f"{name} {number}" for name, _, _, number in sorted(found)]


def platform_labels(parsed: Parsed) -> list[str]:
    """Say for people which machines a file is for; nothing for an sdist."""
    found = []
    for tag in parsed.platforms:
        system = next((label for start, label in _SYSTEMS if tag.startswith(start)), "")
        machine = next((label for end, label in _MACHINES.items() if tag.endswith(end)), "")
        if not machine and tag.endswith(("universal2", "intel")):
            machine = "universal"
        label = "any platform" if tag == "any" else f"{system} {machine}".strip() or tag
        if label not in found:
            found.append(label)
    return found


def file_kind(filename: str) -> str:
    """Return the group a file counts in: source, any platform, or one operating system."""
    parsed = parse_filename(filename)
    if parsed is None:
        return "Other"
    if parsed.kind == "sdist":
        return "Source"
    if not parsed.platforms or "any" in parsed.platforms:
        return "Any platform"
    system = platform_labels(parsed)[0].split()[0]
    return system if system in {"Linux", "macOS", "Windows"} else "Other"


def _html_page(title: str, body: str, home: str, query: str = "", site: Site = SERVED) -> bytes:
    policy, root, hidden = "", "", ""
    if site.leaf:
        policy = f'<meta http-equiv="Content-Security-Policy" content="{_EXPORT_POLICY}">'
        root, hidden = f' data-root="{home}{site.files}"', " hidden"
    return _html_bytes(f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">{policy}<title>{_escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:image/svg+xml,{_ICON}"><style>{_STYLE}</style></head><body{root}>
<a class="skip" href="#main">Skip to content</a>
<header class="top"><div class="wrap"><a class="brand" href="{home}{site.leaf}">{_LOGO}<span>microrepo</span></a>
<form role="search" action="{home}{site.leaf}"{hidden}><input type="search" id="q" name="q" value="{_escape(query)}"
placeholder="Find a project" aria-label="Find a project" autocomplete="off" spellcheck="false">
<button>Search</button></form></div></header>
<main class="wrap" id="main">{body}</main>
<footer><div class="wrap">The index for pip and uv is at <a href="{home}{site.files}simple/{site.leaf}">simple/</a>.</div></footer>
<script>{_SCRIPT}</script></body></html>
""")


def render_message(title: str, text: str, home: str) -> bytes:
    """Render a page that says one thing, such as that a project is not here."""
    body = f'<h1>{_escape(title)}</h1><p class="lead">{_escape(text)}</p><p><a href="{home}">All projects</a></p>'
    return _html_page(title, body, home)


def render_home(view: HomeView) -> bytes:
    """Render the front page: totals, how to use the repository, and a page of its projects."""
    host = urlsplit(view.url).netloc.rpartition("@")[2]
    searching = bool(view.query or view.letter)
    intro = "" if searching or view.page > 1 else _render_tiles(view) + _render_usage(view.url)
    side = (
        ""
        if searching or not view.totals.files
        else _render_kinds(view.totals) + _render_recent(view)
    )
    found = _render_results(view)
    columns = f'<div class="cols"><div>{found}</div><aside>{side}</aside></div>' if side else found
    title, lead = "Python packages", "Install them with pip, uv or any other client."
    if not view.site.leaf:
        title += f" on {host}"
    if searching:
        title = f"Projects matching {view.query}" if view.query else "Projects by name"
        lead = f"Python packages on {host}"
    heading = f'<h1>{_escape(title)}</h1><p class="lead">{_escape(lead)}</p>'
    home = "" if view.site.leaf else "./"
    return _html_page(title, heading + intro + columns, home, view.query, view.site)


def _render_tiles(view: HomeView) -> str:
    totals, known = view.totals, view.totals.changed_s > 0
    changed = _time_element(totals.changed_s, view.now_s) if known else "…"
    rows = (
        (f"{totals.projects:,}", "project" if totals.projects == 1 else "projects"),
        (f"{totals.files:,}" if known else "…", "file" if totals.files == 1 else "files"),
        (format_bytes(totals.total_bytes) if known else "…", "in all"),
        (changed, "last change"),
    )
    tiles = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in rows)
    return f'<div class="tiles">{tiles}</div>'


def _render_usage(url: str) -> str:
    settings = client_settings(url)
    tabs = (
        ("pip", settings.pip_command + " PROJECT"),
        ("pip.conf", settings.pip_conf),
        ("uv", settings.uv_command + " PROJECT"),
        ("uv.toml", settings.uv_toml),
        ("environment", settings.environment),
    )
    parts = []
    for number, (label, text) in enumerate(tabs):
        checked = "" if number else " checked"
        parts.append(
            f'<input type="radio" name="tab" id="t{number}"{checked}><label for="t{number}">{label}</label>'
            f'<pre class="copy">{_escape(text.strip())}</pre>'
        )
    return _card("Use this repository", f'<div class="tabs">{"".join(parts)}</div>')


def _render_kinds(totals: Totals) -> str:
    start, bars, legend, said = 0.0, [], [], []
    for number, (label, files, size) in enumerate(totals.kinds[:6]):
        width = 100 * size / max(totals.total_bytes, 1)
        place = f'x="{start:.2f}" width="{max(width - 0.3, 0.2):.2f}" height="10"'
        share = f"{label} {format_bytes(size)} in {_count(files, 'file')}"
        said.append(share)
        bars.append(f'<rect class="k{number}" {place}><title>{share}</title></rect>')
        dot = f'<svg viewBox="0 0 10 10" aria-hidden="true"><circle class="k{number}" cx="5" cy="5" r="5"/></svg>'
        amount = f'<span class="soft" title="{_count(files, "file")}">{format_bytes(size)}</span>'
        legend.append(f"<span>{dot}{label}</span>{amount}")
        start += width
    named = f'role="img" aria-label="Bytes by kind: {", ".join(said)}"'
    box = f'class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" {named}'
    return _card("What it holds", f"<svg {box}>{''.join(bars)}</svg>{_list(legend, 'legend')}")


def _render_recent(view: HomeView) -> str:
    rows: dict[str, str] = {}
    for filename, uploaded_s in view.totals.recent:
        parsed = parse_filename(filename)
        if parsed:
            label = _escape(f"{parsed.name} {parsed.version}")
            url = f"project/{quote(parsed.name)}/{_release_link(parsed.version, view.site)}"
            age = _time_element(uploaded_s, view.now_s)
            rows.setdefault(label, f'<a href="{url}">{label}</a><span class="soft">{age}</span>')
    return _card("Newest uploads", _list(list(rows.values())[:8], "recent"))


def _release_link(version: str, site: Site) -> str:
    """Return what follows a project's address to show one release: all are on an exported page."""
    return f"{site.leaf}#r-{quote(version)}" if site.leaf else f"?version={quote(version)}"


def _render_results(view: HomeView) -> str:
    complete = not (view.query or view.letter) and view.matches == len(view.cards)
    rows, letter = [], ""
    for card in view.cards:
        place = ""
        if view.site.leaf and initial_of(card.name) != letter:
            letter = initial_of(card.name)
            place = f' id="l-{letter}"'
        version = f" <span>{_escape(card.version)}</span>" if card.version else ""
        summary = f"<p>{_escape(card.summary)}</p>" if card.summary else ""
        rows.append(
            f'<li{place}><a href="project/{quote(card.name)}/{view.site.leaf}"><b>{_escape(card.name)}</b>{version}{summary}</a></li>'
        )
    listing = (
        f'<ul class="plain projects">{"".join(rows)}</ul>'
        if rows
        else "<p>Nothing here by that name.</p>"
    )
    if not rows and not view.query and not view.letter:
        listing = (
            "<p>No distributions here yet: put wheels or source archives into the directory.</p>"
        )
    return (
        f'<section class="card" id="results" data-complete="{complete:d}"><h2><span class="count" aria-live="polite">'
        f"{_count(view.matches, 'project')}</span></h2>{_render_letters(view)}{listing}{_render_pager(view)}</section>"
    )


def _render_letters(view: HomeView) -> str:
    if view.query or len(view.letters) < 2 or (view.matches <= PAGE_SIZE and not view.letter):
        return ""
    links = [f'<a href="./"{_current(not view.letter)}>All</a>'] if not view.site.leaf else []
    for letter in view.letters:
        label = "0-9" if letter == "0" else letter.upper()
        url = f"#l-{letter}" if view.site.leaf else f"./?letter={letter}"
        links.append(f'<a href="{url}"{_current(letter == view.letter)}>{label}</a>')
    return f'<nav class="letters" aria-label="First letter">{"".join(links)}</nav>'


def _current(is_current: bool) -> str:
    return ' aria-current="page"' if is_current else ""


def _render_pager(view: HomeView) -> str:
    pages = -(-view.matches // PAGE_SIZE)
    if pages < 2 or view.site.leaf:
        return ""
    chosen = (
        f"q={quote(view.query)}&amp;"
        if view.query
        else f"letter={quote(view.letter)}&amp;"
        if view.letter
        else ""
    )
    before = (
        f'<a rel="prev" href="./?{chosen}page={view.page - 1}">← Previous</a>'
        if view.page > 1
        else "<span></span>"
    )
    after = (
        f'<a rel="next" href="./?{chosen}page={view.page + 1}">Next →</a>'
        if view.page < pages
        else "<span></span>"
    )
    return f'<nav class="pages" aria-label="Pages">{before}<span class="soft">Page {view.page:,} of {pages:,}</span>{after}</nav>'


def latest_version(page: ProjectPage) -> str:
    """Return the release to show first: the newest that is neither yanked nor a pre-release."""
    good = [entry.release for entry in page.files if entry.yanked is False]
    final = [version for version in good if version and not is_prerelease(version)]
    choices = final or [version for version in good if version] or list_versions(page)
    return max(choices, key=version_key, default="")


def render_project(view: ProjectView) -> bytes:
    """Render a project's page for people, with the files of one of its releases."""
    name, wanted = normalize_name(view.page.name), version_key(view.version)
    ordered = sort_files(view.page.files)
    files = [entry for entry in ordered if version_key(entry.release) == wanted]
    newest = wanted == version_key(latest_version(view.page))
    pinned = "" if newest else f"=={view.version}"
    command = f"{client_settings(view.url).pip_command} {name}{pinned}"
    text = view.info.description.strip()
    description = f'<pre class="description">{_escape(text)}</pre>' if text else ""
    main = _card("Install", f'<pre class="copy">{_escape(command)}</pre>')
    main += _render_files(files, view)
    text_card = _card("Description", description)
    if view.site.leaf:
        text_card += _render_others(ordered, view)
    side = _render_releases(view) + _render_facts(view, files)
    body = (
        f'<h1>{_escape(name)} <span class="soft">{_escape(view.version)}</span></h1>'
        f'<p class="lead">{_escape(view.info.summary)}</p>{_render_notes(view, files)}'
        f'<div class="cols"><div>{main}{text_card}</div><aside>{side}</aside></div>'
    )
    return _html_page(f"{name} {view.version}", body, "../../", site=view.site)


def _card(title: str, content: str, anchor: str = "") -> str:
    if not content:
        return ""
    place = f' id="{_escape(anchor)}"' if anchor else ""
    return f'<section class="card"{place}><h2>{title}</h2>{content}</section>'


def _render_notes(view: ProjectView, files: list[FileEntry]) -> str:
    notes = []
    if view.page.status != "active":
        reason = f": {view.page.status_reason}" if view.page.status_reason else "."
        notes.append(("This project is ", view.page.status, reason))
    if files and all(entry.yanked is not False for entry in files):
        reasons = [entry.yanked for entry in files if isinstance(entry.yanked, str)]
        reason = next((f": {text}" for text in reasons if text), " by its author.")
        notes.append(("This release was ", "yanked", reason))
    if is_prerelease(view.version):
        notes.append(("This is a ", "pre-release", "."))
    return "".join(
        f'<p class="note{" bad" if mark in {"quarantined", "yanked"} else ""}">'
        f"{before}<b>{_escape(mark)}</b>{_escape(after)}</p>"
        for before, mark, after in notes
    )


def _badges(labels: Iterable[str], style: str = "") -> str:
    return "".join(f'<span class="badge {style}">{_escape(label)}</span>' for label in labels)


def _upload_date(entry: FileEntry) -> str:
    return _escape(entry.upload_time[:10])


def _render_file(entry: FileEntry, site: Site) -> str:
    parsed = parse_filename(entry.filename)
    badges = (
        _badges(python_labels(parsed), "py") + _badges(platform_labels(parsed)) if parsed else ""
    )
    if parsed and parsed.kind == "sdist":
        badges = _badges(["source"])
    if entry.yanked is not False:
        badges += _badges(["yanked"], "bad")
    address = _safe_url(file_url(entry, "../../"))
    url = _escape(site.files + address if address.startswith("../") else address)
    size = "" if entry.size is None else format_bytes(entry.size)
    metadata = f'<a href="{url}.metadata">metadata</a>' if entry.core_metadata else ""
    digests = "".join(
        f"<code>{_escape(name)}: {_escape(value)}</code>"
        for name, value in sorted(entry.hashes.items())
    )
    if digests:
        digests = f'<details class="digests"><summary>digests</summary>{digests}</details>'
    return (
        f'<a href="{url}">{_escape(entry.filename)}</a><div class="row"><span>{badges}</span>'
        f'<span class="soft">{size} · {_upload_date(entry)}</span>{metadata}{digests}</div>'
    )


def _render_others(files: list[FileEntry], view: ProjectView) -> str:
    """Render the files of all releases but the one shown first, the newest release first."""
    by_release: dict[tuple[Any, ...], list[FileEntry]] = {}
    for entry in reversed(files):
        by_release.setdefault(version_key(entry.release), []).insert(0, entry)
    by_release.pop(version_key(view.version), None)
    return "".join(_render_files(entries, view) for entries in by_release.values())


def _render_files(files: list[FileEntry], view: ProjectView) -> str:
    rows = [_render_file(entry, view.site) for entry in reversed(files)]
    shown = _list(rows[:FILES_SHOWN], "files")
    rest = rows[FILES_SHOWN:]
    if rest:
        summary = f"<summary>{_count(len(rest), 'more file')}</summary>"
        shown += f'<details class="more">{summary}{_list(rest, "files")}</details>'
    count = _count(len(files), "file")
    if not view.site.leaf or not files:
        return _card(count, shown)
    release = files[0].release
    return _card(f"{_escape(release)}: {count}", shown, f"r-{release}")


def _safe_url(url: str) -> str:
    # What authors write into metadata must not become script.
    try:
        return url if urlsplit(url).scheme in {"", "http", "https"} else ""
    except ValueError:
        return ""


def _render_releases(view: ProjectView) -> str:
    dates: dict[tuple[Any, ...], str] = {}
    yanked: dict[tuple[Any, ...], bool] = {}
    for entry in view.page.files:
        key = version_key(entry.release)
        dates[key] = max(dates.get(key, ""), _upload_date(entry))
        yanked[key] = yanked.get(key, True) and entry.yanked is not False
    rows = []
    for version in reversed(list_versions(view.page)):
        key = version_key(version)
        marks = _badges(["yanked"], "bad") if yanked.get(key) else ""
        marks += _badges(["pre"], "warn") if is_prerelease(version) else ""
        current = _current(key == version_key(view.version))
        link = f'<a href="./{_release_link(version, view.site)}"{current}>{_escape(version)}</a>'
        date = f'<span class="soft">{dates.get(key, "no files")}</span>'
        rows.append(f"<span>{link} {marks}</span>{date}")
    return _card(_count(len(rows), "release"), _list(rows, "releases"))


def _list(rows: Iterable[str], style: str = "") -> str:
    items = "".join(f"<li>{row}</li>" for row in rows)
    return f'<ul class="plain {style}">{items}</ul>' if items else ""


def _render_facts(view: ProjectView, files: list[FileEntry]) -> str:
    info = view.info
    parsed = [item for item in (parse_filename(entry.filename) for entry in files) if item]
    pythons = {label for item in parsed for label in python_labels(item)}
    platforms = {label for item in parsed for label in platform_labels(item)}
    requires = next((entry.requires_python for entry in files if entry.requires_python), "")
    links = [
        f'<a rel="noopener nofollow" href="{_escape(url)}">{_escape(label)}</a>'
        for label, url in ((label, _safe_url(url)) for label, url in info.links)
        if url
    ]
    needs = [_render_requirement(requirement, view) for requirement in info.requires]
    rows = (
        ("Requires Python", _escape(requires)),
        ("Made for", _badges(sorted(pythons, key=_pieces), "py") + _badges(sorted(platforms))),
        ("License", _escape(info.license)),
        ("Author", _escape(info.author)),
        ("Links", _list(links)),
        ("Requires", _list(needs)),
    )
    facts = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows if value)
    return _card("About", f"<dl>{facts}</dl>" if facts else "")


def _render_requirement(requirement: str, view: ProjectView) -> str:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    name = normalize_name(match.group(1)) if match else ""
    if match is None or not view.known(name):
        return _escape(requirement)
    rest = _escape(requirement[match.end() :])
    # An exported page must not change with what else is there: it leads to the list of projects.
    leaf = view.site.leaf
    url = f"../../{leaf}?q={quote(name)}" if leaf else f"../{quote(name)}/"
    return f'<a href="{url}">{_escape(match.group(1))}</a>{rest}'


# ---- Reading a repository ------------------------------------------------------------------------

# What a request may hash before it answers: 0.1 s or so. Larger files are hashed in the background
# and their digests stand in the page from then on.
PAGE_HASH_BYTES = 64 << 20
# A directory changed this shortly before it was read may change again without a new time stamp.
SETTLE_NS = 2_000_000_000
MAX_PAGE_BYTES = 256 << 20

if TYPE_CHECKING:
    Signature = tuple[int, int, int, int] | None
    Checks = tuple[tuple[str, Signature], ...]


class Listing(NamedTuple):
    """The flat directory as read at one time: file names per project, and the sidecars."""

    signature: Signature
    settled: bool
    projects: dict[str, list[str]]
    sidecars: set[str]


class Found(NamedTuple):
    """A project's page, and what must stay as it is for the page to stay true.

    ``settled`` is False while a digest is missing or the directory may still be changing.
    """

    page: ProjectPage
    checks: Checks
    settled: bool = True


def signature(path: str) -> Signature:
    """Return what changes whenever a file or directory does, or None if it is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def is_servable(filename: str) -> bool:
    """Tell whether a name in the flat directory is a distribution's or its sidecar's."""
    lowered = filename.lower()
    for sidecar in (".metadata", ".asc"):
        if lowered.endswith(sidecar):
            lowered = lowered[: -len(sidecar)]
            break
    if lowered[:1] == "." or not lowered.isprintable():
        return False
    return lowered.endswith(SDIST_SUFFIXES + OTHER_SUFFIXES)


def rfc3339(epoch_ns: int) -> str:
    """Return a time as the Simple API wants it (PEP 700): UTC, microseconds, Z."""
    seconds, rest = divmod(epoch_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}Z"


class Scanner:
    """Makes pages for a directory that has none, from the files alone; remembers what it read."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._listing: Listing | None = None
        self._scan_again_s = 0.0
        self._digests: dict[str, tuple[Signature, str]] = {}
        self._pythons: dict[str, tuple[Signature, str]] = {}
        self._waiting: set[str] = set()
        self._queue: SimpleQueue[tuple[str, Signature]] = SimpleQueue()
        self._hasher: threading.Thread | None = None

    def listing(self) -> Listing:
        """Return the directory's content, read again if it has changed.

        A huge directory under change is not read for more than half of the time.
        """
        with self._lock:
            known, now = self._listing, signature(self._root)
            if known and known.signature == now and known.settled:
                return known
            started_s = time.monotonic()
            if known is None or started_s > self._scan_again_s:
                self._listing = known = self._scan(now)
                ended_s = time.monotonic()
                self._scan_again_s = 2 * ended_s - started_s
            return known

    def _scan(self, now: Signature) -> Listing:
        changed_ns = now[2] if now else 0
        settled = abs(time.time_ns() - changed_ns) > SETTLE_NS
        projects: dict[str, list[str]] = {}
        sidecars = set()
        with os.scandir(self._root) as entries:
            for entry in entries:
                name = entry.name
                if not is_servable(name) or not self._is_ours(entry):
                    continue
                parsed = parse_filename(name)
                if parsed:
                    projects.setdefault(parsed.name, []).append(name)
                elif name.endswith(".metadata"):
                    sidecars.add(name)
        return Listing(now, settled, projects, sidecars)

    def _is_ours(self, entry: os.DirEntry[str]) -> bool:
        try:
            found = entry.is_file()
        except OSError:  # a symlink to itself
            return False
        return found and (not entry.is_symlink() or inside(self._root, entry.path) != "")

    def project(self, name: str, hash_bytes: int | None = PAGE_HASH_BYTES) -> Found | None:
        """Return a project's page, or None if no file bears its name.

        At most `hash_bytes` of files are hashed before it returns, the others in the background;
        None leaves unknown what is not known.
        """
        listing = self.listing()
        entries, settled = [], listing.settled
        checks: list[tuple[str, Signature]] = [(self._root, listing.signature)]
        for filename in listing.projects.get(name, ()):
            path = os.path.join(self._root, filename)
            found = signature(path)
            if found is None:
                continue
            checks.append((path, found))
            digest = self._known_digest(path, found)
            if hash_bytes is not None and not digest:
                digest = self._hash(path, found) if found[1] <= hash_bytes else ""
                hash_bytes -= found[1] if digest else 0
            settled = settled and bool(digest)
            if hash_bytes is not None and not digest:
                self._hash_later(path, found)
            has_sidecar = filename + ".metadata" in listing.sidecars
            entries.append(self._entry(filename, found, digest, has_sidecar))
        return Found(ProjectPage(name, tuple(entries)), tuple(checks), settled) if entries else None

    def _entry(self, filename: str, found: Signature, digest: str, has_sidecar: bool) -> FileEntry:
        path = os.path.join(self._root, filename)
        sidecar = _read_file(path + ".metadata", MAX_METADATA_BYTES) if has_sidecar else b""
        metadata: bool | dict[str, str] = False
        if sidecar:
            metadata = {"sha256": hashlib.sha256(sidecar).hexdigest()}
        size, changed_ns = (found[1], found[2]) if found else (0, 0)
        return FileEntry(
            filename=filename,
            url="",
            hashes={"sha256": digest} if digest else {},
            size=size,
            upload_time=rfc3339(changed_ns),
            requires_python=self._requires_python(path, found, sidecar),
            core_metadata=metadata,
        )

    def _requires_python(self, path: str, found: Signature, sidecar: bytes) -> str:
        known = self._pythons.get(path)
        if known is None or known[0] != found:
            fields = parse_core_metadata(sidecar or read_core_metadata(path))
            known = (found, fields.get("requires-python", [""])[0])
            self._pythons[path] = known
        return known[1]

    def _known_digest(self, path: str, found: Signature) -> str:
        was, digest = self._digests.get(path, (None, ""))
        return digest if was == found else ""

    def _hash(self, path: str, found: Signature) -> str:
        digest = hashlib.sha256()
        try:
            with open(path, "rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
        except OSError:
            return ""
        # A file that changed while it was read would keep a digest it never had.
        if signature(path) != found:
            return ""
        self._digests[path] = (found, digest.hexdigest())
        return digest.hexdigest()

    def _hash_later(self, path: str, found: Signature) -> None:
        with self._lock:
            if path in self._waiting:
                return
            self._waiting.add(path)
            if self._hasher is None:
                self._hasher = threading.Thread(target=self._hash_forever, daemon=True)
                self._hasher.start()
        self._queue.put((path, found))

    def _hash_forever(self) -> None:
        while True:
            path, found = self._queue.get()
            self._hash(path, found)
            self._waiting.discard(path)


def inside(root: str, path: str) -> str:
    """Return the real path of a file below `root`, empty if it leads outside or to a hidden name."""
    real = os.path.realpath(path)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        return ""
    parts = real[len(root) :].split(os.sep)
    return "" if any(part.startswith(".") for part in parts) else real


def _read_file(path: str, max_bytes: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError:
        return b""
    return b"" if len(data) > max_bytes else data


class Repository:
    """What a directory offers: its static pages where there are any, else what a scan finds."""

    def __init__(self, directory: str) -> None:
        self.root = os.path.realpath(directory)
        self._scanner = Scanner(self.root)
        self._root_page: tuple[Checks, RootPage] = ((), RootPage(()))
        self._names: tuple[RootPage | None, dict[str, None]] = (None, {})
        self._totals: tuple[float, Signature, Totals] = (0.0, None, Totals(0, 0, 0, 0.0))
        self._cards: dict[str, tuple[Checks, Card]] = {}
        self._counting = threading.Lock()

    def static(self, *parts: str) -> str:
        """Return the path of a non-empty static file, or an empty text."""
        path = os.path.join(self.root, *parts)
        found = signature(path)
        if not found or not found[1] or not inside(self.root, path):
            return ""
        return path

    def project(self, name: str, hash_bytes: int | None = PAGE_HASH_BYTES) -> Found | None:
        """Return a project by its normalised name, from its static page or from its files."""
        wanted = os.path.join(self.root, "simple", name, "index.v1_json")
        before = signature(wanted)
        path = self.static("simple", name, "index.v1_json")
        with suppress(ValueError):
            return Found(parse_project_json(_read_file(path, MAX_PAGE_BYTES)), ((wanted, before),))
        found = self._scanner.project(name, hash_bytes)
        return found and found._replace(checks=((wanted, before), *found.checks))

    def root_page(self) -> tuple[RootPage, Checks]:
        """Return the list of all projects and what must stay for it to stay true."""
        checks, known = self._root_page
        if checks and all(signature(path) == found for path, found in checks):
            return known, checks
        wanted = os.path.join(self.root, "simple", "index.v1_json")
        before = signature(wanted)
        checks = ((wanted, before),)
        try:
            path = self.static("simple", "index.v1_json")
            root = _parse_root_json(_read_file(path, MAX_PAGE_BYTES))
        except ValueError:
            listing = self._scanner.listing()
            root = RootPage(tuple((name, None) for name in sorted(listing.projects)))
            checks = (*checks, (self.root, listing.signature)) if listing.settled else ()
        self._root_page = (checks, root)
        return root, checks

    def names(self) -> Mapping[str, None]:
        """Return the normalised names of all projects, in order."""
        root = self.root_page()[0]
        known, names = self._names
        if known is not root:
            names = dict.fromkeys(sorted(normalize_name(name) for name, _ in root.projects))
            self._names = (root, names)
        return names

    def all_pages(self) -> Iterator[ProjectPage]:
        """Yield the page of each project, by name, with the digests that are known."""
        for name in self.names():
            found = self.project(name, hash_bytes=0)
            if found:
                yield found.page

    def totals(self) -> Totals:
        """Return counts and sizes; counted again after a change, for at most a tenth of the time.

        A large directory is counted in the background: until then only projects are known.
        """
        count_again_s, was, _ = self._totals
        changed = signature(self.root) != was and time.monotonic() > count_again_s
        if changed and self._counting.acquire(blocking=False):
            counter = threading.Thread(target=self._count, daemon=True)
            counter.start()
            counter.join(timeout=0.5)
        return self._totals[2]._replace(projects=len(self.names()))

    def _count(self) -> None:
        started_s, found = time.monotonic(), signature(self.root)
        # Where the directory is gone, the pages that need it say so.
        with suppress(OSError):
            totals = _count_files(self.root)
            took_s = time.monotonic() - started_s
            self._totals = (started_s + 11 * took_s, found, totals)
        self._counting.release()

    def info(self, page: ProjectPage, version: str) -> ProjectInfo:
        """Return summary, description and so on of a release, from the first source that has them."""
        wanted = version_key(version)
        files = [entry.filename for entry in page.files if version_key(entry.release) == wanted]
        files.sort(key=lambda name: (not name.endswith(".whl"), name))
        for name in files:
            sidecar = _read_file(self.static(name + ".metadata"), MAX_METADATA_BYTES)
            if sidecar:
                return info_from_core_metadata(sidecar)
        document = self.static("pypi", normalize_name(page.name), "json")
        with suppress(ValueError, AttributeError, TypeError):
            info = info_from_document(_read_file(document, MAX_PAGE_BYTES))
            if info.summary or info.description:
                return info
        archives = (read_core_metadata(self.static(name)) for name in files[:2])
        return info_from_core_metadata(next(filter(None, archives), b""))

    def card(self, name: str) -> Card:
        """Return a project's line for the front page."""
        key = normalize_name(name)
        checks, card = self._cards.get(key, ((), Card(key)))
        if checks and all(signature(path) == found for path, found in checks):
            return card
        found = self.project(key, hash_bytes=None)
        if found is None:
            return Card(key)
        version = latest_version(found.page)
        card = Card(key, version, self.info(found.page, version).summary)
        if len(self._cards) >= 10_000:
            self._cards.clear()
        self._cards[key] = (found.checks, card)
        return card


def _parse_root_json(document: bytes) -> RootPage:
    try:
        data = json.loads(document.decode("utf-8"))
        rows = tuple((str(row["name"]), row.get("_last-serial")) for row in data["projects"])
        return RootPage(rows, data["meta"].get("_last-serial"))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a list of projects: {error!r}") from error


def _count_files(root: str) -> Totals:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    recent: list[tuple[float, str]] = []
    with os.scandir(root) as entries:
        for entry in entries:
            if not is_servable(entry.name) or entry.name.endswith((".metadata", ".asc")):
                continue
            try:
                found = entry.stat()
            except OSError:
                continue
            kind = file_kind(entry.name)
            counts[kind] += 1
            sizes[kind] += found.st_size
            heapq.heappush(recent, (found.st_mtime, entry.name))
            if len(recent) > 200:
                heapq.heappop(recent)
    kinds = tuple((kind, counts[kind], size) for kind, size in sizes.most_common())
    newest = tuple((name, changed_s) for changed_s, name in sorted(recent, reverse=True))
    changed_s = os.stat(root).st_mtime
    return Totals(0, sum(counts.values()), sum(sizes.values()), changed_s, kinds, newest)


# ---- Requests and responses, without a socket ------------------------------------------------------

MAX_LINE_BYTES = 8 << 10
MAX_HEAD_BYTES = 32 << 10
MAX_FIELDS = 100
MAX_BODY_BYTES = 64 << 10
INDEX_CACHE = "max-age=0, must-revalidate"
FILE_CACHE = "max-age=365000000, immutable"
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%s) ([!-~]+) HTTP/(\d)\.(\d)" % _NAME.encode())
_FIELD_NAME = re.compile(_NAME.encode())
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
_HOST = re.compile(r"[A-Za-z0-9._-]*(?::\d*)?|\[[0-9A-Fa-f:.]+\](?::\d*)?")
_ONCE = {"host", "content-length", "transfer-encoding", "authorization", "range", "if-range"}
_REASONS = {
    200: "OK",
    206: "Partial Content",
    301: "Moved Permanently",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class RequestError(Exception):
    """A request that gets an answer and then no other on its connection."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


class Request(NamedTuple):
    """One parsed request head; header names are lower case, `path` and `query` are undecoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    line: str
    keep_alive: bool
    body_bytes: int = 0


class OpenFile(NamedTuple):
    """A file to send: its descriptor and its size in bytes."""

    fd: int
    size: int


class Response:
    """A complete answer, before conditions and ranges of the request are applied.

    Args:
        status: the HTTP status.
        headers: pairs of name and value, without length, date and validators.
        content: the bytes, or a file that `close` closes.
        etag: the strong validator, quoted.
        modified_s: a file's last change in seconds since the epoch; parts of it may be asked for.
        checks: signatures that must hold for the answer to be given again; none: never.
    """

    def __init__(
        self,
        status: int,
        headers: Iterable[tuple[str, str]],
        content: bytes | OpenFile = b"",
        etag: str = "",
        modified_s: int | None = None,
        checks: Checks = (),
    ) -> None:
        fields = [("X-Content-Type-Options", "nosniff"), *headers]
        if etag:
            fields.append(("ETag", etag))
        if modified_s is not None:
            fields += [("Last-Modified", http_date(modified_s)), ("Accept-Ranges", "bytes")]
        self.status = status
        self.block = encode_fields(fields)
        self.content = content
        self.size = content.size if isinstance(content, OpenFile) else len(content)
        self.etag = etag
        self.modified_s = modified_s
        self.checks = checks
        self.checked_s = time.monotonic()

    def close(self) -> None:
        """Close the file, if there is one."""
        if isinstance(self.content, OpenFile):
            os.close(self.content.fd)


class Part(NamedTuple):
    """What of a response is sent: its status, more header lines, and which bytes."""

    status: int
    block: bytes
    start: int
    length: int


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return header lines.

    Raises:
        ValueError: if a value could begin a line of its own.
    """
    lines = []
    for name, value in fields:
        if not value.isprintable():
            raise ValueError(f"control character in {name}")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")


def http_date(epoch_s: float) -> str:
    """Return a time in HTTP's format (RFC 9110), whatever the locale."""
    part = time.gmtime(epoch_s)
    clock = f"{part.tm_hour:02d}:{part.tm_min:02d}:{part.tm_sec:02d}"
    day, month = _DAYS[part.tm_wday], _MONTHS[part.tm_mon - 1]
    return f"{day}, {part.tm_mday:02d} {month} {part.tm_year:04d} {clock} GMT"


def parse_http_date(text: str) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None if it is none."""
    fields = parsedate_tz(text)
    try:
        return float(mktime_tz(fields)) if fields else None
    except (ValueError, OverflowError):
        return None


def parse_request(head: bytes) -> Request:
    """Parse a request line and header lines, without the empty line that ends them.

    Raises:
        RequestError: if anything is not as RFC 9112 has it, or is not supported.
    """
    if _CONTROL.search(head):
        raise RequestError(400, "control character in the request")
    lines = head.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(lines[0])
    if match is None:
        raise RequestError(400, "malformed request line")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise RequestError(505, "HTTP/1.1 is spoken here")
    headers = _parse_fields(lines[1:])
    path, query = _split_target(target.decode("ascii"))
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection if minor != b"0" else "keep-alive" in connection
    host = headers.get("host")
    if (host is None and minor != b"0") or not _HOST.fullmatch(host or ""):
        raise RequestError(400, "no valid Host")
    line = lines[0].decode("ascii")
    return Request(method.decode("ascii"), path, query, headers, line, keep, _body_bytes(headers))


def _parse_fields(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MAX_FIELDS:
        raise RequestError(431, "too many header fields")
    headers: dict[str, str] = {}
    for line in lines:
        raw_name, colon, raw_value = line.partition(b":")
        if not colon or not _FIELD_NAME.fullmatch(raw_name):
            raise RequestError(400, "malformed header field")
        name, value = raw_name.decode("ascii").lower(), raw_value.strip(b" \t").decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name in _ONCE:
            raise RequestError(400, f"{name} is given twice")
        else:
            headers[name] += ", " + value
    return headers


def _split_target(target: str) -> tuple[str, str]:
    if not target.startswith("/"):
        match = re.match(r"https?://[^/?#]*(?=/)", target, re.IGNORECASE)
        if match is None:
            raise RequestError(400, "malformed request target")
        target = target[match.end() :]
    if "#" in target:
        raise RequestError(400, "malformed request target")
    path, _, query = target.partition("?")
    return path, query


def _body_bytes(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length")
    if "transfer-encoding" in headers:
        raise RequestError(400 if length else 501, "no transfer coding is accepted")
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise RequestError(400, "malformed Content-Length")
    if len(length) > 18 or int(length) > MAX_BODY_BYTES:
        raise RequestError(413, "this server takes no content")
    if "expect" in headers:
        raise RequestError(417, "no expectation can be met")
    return int(length)


def split_path(path: str) -> list[str] | None:
    """Decode a path into its segments, or return None if one is hidden, climbs or is malformed."""
    parts = []
    for raw in path.split("/")[1:]:
        try:
            part = unquote_to_bytes(raw).decode("utf-8") if "%" in raw else raw
        except UnicodeDecodeError:
            return None
        if part.startswith(".") or not part.isprintable() or any(sign in part for sign in "/\\:"):
            return None
        parts.append(part)
    return None if "" in parts[:-1] else parts


@lru_cache(maxsize=256)
def negotiate(accept: str) -> str:
    """Choose the index page's type for an Accept header (PEP 691); empty if none will do.

    The most specific range counts for each type; equal weights go to HTML, which every client can
    read. `latest` is answered with the real version.
    """
    ranges = [_parse_media_range(item) for item in accept.split(",") if item.strip()]
    if not ranges:
        return TEXT_TYPE
    best, chosen = 0.0, ""
    for offer in (TEXT_TYPE, HTML_TYPE, JSON_TYPE):
        weight = max((rank, -at, q) for at, (rank, q) in enumerate(_ranks(ranges, offer)))[2]
        if weight > best:
            best, chosen = weight, offer
    return chosen


def _parse_media_range(item: str) -> tuple[str, float]:
    media, *parameters = (part.strip().lower() for part in item.split(";"))
    quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    valid = re.fullmatch(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", quality)
    return media.replace("simple.latest+", "simple.v1+"), float(quality) if valid else 0.0


def _ranks(ranges: list[tuple[str, float]], offer: str) -> Iterator[tuple[int, float]]:
    major = offer.split("/", 1)[0] + "/*"
    for media, quality in ranges:
        rank = 3 if media == offer else 2 if media == major else 1 if media == "*/*" else 0
        yield rank, quality if rank else 0.0


def wanted_type(request: Request) -> str:
    """Return the type an index page is asked for, by ``?format=`` or by Accept; empty: none."""
    asked = parse_qs(request.query).get("format")
    if asked:
        # A plus sign in a query stands for a space, yet people write the type as it is.
        media = _parse_media_range(asked[0].replace(" ", "+"))[0]
        return media if media in {TEXT_TYPE, HTML_TYPE, JSON_TYPE} else ""
    return negotiate(request.headers.get("accept", ""))


def select_part(request: Request, response: Response) -> Part:
    """Apply If-None-Match, If-Modified-Since, Range and If-Range to a response (RFC 9110)."""
    size = response.size
    if response.status != 200 or not (response.etag or response.modified_s):
        return Part(response.status, b"", 0, size)
    headers = request.headers
    if _is_unchanged(headers, response):
        return Part(304, b"", 0, 0)
    if "range" not in headers or request.method != "GET" or response.modified_s is None:
        return Part(200, b"", 0, size)
    if "if-range" in headers and not _same_version(headers["if-range"], response):
        return Part(200, b"", 0, size)
    return _select_range(headers["range"], size)


def _is_unchanged(headers: Mapping[str, str], response: Response) -> bool:
    known = headers.get("if-none-match")
    if known is not None:
        tags = re.findall(r'"[^"]*"|\*', known)
        return response.etag in tags or tags == ["*"]
    since = headers.get("if-modified-since")
    if since is None or response.modified_s is None:
        return False
    seconds = parse_http_date(since)
    return seconds is not None and response.modified_s <= seconds


def _same_version(validator: str, response: Response) -> bool:
    if validator.startswith('"'):
        return validator == response.etag
    return response.modified_s is not None and parse_http_date(validator) == response.modified_s


def _select_range(text: str, size: int) -> Part:
    match = re.fullmatch(
        r"bytes\s*=\s*(\d{0,18})-(\d{0,18})", text.strip(), re.IGNORECASE | re.ASCII
    )
    if match is None or not any(match.groups()):
        # More than one range, or none that is understood: the whole is a right answer, too.
        return Part(200, b"", 0, size)
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < int(first):
        return Part(200, b"", 0, size)
    if start > end:
        return Part(416, encode_fields([("Content-Range", f"bytes */{size}")]), 0, 0)
    return Part(
        206,
        encode_fields([("Content-Range", f"bytes {start}-{end}/{size}")]),
        start,
        end - start + 1,
    )


# ---- Who may read --------------------------------------------------------------------------------

PASSWORD_ROUNDS = 200_000


def hash_password(password: str, salt: bytes = b"", rounds: int = PASSWORD_ROUNDS) -> str:
    """Return a password as a line of the password file keeps it: PBKDF2 of SHA-256, salted."""
    salt = salt or os.urandom(16)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), salt, rounds)
    return f"pbkdf2_sha256${rounds}${salt.hex()}${digest.hex()}"


class Passwords:
    """Checks Basic credentials (RFC 7617) against a file with lines of ``user:hash``.

    Raises:
        ValueError: if a line is not one that `hash_password` makes.
    """

    def __init__(self, path: str) -> None:
        self._hashes: dict[str, str] = {}
        self._right: dict[bytes, str] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._key = os.urandom(32)
        # Each check is costly on purpose: guesses must not take all the workers.
        self._slots = threading.BoundedSemaphore(2)
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith("#"):
                    self._add(line.strip(), f"{path}, line {number}")

    def _add(self, line: str, place: str) -> None:
        user, _, entry = line.rpartition(":")
        if not user or not re.fullmatch(
            r"pbkdf2_sha256\$\d{1,8}\$[0-9a-f]{2,128}\$[0-9a-f]{64}", entry
        ):
            raise ValueError(f"{place}: not user:hash, see --hash-password")
        self._hashes[user] = entry

    def known(self, header: str) -> str | None:
        """Return the user of credentials that were checked before; empty if they were wrong."""
        seal = self._seal(header)
        return self._right.get(seal, "" if seal in self._wrong else None)

    def check(self, header: str) -> str | None:
        """Return the user whose credentials these are, empty if wrong, None if too busy to tell."""
        user, password = _read_basic(header)
        if not self._slots.acquire(blocking=False):
            return None
        try:
            # An unknown user costs the same time as a known one.
            entry = self._hashes.get(user, f"pbkdf2_sha256${PASSWORD_ROUNDS}$00$00")
            _, rounds, salt, _ = entry.split("$")
            right = hmac.compare_digest(
                hash_password(password, bytes.fromhex(salt), int(rounds)), entry
            )
        finally:
            self._slots.release()
        # Guesses may push out one another, but nobody whose password was right.
        if right and user in self._hashes:
            self._right[self._seal(header)] = user
            return user
        self._wrong[self._seal(header)] = None
        if len(self._wrong) > 1000:
            self._wrong.popitem(last=False)
        return ""

    def _seal(self, header: str) -> bytes:
        return hmac.new(self._key, header.encode("latin-1"), "sha256").digest()


def _read_basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError:
        text = ""
    user, _, password = text.partition(":") if scheme.lower() == "basic" else ("", "", "")
    return user, password


# ---- What is answered ------------------------------------------------------------------------------

SMALL_BYTES = 64 << 10
MAX_LINKED_FILES = 20_000
SERIAL_HEADER = "X-PyPI-Last-Serial"
_FLAT_URL = re.compile(rb'"url":\s*"\.\./\.\./')
_DOCUMENT_SERIAL = re.compile(rb'"last_serial":\s*(\d{1,18})')
_OPEN_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _name, 0)
_INDEX_NAMES = {"index.html": TEXT_TYPE, "index.v1_html": HTML_TYPE, "index.v1_json": JSON_TYPE}


def _charset(media: str) -> str:
    is_text = media == HTML_TYPE or media.startswith("text/")
    return media + "; charset=utf-8" if is_text else media


def plain_response(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """Return a short answer in plain text."""
    body = f"{status} {_REASONS[status]}\n{text}\n".encode()
    fields = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-cache"),
        *headers,
    ]
    return Response(status, fields, body)


class Application:
    """Answers requests for a repository: index, files, pages for people. May be called by threads.

    Args:
        repository: what is served.
        url: the address clients use, with a trailing slash; empty: the one they asked at.
        scheme: ``http`` or ``https``, for that address.
        passwords: who may read; None: everybody.
    """

    def __init__(
        self,
        repository: Repository,
        url: str = "",
        scheme: str = "http",
        passwords: Passwords | None = None,
    ) -> None:
        self._repository = repository
        self._url = url
        self._scheme = scheme
        self.passwords = passwords
        self._linking = threading.Lock()
        self._file_cache = ("private, " if passwords else "") + FILE_CACHE
        self._routes = {
            "simple": self._simple,
            "project": self._project,
            "pypi": self._document,
            "packages": self._package,
        }

    def respond(self, request: Request) -> Response:
        """Return the answer to a request; reads the disk and may take its time."""
        if request.method not in {"GET", "HEAD"}:
            return plain_response(405, "This repository can only be read.", ("Allow", "GET, HEAD"))
        parts = split_path(request.path)
        if parts == ["healthz"]:
            return self._health()
        refusal = self._refuse(request)
        if refusal or parts is None:
            return refusal or self._missing()
        if parts == [""]:
            return self._home(request)
        route = self._routes.get(parts[0])
        if route:
            return route(request, parts[1:])
        return self._file(parts[0]) if len(parts) == 1 else self._missing()

    def _refuse(self, request: Request) -> Response | None:
        if self.passwords is None:
            return None
        header = request.headers.get("authorization", "")
        user = self.passwords.known(header) if header else ""
        if user is None:
            user = self.passwords.check(header)
        if user is None:
            return plain_response(503, "Too many passwords to check.", ("Retry-After", "1"))
        challenge = ("WWW-Authenticate", 'Basic realm="packages", charset="UTF-8"')
        return None if user else plain_response(401, "A user and a password are needed.", challenge)

    @staticmethod
    def _missing(text: str = "There is nothing here by that name.") -> Response:
        return plain_response(404, text)

    def _health(self) -> Response:
        try:
            os.scandir(self._repository.root).close()
        except OSError:
            return plain_response(503, "The directory cannot be read.")
        return plain_response(200, "The repository can be read.")

    @staticmethod
    def _redirect(location: str, request: Request) -> Response:
        # Relative to the path, so that it is right behind a proxy that adds a prefix.
        query = "?" + request.query if request.query else ""
        headers = (("Location", location + query), ("Cache-Control", INDEX_CACHE))
        return Response(301, headers)

    # Index pages

    def _simple(self, request: Request, parts: list[str]) -> Response:
        if not parts:
            return self._redirect("simple/", request)
        name, rest = parts[0], parts[1:]
        if not rest and name in {"", *_INDEX_NAMES, "links.html"}:
            return self._root_file(request, name)
        key = normalize_name(name)
        if len(rest) > 1 or not is_project_name(name):
            return self._missing()
        if not rest:
            return self._redirect(key + "/", request)
        if name != key:
            return self._redirect(f"../{key}/{rest[0]}", request)
        if rest == [""]:
            return self._index(request, ("simple", key), partial(self._project_page, key))
        return self._index_file(rest[0], "simple", key, rest[0])

    def _root_file(self, request: Request, name: str) -> Response:
        if not name:
            return self._index(request, ("simple",), self._root_page)
        if name == "links.html" and not self._repository.static("simple", name):
            return self._links()
        return self._index_file(name, "simple", name)

    def _links(self) -> Response:
        if self._repository.totals().files > MAX_LINKED_FILES:
            return self._missing("The directory is too large: write its index pages first.")
        if not self._linking.acquire(blocking=False):
            return plain_response(503, "The page is being made.", ("Retry-After", "2"))
        try:
            body = render_links_html(self._repository.all_pages())
        finally:
            self._linking.release()
        return self._rendered(body, TEXT_TYPE, ())

    def _index_file(self, name: str, *parts: str) -> Response:
        media = TEXT_TYPE if name == "links.html" else _INDEX_NAMES.get(name)
        path = self._repository.static(*parts) if media else ""
        return self._open(path, str(media), INDEX_CACHE) if path else self._missing()

    def _index(
        self, request: Request, parts: tuple[str, ...], render: Callable[[str], Response | None]
    ) -> Response:
        media = wanted_type(request)
        if not media:
            text = f"Choose one of {JSON_TYPE}, {HTML_TYPE}, {TEXT_TYPE}."
            return plain_response(406, text, ("Vary", "Accept"))
        static = self._repository.static(*parts, "index.v1_json")
        if static and media != JSON_TYPE:
            static = self._repository.static(*parts, "index.v1_html")
        if static:
            return self._open(static, media, INDEX_CACHE, vary=True)
        return render(media) or self._missing()

    def _project_page(self, name: str, media: str) -> Response | None:
        found = self._repository.project(name)
        if found is None:
            return None
        render = render_project_json if media == JSON_TYPE else render_project_html
        return self._rendered(render(found.page), media, found.checks if found.settled else ())

    def _root_page(self, media: str) -> Response | None:
        root, checks = self._repository.root_page()
        render = render_root_json if media == JSON_TYPE else render_root_html
        return self._rendered(render(root), media, checks)

    def _rendered(self, body: bytes, media: str, checks: Checks) -> Response:
        return Response(
            200,
            self._index_headers(media, INDEX_CACHE, vary=True),
            body,
            etag=_content_tag(body),
            checks=checks,
        )

    @staticmethod
    def _index_headers(media: str, cache: str, vary: bool) -> list[tuple[str, str]]:
        headers = [("Content-Type", _charset(media)), ("Cache-Control", cache)]
        if vary:
            headers.append(("Vary", "Accept"))
        if media in {TEXT_TYPE, HTML_TYPE}:
            headers.append(("Content-Security-Policy", "default-src 'none'"))
        return headers

    # Files

    def _document(self, request: Request, parts: list[str]) -> Response:
        if len(parts) != 2 or parts[1] != "json" or not is_project_name(parts[0]):
            return self._missing()
        key = normalize_name(parts[0])
        if key != parts[0]:
            return self._redirect(f"../{key}/json", request)
        document = _read_file(self._repository.static("pypi", key, "json"), MAX_PAGE_BYTES)
        if not document:
            return self._missing()
        # bandersnatch wants whole addresses below /packages/, and the serial in a header.
        base = f'"url":"{self._base_url(request)}packages/'.encode()
        body = _FLAT_URL.sub(lambda _: base, document)
        serial = _DOCUMENT_SERIAL.search(document)
        headers = [("Content-Type", "application/json"), ("Cache-Control", INDEX_CACHE)]
        if serial:
            headers.append((SERIAL_HEADER, serial.group(1).decode("ascii")))
        return Response(200, headers, body, _content_tag(body))

    def _package(self, _request: Request, parts: list[str]) -> Response:
        return self._file(parts[0]) if len(parts) == 1 and parts[0] else self._missing()

    def _file(self, name: str) -> Response:
        if name == "last-modified":
            path = self._repository.static(name)
            return self._open(path, "text/plain", INDEX_CACHE) if path else self._missing()
        if not is_servable(name):
            return self._missing()
        is_text = name.lower().endswith((".metadata", ".asc"))
        media = "text/plain" if is_text else "application/octet-stream"
        path = os.path.join(self._repository.root, name)
        return self._open(path, media, self._file_cache, ranges=True)

    def _open(
        self, path: str, media: str, cache: str, *, vary: bool = False, ranges: bool = False
    ) -> Response:
        check, real = (path, signature(path)), inside(self._repository.root, path)
        fd, opened = -1, None
        try:
            fd = os.open(real, _OPEN_FLAGS) if real else -1
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return self._missing()
            opened = found.st_size > SMALL_BYTES
            content = OpenFile(fd, found.st_size) if opened else os.read(fd, SMALL_BYTES)
        except OSError:
            return self._missing()
        finally:
            if fd >= 0 and not opened:
                os.close(fd)
        headers = self._index_headers(media, cache, vary)
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        if not ranges:
            tag = _content_tag(content) if isinstance(content, bytes) else tag
        modified_s = int(found.st_mtime) if ranges else None
        return Response(200, headers, content, tag, modified_s, () if opened else (check,))

    # Pages for people

    def _home(self, request: Request) -> Response:
        asked = parse_qs(request.query)
        query, letter = (asked.get(key, [""])[0].strip()[:100] for key in ("q", "letter"))
        names = list(self._repository.names())
        chosen = self._search(names, query.lower(), letter[:1].lower())
        number = asked.get("page", ["1"])[0]
        pages = max(1, -(-len(chosen) // PAGE_SIZE))
        page = min(max(int(number), 1), pages) if re.fullmatch(r"[0-9]{1,9}", number) else 1
        shown = chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        view = HomeView(
            url=self._base_url(request),
            now_s=time.time(),
            totals=self._repository.totals(),
            cards=tuple(self._repository.card(name) for name in shown),
            matches=len(chosen),
            letters="".join(sorted({initial_of(name) for name in names})),
            query=query,
            letter=letter[:1].lower(),
            page=page,
        )
        return self._people(200, render_home(view))

    def _search(self, names: list[str], query: str, letter: str) -> list[str]:
        if letter and not query:
            return [name for name in names if initial_of(name) == letter]
        words = [normalize_name(word) or word for word in query.split()]
        if not words:
            return names

        # Summaries are known without reading every project only where projects are few.
        few = len(names) <= 500

        def matches(name: str) -> bool:
            text = f"{name} {self._repository.card(name).summary.lower()}" if few else name
            return all(word in text for word in words)

        def rank(name: str) -> tuple[bool, bool, bool, str]:
            first = words[0]
            return (name != first, not name.startswith(first), first not in name, name)

        return sorted(filter(matches, names), key=rank)

    def _project(self, request: Request, parts: list[str]) -> Response:
        if not parts or parts == [""]:
            return self._redirect("../" if parts else "./", request)
        name, key = parts[0], normalize_name(parts[0])
        if len(parts) > 2 or parts[1:] not in ([], [""]) or not is_project_name(name):
            return self._missing()
        if len(parts) == 1 or name != key:
            return self._redirect(f"../{key}/" if parts[1:] else f"{key}/", request)
        found = self._repository.project(key)
        if found is None:
            text = f"This repository holds no project called {key}."
            return self._people(404, render_message("Not here", text, "../../"))
        asked = parse_qs(request.query).get("version", [""])[0]
        same = [v for v in list_versions(found.page) if version_key(v) == version_key(asked)]
        version = same[0] if same else latest_version(found.page)
        view = ProjectView(
            url=self._base_url(request),
            now_s=time.time(),
            page=found.page,
            info=self._repository.info(found.page, version),
            version=version,
            known=self._repository.names().__contains__,
        )
        return self._people(200, render_project(view))

    def _base_url(self, request: Request) -> str:
        host = request.headers.get("host") or "localhost"
        secure = request.headers.get("x-forwarded-proto") == "https"
        return self._url or f"{'https' if secure else self._scheme}://{host}/"

    @staticmethod
    def _people(status: int, body: bytes) -> Response:
        headers = (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Cache-Control", "no-cache"),
            ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
            ("Referrer-Policy", "no-referrer"),
        )
        return Response(status, headers, body)


def initial_of(name: str) -> str:
    """Return the letter that a project is listed under, `0` for all digits."""
    return "0" if name[:1].isdigit() else name[:1]


def _content_tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


# ---- Connections -----------------------------------------------------------------------------------

CACHE_BYTES = 64 << 20
CACHE_ENTRY_BYTES = 16 << 20
PUMP_BYTES = 8 << 20
_DONE, _WANT_READ, _WANT_WRITE, _LOST = range(4)
_HANDSHAKE, _READING, _WORKING, _SENDING, _LINGERING, _CLOSED = range(6)
_NO_SENDFILE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSOCK}


class Options(NamedTuple):
    """How a server behaves; times in seconds.

    ``header_timeout_s`` bounds a whole request head, ``idle_timeout_s`` the wait for the next one,
    ``send_timeout_s`` the time in which a client takes nothing, ``stop_timeout_s`` what answers
    under way get when the server stops. ``log`` gets access lines, ``errors`` tracebacks.
    """

    url: str = ""
    password_file: str = ""
    certificate: str = ""
    key: str = ""
    workers: int = 8
    max_connections: int = 1000
    header_timeout_s: float = 10.0
    idle_timeout_s: float = 30.0
    send_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0
    log: IO[str] | None = None
    errors: IO[str] | None = None


class Connection:
    """One client: what it has sent, what it still gets, and when its patience ends."""

    def __init__(self, sock: socket.socket, address: str, tls: bool, now: float) -> None:
        self.sock = sock
        self.address = address
        self.tls = tls
        self.state = _HANDSHAKE if tls else _READING
        self.since_s = self.deadline_s = now
        self.received = b""
        self.discard = 0
        self.request: Request | None = None
        self.keep = True
        self.status = self.sent = self.offset = self.left = 0
        self.out: list[memoryview] = []
        self.file: OpenFile | None = None
        self.waits_for = selectors.EVENT_READ

    def receive(self) -> bytes | None:
        """Return what has arrived, empty at the end of the stream, None if there is nothing yet."""
        try:
            return self.sock.recv(MAX_LINE_BYTES + MAX_HEAD_BYTES)
        except _WAITING:
            return None
        except OSError:
            return b""

    def begin(self, response: Response, keep: bool) -> None:
        """Take up a response: the head and the chosen part of the content are due from now on."""
        request = self.request
        part = (
            select_part(request, response)
            if request
            else Part(response.status, b"", 0, response.size)
        )
        self.status, self.keep = part.status, keep
        length = b"" if part.status == 304 else b"Content-Length: %d\r\n" % part.length
        usual = keep and request is not None and not request.line.endswith("1.0")
        close = b"" if usual else _CONNECTION[keep]
        head = b"".join(
            (_status_line(part.status), response.block, part.block, length, close, b"\r\n")
        )
        # The log counts the bytes of contents alone.
        self.sent = -len(head)
        silent = part.length == 0 or (request is not None and request.method == "HEAD")
        if silent:
            response.close()
            self.out = [memoryview(head)]
        elif isinstance(response.content, OpenFile):
            self.file, self.offset, self.left = response.content, part.start, part.length
            self.out = [memoryview(head)]
        else:
            body = memoryview(response.content)[part.start : part.start + part.length]
            small = part.length <= SMALL_BYTES
            self.out = [memoryview(head + body)] if small else [memoryview(head), body]

    def pump(self) -> int:
        """Send what the socket takes without waiting; say whether it is done or what it waits for."""
        budget = PUMP_BYTES
        try:
            while budget > 0:
                if self.out:
                    count = self.sock.send(self.out[0])
                    rest = self.out.pop(0)[count:]
                    if rest:
                        self.out.insert(0, rest)
                elif self.left:
                    count = self._send_file(min(self.left, budget))
                else:
                    self.close_file()
                    return _DONE
                self.sent += count
                budget -= count
        except _WAITING as error:
            return _WANT_READ if isinstance(error, SSLWantReadError) else _WANT_WRITE
        except OSError:
            return _LOST
        return _WANT_WRITE

    def _send_file(self, count: int) -> int:
        fd = self.file.fd if self.file else -1
        if _SENDFILE and not self.tls:
            try:
                sent = os.sendfile(self.sock.fileno(), fd, self.offset, count)
            except OSError as error:
                if error.errno not in _NO_SENDFILE:
                    raise
            else:
                return self._advance(sent)
        os.lseek(fd, self.offset, os.SEEK_SET)
        block = os.read(fd, min(count, 256 << 10))
        if block:
            self.out.append(memoryview(block))
        self._advance(len(block))
        return 0

    def _advance(self, count: int) -> int:
        if not count:
            # The length is promised already: a file that has shrunk can only be cut off.
            raise OSError(errno.EIO, "the file became shorter")
        self.offset += count
        self.left -= count
        return count

    def close_file(self) -> None:
        """Close the file being sent, if any."""
        if self.file:
            os.close(self.file.fd)
            self.file = None
        self.left = 0


_SENDFILE = hasattr(os, "sendfile")
_WAITING = (BlockingIOError, InterruptedError, SSLWantReadError, SSLWantWriteError)
_CONNECTION = {True: b"Connection: keep-alive\r\n", False: b"Connection: close\r\n"}


class _Clock:
    """The present second in the two formats that each request needs."""

    second = 0
    date = b""
    log = ""


def _tick() -> type[_Clock]:
    now = int(time.time())
    if now != _Clock.second:
        part = time.gmtime(now)
        _Clock.date = f"Date: {http_date(now)}\r\nServer: microrepo\r\n".encode("ascii")
        month = _MONTHS[part.tm_mon - 1]
        _Clock.log = (
            f"{part.tm_mday:02d}/{month}/{part.tm_year}:{time.strftime('%H:%M:%S', part)} +0000"
        )
        _Clock.second = now
    return _Clock


def _status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d %s\r\n" % (status, _REASONS[status].encode("ascii")) + _tick().date


class AccessLog:
    """Writes one line per answer in the combined format, from a thread of its own."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._queue: SimpleQueue[list[str]] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def add(self, connection: Connection) -> None:
        """Note an answer that is over."""
        request = connection.request
        user = referrer = agent = "-"
        line = request.line if request else "-"
        if request:
            referrer = request.headers.get("referer", "-")
            agent = request.headers.get("user-agent", "-")
            if connection.status != 401 and "authorization" in request.headers:
                user = _read_basic(request.headers["authorization"])[0] or "-"
        self._lines.append(
            f"{connection.address} - {_quoted(user)} [{_tick().log}] "
            f'"{_quoted(line)}" {connection.status} {max(connection.sent, 0)} "{_quoted(referrer)}" "{_quoted(agent)}"\n'
        )

    def flush(self) -> None:
        """Hand the lines over to the writing thread."""
        if self._lines:
            self._queue.put(self._lines)
            self._lines = []

    def close(self) -> None:
        """Write what is left."""
        self.flush()
        self._queue.put([])
        self._writer.join(timeout=5)

    def _write(self) -> None:
        for lines in iter(self._queue.get, []):
            try:
                self._stream.write("".join(lines))
                self._stream.flush()
            except (OSError, ValueError):
                # A full disk or a closed pipe must not stop the service.
                continue


def _quoted(text: str) -> str:
    if text.isprintable() and text.isascii() and '"' not in text and "\\" not in text:
        return text
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped.replace('"', '\\"')


class ResponseCache:
    """Keeps answers in memory and gives them again while the files behind them are unchanged."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._entries: OrderedDict[tuple[str, str, str], Response] = OrderedDict()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    @staticmethod
    def key(request: Request) -> tuple[str, str, str]:
        """Return what makes two requests equal."""
        return (request.path, request.query, request.headers.get("accept", ""))

    def get(self, request: Request) -> Response | None:
        """Return the answer to an equal request, if it would be the same now."""
        key = self.key(request)
        response = self._entries.get(key)
        if response is None:
            return None
        now = time.monotonic()
        checks = response.checks
        if now - response.checked_s < 1:
            # The first two tell of files that come and go. The others tell of files written in
            # place, which nobody should do, so that once a second is often enough.
            checks = checks[:2]
        else:
            response.checked_s = now
        if all(signature(path) == found for path, found in checks):
            return response
        with self._lock:
            self._drop(key)
        return None

    def put(self, request: Request, response: Response) -> None:
        """Remember an answer, forgetting the oldest when there are too many."""
        if response.status != 200 or not response.checks or response.size > CACHE_ENTRY_BYTES:
            return
        key = self.key(request)
        with self._lock:
            self._drop(key)
            self._entries[key] = response
            self._bytes += response.size + 1000
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: tuple[str, str, str]) -> None:
        response = self._entries.pop(key, None)
        if response:
            self._bytes -= response.size + 1000


# ---- The server --------------------------------------------------------------------------------------


class WorkerPool:
    """Threads for all that may wait for a disk: reading, rendering, sending files."""

    def __init__(self, count: int) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], None]) -> None:
        """Have a task done by the next free thread."""
        self._tasks.put(task)

    def close(self) -> None:
        """Let the threads end after the tasks they have."""
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        for task in iter(self._tasks.get, None):
            task()


class Server:
    """Serves an application: one thread watches all connections, others do what may wait.

    What is in memory is answered at once by the watching thread. Everything else goes to a worker,
    which sends until the client's socket is full and then gives the connection back, so that
    neither a slow disk nor a slow client holds up anybody else.
    """

    def __init__(
        self, application: Application, address: tuple[str, int], options: Options
    ) -> None:
        self._application = application
        self._options = options
        self._max_connections = _allowed_connections(options.max_connections)
        self._tls = _tls_context(options) if options.certificate else None
        self._listener = _listen(*address)
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        for sock in (self._listener, self._waker, self._woken):
            sock.setblocking(False)
        self._cache = ResponseCache()
        self._pool = WorkerPool(options.workers)
        self._connections: set[Connection] = set()
        self._returned: deque[tuple[Connection, int]] = deque()
        self._log = AccessLog(options.log) if options.log else None
        self._stop_at_s: float | None = None
        self._started = threading.Lock()
        self._finished = threading.Event()
        self._swept_s = 0.0
        host, port = self._listener.getsockname()[:2]
        self.server_address: tuple[str, int] = (host, port)

    @property
    def url(self) -> str:
        """The address of the repository for clients, with a trailing slash."""
        host, port = self.server_address
        if host in {"0.0.0.0", "::"}:  # noqa: S104
            host = socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return self._options.url or f"{'https' if self._tls else 'http'}://{shown}:{port}/"

    def serve_forever(self) -> None:
        """Serve until `shutdown` or `request_stop` is called."""
        if not self._started.acquire(blocking=False):
            return
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._drain)
        try:
            while not self._is_over():
                self._turn()
        finally:
            self._close()

    def request_stop(self) -> None:
        """Ask the server to end, from any thread or a signal handler; the second time, at once."""
        grace_s = self._options.stop_timeout_s if self._stop_at_s is None else 0.0
        self._stop_at_s = time.monotonic() + grace_s
        self._wake()

    def shutdown(self) -> None:
        """Stop the server and wait until it has ended; answers under way may finish."""
        self.request_stop()
        if self._started.acquire(blocking=False):
            self._close()
        self._finished.wait(self._options.stop_timeout_s + 5)

    def _turn(self) -> None:
        for key, _ in self._selector.select(0.2 if self._log else 1.0):
            if isinstance(key.data, Connection):
                self._guard(key.data, partial(self._ready, key.data))
            else:
                key.data()
        while self._returned:
            connection, outcome = self._returned.popleft()
            self._guard(connection, partial(self._take_back, connection, outcome))
        now = time.monotonic()
        if now - self._swept_s > 0.2:
            self._swept_s = now
            self._sweep(now)

    def _guard(self, connection: Connection, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001  # what one connection does must not end the others
            self._report()
            self._drop(connection)

    def _is_over(self) -> bool:
        if self._stop_at_s is None:
            return False
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
        for connection in list(self._connections):
            if connection.state in {_HANDSHAKE, _READING}:
                self._drop(connection)
        return not self._connections or time.monotonic() > self._stop_at_s

    def _close(self) -> None:
        for connection in list(self._connections):
            if connection.state == _WORKING:
                # Its worker may still use it; the end of the process closes it.
                continue
            self._drop(connection)
        self._pool.close()
        if self._log:
            self._log.close()
        for closing in (self._selector, self._listener, self._waker, self._woken):
            closing.close()
        self._finished.set()

    # Waking and sweeping

    def _wake(self) -> None:
        # When the pipe is full it will wake anyway, when closed it has ended.
        with suppress(OSError):
            self._waker.send(b"w")

    def _drain(self) -> None:
        with suppress(*_WAITING):
            self._woken.recv(4096)

    def _sweep(self, now: float) -> None:
        if self._log:
            self._log.flush()
        for connection in [item for item in self._connections if item.deadline_s < now]:
            if connection.state == _READING and connection.received:
                self._refuse(connection, 408, "The request took too long.")
            elif connection.state != _WORKING:
                self._drop(connection)

    # Taking connections

    def _accept(self) -> None:
        for _ in range(64):
            try:
                sock, address = self._listener.accept()
            except _WAITING:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE}:
                    self._evict()
                return
            self._welcome(sock, str(address[0]))

    def _welcome(self, sock: socket.socket, address: str) -> None:
        if len(self._connections) >= self._max_connections and not self._evict():
            sock.close()
            return
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError:
            sock.close()
            return
        connection = Connection(sock, address, self._tls is not None, time.monotonic())
        connection.deadline_s += self._options.header_timeout_s
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _evict(self) -> bool:
        waiting = [
            item for item in self._connections if item.state in {_HANDSHAKE, _READING, _LINGERING}
        ]
        if waiting:
            self._drop(min(waiting, key=lambda item: item.since_s))
        return bool(waiting)

    def _drop(self, connection: Connection) -> None:
        if connection.state == _CLOSED:
            return
        if connection.waits_for:
            self._selector.unregister(connection.sock)
        connection.state = _CLOSED
        connection.waits_for = 0
        connection.close_file()
        connection.sock.close()
        self._connections.discard(connection)

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.waits_for:
            return
        if not connection.waits_for:
            self._selector.register(connection.sock, events, connection)
        elif not events:
            self._selector.unregister(connection.sock)
        else:
            self._selector.modify(connection.sock, events, connection)
        connection.waits_for = events

    # Reading requests

    def _ready(self, connection: Connection) -> None:
        if connection.state == _HANDSHAKE:
            self._shake_hands(connection)
        elif connection.state == _READING:
            self._receive(connection)
        elif connection.state == _SENDING:
            self._continue(connection)
        elif connection.state == _LINGERING and connection.receive() == b"":
            self._drop(connection)

    def _shake_hands(self, connection: Connection) -> None:
        try:
            connection.sock.do_handshake()  # type: ignore[attr-defined]
        except SSLWantReadError:
            self._watch(connection, selectors.EVENT_READ)
        except SSLWantWriteError:
            self._watch(connection, selectors.EVENT_WRITE)
        except OSError:
            self._drop(connection)
        else:
            connection.state = _READING
            self._watch(connection, selectors.EVENT_READ)
            self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        while True:
            data = connection.receive()
            if data is None:
                return
            if not data:
                self._drop(connection)
                return
            if not connection.received and not connection.discard:
                connection.since_s = time.monotonic()
                connection.deadline_s = connection.since_s + self._options.header_timeout_s
            connection.received += data
            self._advance(connection)
            if not connection.tls or connection.state != _READING:
                return

    def _advance(self, connection: Connection) -> None:
        while connection.state == _READING:
            if connection.discard:
                gone = min(connection.discard, len(connection.received))
                connection.received = connection.received[gone:]
                connection.discard -= gone
            if connection.received[:2] == b"\r\n":
                # An empty line before a request is to be ignored (RFC 9112, section 2.2).
                connection.received = connection.received[2:]
            end = connection.received.find(b"\r\n\r\n")
            if end < 0 or end > MAX_LINE_BYTES + MAX_HEAD_BYTES:
                self._check_size(connection)
                return
            head = connection.received[:end]
            connection.received = connection.received[end + 4 :]
            self._dispatch(connection, head)

    def _check_size(self, connection: Connection) -> None:
        received = connection.received
        if len(received.partition(b"\r\n")[0]) > MAX_LINE_BYTES:
            self._refuse(connection, 414, "The request line is too long.")
        elif len(received) > MAX_LINE_BYTES + MAX_HEAD_BYTES:
            self._refuse(connection, 431, "The request's header is too large.")
        elif b"\n\n" in received:
            self._refuse(connection, 400, "Lines must end in CR LF.")

    def _dispatch(self, connection: Connection, head: bytes) -> None:
        connection.request = None
        if len(head.partition(b"\r\n")[0]) > MAX_LINE_BYTES:
            self._refuse(connection, 414, "The request line is too long.")
            return
        try:
            request = parse_request(head)
        except RequestError as error:
            self._refuse(connection, error.status, error.text)
            return
        connection.request = request
        connection.discard = request.body_bytes
        quick = self._cache.get(request) if self._may_read(request) else None
        if quick:
            connection.begin(quick, request.keep_alive and self._stop_at_s is None)
            self._settle(connection, connection.pump())
        else:
            self._hand_over(connection, partial(self._answer, connection, request))

    def _may_read(self, request: Request) -> bool:
        if request.method not in {"GET", "HEAD"}:
            return False
        passwords = self._application.passwords
        return passwords is None or bool(passwords.known(request.headers.get("authorization", "")))

    def _refuse(self, connection: Connection, status: int, text: str) -> None:
        connection.request = None
        connection.begin(plain_response(status, text), keep=False)
        self._settle(connection, connection.pump())

    # Answering

    def _hand_over(self, connection: Connection, task: Callable[[], int]) -> None:
        connection.state = _WORKING
        self._watch(connection, 0)
        self._pool.submit(partial(self._run, connection, task))

    def _run(self, connection: Connection, task: Callable[[], int]) -> None:
        try:
            outcome = task()
        except Exception:  # noqa: BLE001  # the worker's boundary: one request must not end a thread
            self._report()
            outcome = _LOST
        self._returned.append((connection, outcome))
        self._wake()

    def _answer(self, connection: Connection, request: Request) -> int:
        try:
            response = self._application.respond(request)
        except OSError as error:
            self._report(f"{request.line}: {error}\n")
            response = plain_response(503, "The repository cannot be read.")
        except Exception:  # noqa: BLE001  # whatever went wrong, the client gets an answer
            self._report()
            response = plain_response(500, "The server failed; its log says why.")
        if response.checks and request.method in {"GET", "HEAD"}:
            self._cache.put(request, response)
        connection.begin(response, request.keep_alive and self._stop_at_s is None)
        return connection.pump()

    def _report(self, text: str = "") -> None:
        stream = self._options.errors
        if stream:
            stream.write(text or traceback.format_exc())
            stream.flush()

    def _take_back(self, connection: Connection, outcome: int) -> None:
        connection.state = _SENDING
        self._settle(connection, outcome)
        self._next(connection)

    def _continue(self, connection: Connection) -> None:
        if connection.left:
            self._hand_over(connection, connection.pump)
        else:
            self._settle(connection, connection.pump())
            self._next(connection)

    def _next(self, connection: Connection) -> None:
        if connection.state == _READING and connection.received:
            self._advance(connection)
        if connection.state == _READING and connection.tls:
            # What is decrypted already makes no socket readable.
            self._receive(connection)

    def _settle(self, connection: Connection, outcome: int) -> None:
        now = time.monotonic()
        if outcome in {_WANT_READ, _WANT_WRITE}:
            connection.state = _SENDING
            connection.deadline_s = now + self._options.send_timeout_s
            writes = outcome == _WANT_WRITE
            self._watch(connection, selectors.EVENT_WRITE if writes else selectors.EVENT_READ)
            return
        if self._log:
            self._log.add(connection)
        if outcome == _LOST:
            self._drop(connection)
            return
        connection.since_s = now
        header_s, idle_s = self._options.header_timeout_s, self._options.idle_timeout_s
        connection.deadline_s = now + (header_s if connection.received else idle_s)
        connection.state = _READING
        self._watch(connection, selectors.EVENT_READ)
        if not connection.keep:
            self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        # Closing at once would reset the connection while the client is still sending, and it
        # would never see the answer.
        connection.state = _LINGERING
        connection.deadline_s = connection.since_s + 2
        connection.received = b""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        # Some systems would take the number modulo 65536.
        raise ValueError(f"no port: {port}")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    found.sort(key=lambda row: row[0] != socket.AF_INET)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _tls_context(options: Options) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(options.certificate, options.key or None)
    return context


def _allowed_connections(wanted: int) -> int:
    # Each connection may need a second descriptor, for the file it gets.
    needed = 2 * wanted + 64
    try:
        import resource  # not on Windows
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (OSError, ValueError):
        raised = soft
    return max(8, (raised - 64) // 2)


def make_server(
    directory: str, host: str = "127.0.0.1", port: int = 8080, **options: Any
) -> Server:
    """Return a server for a directory, bound but not yet serving; `options` are those of `Options`.

    Raises:
        OSError: if the directory, the address, the certificate or the password file is no good.
        ValueError: if the password file has a malformed line.
    """
    chosen = Options(**options)
    if chosen.url:
        chosen = chosen._replace(url=chosen.url.rstrip("/") + "/")
    os.scandir(directory).close()
    passwords = Passwords(chosen.password_file) if chosen.password_file else None
    scheme = "https" if chosen.certificate else "http"
    application = Application(Repository(directory), chosen.url, scheme, passwords)
    return Server(application, (host, port), chosen)


# ---- Command line --------------------------------------------------------------------------------------


def run(server: Server) -> None:
    """Serve until SIGTERM or Ctrl-C; answers under way may finish, a second signal ends at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.request_stop()

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        server.serve_forever()
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def welcome(server: Server, directory: str) -> str:
    """Return what to say at the start: the address, client settings, how to let others in."""
    settings = client_settings(server.url)
    text = (
        f"Serving {directory} at {server.url} (Ctrl-C ends it)\n\n"
        f"  {settings.pip_command} PROJECT\n  {settings.uv_command} PROJECT\n\n"
        f"pip.conf:\n{_indented(settings.pip_conf)}\nuv.toml:\n{_indented(settings.uv_toml)}\n"
        f"environment:\n{_indented(settings.environment)}\n"
    )
    if server.server_address[0].startswith("127.") or server.server_address[0] == "::1":
        text += (
            "Only this machine can connect. For others: --host 0.0.0.0, and better with\n"
            "--certificate and --key (TLS) and --password-file, or behind a web server.\n"
        )
    return text


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the server's own command line."""
    parser = argparse.ArgumentParser(description="Serve a directory of Python distributions.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (default: this machine only)")
    add("--port", type=int, default=8080, help="port to listen at, 0 for any (default: 8080)")
    add(
        "--directory",
        default=os.path.dirname(os.path.abspath(__file__)),
        help="repository (default: where this file lies)",
    )
    add("--url", default="", help="address clients use, when a proxy stands before this server")
    add("--password-file", default="", help="ask for a user and password of this file")
    add(
        "--hash-password",
        metavar="USER",
        help="ask for a password, print USER's line of the file, end",
    )
    add("--certificate", default="", help="serve TLS with this certificate chain (PEM)")
    add("--key", default="", help="the certificate's private key (PEM), if in another file")
    add(
        "--max-connections", type=int, default=1000, help="most clients at one time (default: 1000)"
    )
    add(
        "--log-file",
        default="",
        help="append the access log to this file (default: standard error)",
    )
    add("--quiet", action="store_true", help="write no access log")
    return parser


def _print_password_line(user: str) -> int:
    terminal = sys.stdin.isatty()
    password = getpass.getpass() if terminal else sys.stdin.readline().rstrip("\n")
    sys.stdout.write(f"{user}:{hash_password(password)}\n")
    return 0


def _open_log(path: str) -> IO[str]:
    return open(path, "a", encoding="utf-8") if path else sys.stderr


def main(arguments: list[str] | None = None) -> int:
    """Run the server's own command line."""
    given = build_parser().parse_args(arguments)
    if given.hash_password:
        return _print_password_line(given.hash_password)
    try:
        server = make_server(
            given.directory,
            given.host,
            given.port,
            url=given.url,
            password_file=given.password_file,
            certificate=given.certificate,
            key=given.key,
            max_connections=given.max_connections,
            log=None if given.quiet else _open_log(given.log_file),
            errors=sys.stderr,
        )
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(welcome(server, os.path.realpath(given.directory)))
    sys.stdout.flush()
    run(server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
