"""What the tree of another program says of its files: digests, Pythons, marks, addresses.

bandersnatch keeps each project's document (`web/json`) or at least its page (`web/simple`), Morgan a
`.hash` beside each file, minirepo all documents in one `packages.json`.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.index.pypi_json import parse_document
from microrepo.formats.index.simple_api import parse_project
from microrepo.model import Digests, NormalizedName, Project
from microrepo.repositories.foreign.tree_layouts import (
    BANDERSNATCH,
    MINIREPO,
    MORGAN,
    OLD_BANDERSNATCH,
    Candidate,
    Layout,
)

_log = logging.getLogger(__name__)
_LARGEST_BYTES = 1 << 30
_JSON, _HTML = "application/vnd.pypi.simple.v1+json", "text/html"
_PAGES = (("index.v1_json", _JSON), ("index.v1_html", _HTML), ("index.html", _HTML))
_ALGORITHMS = {"sha256": "sha256", "md5": "md5", "blake2b_256": "blake2b_256"}


class _Named(Struct):
    name: str


class _About(Struct):
    info: _Named


class TreeRecords:
    """Reads the records that a tree keeps of its projects.

    Args:
        layout: of the tree.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._documents: dict[NormalizedName, bytes] | None = None

    def project(self, name: NormalizedName) -> Project | None:
        """Return what the tree says of a project; None when that is nothing, or not readable."""
        try:
            if self._layout.name == MINIREPO:
                body = self._all_documents().get(name)
                return parse_document(body, name).project if body else None
            if self._layout.name in {BANDERSNATCH, OLD_BANDERSNATCH}:
                return self._document(name) or self._page(name)
        except (OSError, MalformedResponse) as error:
            _log.info("%s: what the tree says of it is not used: %s", name, error)
        return None

    def _document(self, name: NormalizedName) -> Project | None:
        path = self._layout.web / "json" / name
        if not path.is_file():
            return None
        parsed = parse_document(path.read_bytes(), name)
        return parsed.project if parsed.has_files else None

    def _page(self, name: NormalizedName) -> Project | None:
        simple = self._layout.web / "simple"
        for folder in (simple / name, simple / name[0] / name):
            for filename, kind in _PAGES:
                path = folder / filename
                if path.is_file():
                    return parse_project(path.read_bytes(), kind, path.resolve().as_uri(), name)
        return None

    def _all_documents(self) -> dict[NormalizedName, bytes]:
        if self._documents is None:
            self._documents = _read_documents(self._layout.path / "packages.json")
        return self._documents


def _read_documents(path: Path) -> dict[NormalizedName, bytes]:
    if path.stat().st_size > _LARGEST_BYTES:
        _log.warning("%s: too large to be read; files are taken without it", path)
        return {}
    found = {}
    try:
        for raw in msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw]):
            body = bytes(raw)
            try:
                name = msgspec.json.decode(body, type=_About).info.name
            except msgspec.DecodeError:
                continue
            found[canonicalize_name(name)] = body
    except (msgspec.DecodeError, RecursionError) as error:
        _log.warning("%s: cannot be read, files are taken without it: %s", path, error)
    return found


def claimed_digests(layout: Layout, candidate: Candidate) -> Digests:
    """Return what stands beside a file, or in its path, about its content."""
    if layout.name == BANDERSNATCH:
        return candidate.digests_of_path()
    if layout.name != MORGAN:
        return Digests()
    try:
        text = Path(f"{candidate.path}.hash").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return Digests()
    algorithm, _, value = text.partition("=")
    known = _ALGORITHMS.get(algorithm.lower().replace("-", "_"))
    return Digests(**{known: value.strip().lower()}) if known and value else Digests()
