"""The URLs of PyPI over a `FakeIndex`: which resource lies under which path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from tests.support import pages
from tests.support.answers import Answer, Resource, md5_etag, preferred
from tests.support.index import FakeIndex, IndexFile, IndexProject

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
_OFFERS = ("text/html", HTML_TYPE, JSON_TYPE)
_HTML_OFFERS = ("text/html", HTML_TYPE)
_IMMUTABLE = "max-age=365000000, immutable, public"
_DOCUMENT_PATH = re.compile(r"/pypi/([^/]+)(?:/([^/]+))?/json/?$")
_PAGE_PATH = re.compile(r"/simple/([^/]+)(/?)$")
ADVISORIES_PATH = "/osv/PyPI/all.zip"
_SERIAL_KEYS = ("last_serial", "_last-serial")


@dataclass
class Switches:
    """How this PyPI differs from the real one; may be changed while the server runs."""

    json_only_html_simple: bool = False
    html_only: bool = False
    no_serials: bool = False
    no_etags: bool = False
    no_ranges: bool = False
    no_releases_key: bool = False
    gzip: bool = True
    latency_s: float = 0.0
    auth: tuple[str, str] | None = None


class Site:
    """Answers paths; remembers rendered pages until their project changes."""

    def __init__(self, index: FakeIndex, base_url: str, switches: Switches) -> None:
        self._index = index
        self._base_url = base_url
        self._switches = switches
        self._rendered: dict[tuple[object, ...], Resource] = {}
        self._roots: dict[tuple[str, int, bool], Resource] = {}
        self._files: tuple[int, dict[str, IndexFile]] = (-1, {})

    def find(self, path: str, headers: Mapping[str, str]) -> Resource | Answer:
        """Return what lies under a path, or an answer that says it is not (there)."""
        with self._index.lock:
            if path.startswith(("/files/", "/packages/")):
                return self._file(unquote(path))
            if path.startswith("/integrity/"):
                return self._provenance(path)
            if path == ADVISORIES_PATH and self._index.advisories:
                return self._advisories(self._index.advisories)
            if path == "/simple":
                return Answer(301, {"Location": "/simple/"})
            if path == "/simple/":
                return self._root(headers)
            document, page = _DOCUMENT_PATH.match(path), _PAGE_PATH.match(path)
            if document and not self._switches.html_only:
                return self._document(unquote(document.group(1)), document.group(2))
            if page:
                return self._page(unquote(page.group(1)), page.group(2) == "/", headers)
        return _not_found()

    def _document(self, asked: str, quoted_version: str | None) -> Resource | Answer:
        project = self._index.find(asked)
        if project is None or project.status == "quarantined" or not project.releases:
            return _not_found()
        version = unquote(quoted_version) if quoted_version else None
        if version is not None and version not in project.versions():
            return _not_found()
        if asked != project.name:
            middle = f"/{quoted_version}" if quoted_version else ""
            return Answer(301, {"Location": f"/pypi/{project.name}{middle}/json"})

        def render() -> Resource:
            if version is not None:
                document = pages.release_document(project, version, self._base_url)
            else:
                document = pages.project_document(project, self._base_url)
                if self._switches.no_releases_key:
                    del document["releases"]
            return self._resource(self._dumped(document), "application/json", project.serial)

        return self._remember(("document", version), project, render)

    def _root(self, headers: Mapping[str, str]) -> Resource:
        kind, serial = self._negotiated(headers), self._index.serial

        def render() -> Resource:
            more = self._index.listed_only
            if kind == JSON_TYPE:
                body = self._dumped(pages.simple_root_document(self._index))
                if more is not None and more.count:
                    comma = b"," if self._index.projects else b""
                    body = body.removesuffix(b"]}") + comma + more.json_entries + b"]}"
            else:
                serials = not self._switches.no_serials
                body = pages.simple_root_html(self._index, serials=serials).encode()
                if more is not None:
                    body = body.replace(b"\n  </body>", b"\n" + more.html_anchors + b"  </body>")
            return self._resource(body, kind, serial, vary="Accept, Accept-Encoding")

        about = (kind, serial, self._switches.no_serials)
        if about not in self._roots:
            # A large one is large: those of the past are not kept.
            self._roots = {key: root for key, root in self._roots.items() if key[1] == serial}
            self._roots[about] = render()
        return self._roots[about]

    def _page(self, asked: str, has_slash: bool, headers: Mapping[str, str]) -> Resource | Answer:
        project = self._index.find(asked)
        if project is None:
            return _not_found()
        if asked != project.name or not has_slash:
            return Answer(301, {"Location": f"/simple/{project.name}/"})
        kind = self._negotiated(headers)

        def render() -> Resource:
            if kind == JSON_TYPE:
                body = self._dumped(pages.simple_document(project, self._base_url))
            else:
                serials = not self._switches.no_serials
                body = pages.simple_html(project, self._base_url, serials=serials).encode()
            return self._resource(body, kind, project.serial, vary="Accept, Accept-Encoding")

        return self._remember(("page", kind), project, render)

    def _file(self, path: str) -> Resource | Answer:
        if self._files[0] != self._index.serial:
            by_path = {unquote(key): file for key, file in self._index.files_by_path().items()}
            self._files = (self._index.serial, by_path)
        file = self._files[1].get(path)
        if file is not None:
            return self._content(file, file.built.content, f'"{file.built.md5}"')
        file = self._files[1].get(path.removesuffix(".metadata"))
        if file is not None and file.core_metadata and file.built.metadata is not None:
            return self._content(file, file.built.metadata, md5_etag(file.built.metadata))
        return _not_found()

    def _provenance(self, path: str) -> Resource | Answer:
        files = self._index.files_by_path().values()
        found = next((file for file in files if file.provenance_path == path), None)
        if found is None or not isinstance(found.provenance, bytes):
            return _not_found()
        body, kind = found.provenance, "application/vnd.pypi.integrity.v1+json"
        return Resource(body, kind, md5_etag(body))

    def _advisories(self, body: bytes) -> Resource:
        modified = self._index.advisories_time
        return Resource(
            body, "application/zip", md5_etag(body), last_modified=modified, is_file=True
        )

    def _content(self, file: IndexFile, body: bytes, etag: str) -> Resource:
        return Resource(
            body=body,
            content_type="application/octet-stream",
            etag=etag,
            cache_control=_IMMUTABLE,
            last_modified=_http_date(file.upload_time),
            is_file=True,
        )

    def _negotiated(self, headers: Mapping[str, str]) -> str:
        html = self._switches.html_only or self._switches.json_only_html_simple
        accept = headers.get("accept", "").replace(".simple.latest+", ".simple.v1+")
        return preferred(accept, _HTML_OFFERS if html else _OFFERS) or "text/html"

    def _resource(
        self, body: bytes, content_type: str, serial: int, vary: str = "Accept-Encoding"
    ) -> Resource:
        charset = "; charset=UTF-8" if content_type == "text/html" else ""
        shown = None if self._switches.no_serials else serial
        return Resource(body, content_type + charset, md5_etag(body), serial=shown, vary=vary)

    def _dumped(self, document: dict[str, Any]) -> bytes:
        cleaned = _without_serials(document) if self._switches.no_serials else document
        return json.dumps(cleaned, separators=(",", ":")).encode()

    def _remember(
        self, key: tuple[object, ...], project: IndexProject, render: Callable[[], Resource]
    ) -> Resource:
        switches = (self._switches.no_serials, self._switches.no_releases_key)
        full_key = (*key, project.name, project.serial, *switches)
        if full_key not in self._rendered:
            self._rendered[full_key] = render()
        return self._rendered[full_key]


def _without_serials(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_serials(v) for k, v in value.items() if k not in _SERIAL_KEYS}
    if isinstance(value, list):
        return [_without_serials(entry) for entry in value]
    return value


def _not_found() -> Answer:
    return Answer(404, {"Content-Type": "application/json"}, b'{"message": "Not Found"}')


def _http_date(upload_time: str) -> str | None:
    try:
        moment = datetime.fromisoformat(upload_time.replace("Z", "+00:00"))
    except ValueError:
        return None
    return format_datetime(moment.astimezone(timezone.utc), usegmt=True)
