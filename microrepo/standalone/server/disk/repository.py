"""Repository: projects and pages of a directory, from its static pages or from its files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from microrepo.standalone.server.archive_metadata import read_core_metadata
from microrepo.standalone.server.disk.file_totals import FileTotals
from microrepo.standalone.server.disk.files import (
    inside,
    read_below,
    read_file,
    signature,
    unchanged,
)
from microrepo.standalone.server.disk.freshness import (
    FRESHNESS_FILE,
    MAX_FRESHNESS_BYTES,
    stale_notice,
)
from microrepo.standalone.server.disk.scanner import PAGE_HASH_BYTES, Found, Scanner
from microrepo.standalone.server.index_pages import parse_project_json, parse_root_json
from microrepo.standalone.server.metadata import (
    MAX_METADATA_BYTES,
    ProjectInfo,
    info_from_core_metadata,
    info_from_document,
)
from microrepo.standalone.server.names import PROVENANCE_SUFFIX, normalize_name
from microrepo.standalone.server.people.views import Card, Totals
from microrepo.standalone.server.publishers import MAX_PROVENANCE_BYTES, publishers_in
from microrepo.standalone.server.records import ProjectPage, RootPage, latest_version
from microrepo.standalone.server.versions import version_key

if TYPE_CHECKING:
    from microrepo.standalone.server.disk.files import Checks, Signature

MAX_PAGE_BYTES = 256 << 20
_MAX_CARDS = 10_000
_ROOT_FILE = ("simple", "index.v1_json")


class Repository:
    """Reads a directory: its static pages where there are any, else its files.

    ``files`` is the directory of the files if it is another one than that of the pages.
    """

    def __init__(self, directory: str, files: str = "") -> None:
        self.root = os.path.realpath(directory)
        self._files = os.path.realpath(files or directory)
        self._scanner = Scanner(self.root)
        self._totals = FileTotals(self.root)
        self._root_page: tuple[Checks, RootPage] = ((), RootPage(()))
        self._names: tuple[RootPage | None, dict[str, None]] = (None, {})
        self._cards: dict[str, tuple[Checks, Card]] = {}
        self._without_metadata: dict[str, Signature] = {}

    def path(self, *parts: str) -> str:
        """Return the path of a file of the repository."""
        return os.path.join(self.root, *parts)

    def has(self, *parts: str) -> bool:
        """Return whether there is a non-empty static file."""
        found = signature(self.path(*parts))
        return bool(found and found[1] and inside(self.root, self.path(*parts)))

    def read(self, *parts: str, max_bytes: int = MAX_PAGE_BYTES) -> bytes:
        """Return the content of a file, empty if it is missing or too large."""
        return read_below(self.root, self.path(*parts), max_bytes)[0]

    def project(self, name: str, hash_bytes: int | None = PAGE_HASH_BYTES) -> Found | None:
        """Return a project by its normalized name, from its static page or from its files."""
        path = self.path("simple", name, "index.v1_json")
        content, read = read_below(self.root, path, MAX_PAGE_BYTES)
        with suppress(ValueError):
            return Found(parse_project_json(content), ((path, read),))
        found = self._scanner.project(name, hash_bytes)
        return found and found._replace(checks=((path, read), *found.checks))

    def root_page(self) -> tuple[RootPage, Checks]:
        """Return the list of all projects and the checks under which it stays true."""
        checks, known = self._root_page
        if checks and unchanged(checks):
            return known, checks
        path = self.path(*_ROOT_FILE)
        content, read = read_below(self.root, path, MAX_PAGE_BYTES)
        checks = ((path, read),)
        try:
            root = parse_root_json(content)
        except ValueError:
            listing = self._scanner.listing()
            root = RootPage(tuple((name, None) for name in sorted(listing.projects)))
            checks = (*checks, (self.root, listing.signature)) if listing.settled else ()
        self._root_page = (checks, root)
        return root, checks

    def names(self) -> Mapping[str, None]:
        """Return the normalized names of all projects, in order."""
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

    def notice(self, now_s: float) -> str:
        """Return what pages for people say about the age of the repository, "" for nothing."""
        path = self.path(".microrepo", FRESHNESS_FILE)
        return stale_notice(read_file(path, MAX_FRESHNESS_BYTES), now_s)

    def totals(self) -> Totals:
        """Return counts and sizes; of a large directory only projects until it is counted."""
        return self._totals.get()._replace(projects=len(self.names()))

    def info_with_publishers(self, page: ProjectPage, version: str) -> ProjectInfo:
        """Return what `info` returns, and who published the release, as attestations beside it say."""
        wanted = version_key(version)
        found: list[str] = []
        for entry in page.files:
            if entry.provenance and version_key(entry.release) == wanted:
                path = os.path.join(self._files, entry.filename + PROVENANCE_SUFFIX)
                document = read_below(self._files, path, MAX_PROVENANCE_BYTES)[0]
                found += publishers_in(document)
        return self.info(page, version)._replace(publishers=tuple(dict.fromkeys(found)))

    def info(self, page: ProjectPage, version: str) -> ProjectInfo:
        """Return summary, description and so on of a release, from the first source with them."""
        wanted = version_key(version)
        files = [entry.filename for entry in page.files if version_key(entry.release) == wanted]
        files.sort(key=lambda name: (not name.endswith(".whl"), name))
        for name in files:
            path = os.path.join(self._files, name + ".metadata")
            sidecar = read_below(self._files, path, MAX_METADATA_BYTES)[0]
            if sidecar:
                return info_from_core_metadata(sidecar)
        with suppress(ValueError, AttributeError, TypeError):
            info = info_from_document(self.read("pypi", normalize_name(page.name), "json"))
            if info.summary or info.description:
                return info
        archives = (self._archive_metadata(name) for name in files[:2])
        return info_from_core_metadata(next(filter(None, archives), b""))

    def _archive_metadata(self, name: str) -> bytes:
        """Return metadata out of an archive; one without is not searched twice."""
        path = inside(self._files, os.path.join(self._files, name))
        found = signature(path)
        if not path or self._without_metadata.get(path) == found:
            return b""
        content = read_core_metadata(path)
        if not content:
            if len(self._without_metadata) >= _MAX_CARDS:
                self._without_metadata.clear()
            self._without_metadata[path] = found
        return content

    def card(self, name: str) -> Card:
        """Return a project's line for the front page."""
        key = normalize_name(name)
        checks, card = self._cards.get(key, ((), Card(key)))
        if checks and unchanged(checks):
            return card
        found = self.project(key, hash_bytes=None)
        if found is None:
            return Card(key)
        version = latest_version(found.page)
        card = Card(key, version, self.info(found.page, version).summary)
        if len(self._cards) >= _MAX_CARDS:
            self._cards.clear()
        self._cards[key] = (found.checks, card)
        return card
