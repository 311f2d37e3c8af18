"""Pages of all projects: the forms of the root, and the links to all files.

The state records each project's share of bytes in them, so that after a change the rest is copied
instead of rendered. An update costs as much as copying the file.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.publish.tree.page_splice import Splicer
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.standalone.server.index_pages import (
    LINKS_PAGE_LIMIT,
    render_links_html,
    render_root_html,
    render_root_json,
)
from microrepo.standalone.server.records import RootPage
from microrepo.state import State
from microrepo.state.publication import Publication
from microrepo.state.tables.share_table import Shares, Unlisted
from microrepo.stores.page_paths import page_folder

ROOT_JSON, ROOT_HTML, LINKS = "simple/index.v1_json", "simple/index.html", "simple/links.html"
_ROOT_HTML_TOO = "simple/index.v1_html"
_META = "listings"
_BATCH = 1000
_NOTHING: Shares = (0, 0, 0, 0)
_ANCHOR, _ANCHOR_FROM_ROOT = b'<a href="../../', b'<a href="../'


class _Written(Struct, frozen=True):
    """Size and time of a written page, to detect changes."""

    path: str
    size: int
    mtime_ns: int
    head_bytes: int
    shares_bytes: int


class _Kind(Struct, frozen=True):
    path: str
    head: bytes
    tail: bytes
    separator: bytes = b""


class Listings:
    """Updates the pages of all projects from the state.

    Args:
        state: records the published pages.
        writer: writes pages.
        links_limit: maximum number of files for the links page.
    """

    def __init__(
        self, root: Path, state: State, writer: PageWriter, links_limit: int = LINKS_PAGE_LIMIT
    ) -> None:
        self._root = root
        self._state = state
        self._writer = writer
        self._links_limit = links_limit

    def update(self, serial: int, *, rebuild: bool = False) -> bool:
        """Update the pages; return whether anything was written.

        Args:
            serial: serial of the repository, for the root.
            rebuild: ignore existing pages.

        Raises:
            OSError: a page cannot be written; the old ones are kept.
        """
        publication = self._state.publication
        written = [] if rebuild else self._known()
        if written and not publication.has_unlisted():
            return False
        with_links = publication.links_to_be() <= self._links_limit
        kinds = _kinds(serial, with_links=with_links)
        if [one.path for one in written] != [kind.path for kind in kinds]:
            written = []
        with self._state.transaction():
            if not written:
                publication.unlist_all()
            self._write(kinds, written)
        if not with_links:
            self._writer.remove(LINKS)
        return True

    def _known(self) -> list[_Written]:
        """Return the pages as last written, nothing if one changed since."""
        text = self._state.meta(_META)
        try:
            known = msgspec.json.decode(text, type=list[_Written]) if text else []
        except msgspec.DecodeError:
            return []
        too = [msgspec.structs.replace(one, path=_ROOT_HTML_TOO) for one in known[1:2]]
        for one in [*known, *too]:
            status = _stat(self._root / one.path)
            # The second form of the HTML root has its own time.
            if status is None or status.st_size != one.size:
                return []
            if status.st_mtime_ns != one.mtime_ns and one.path != _ROOT_HTML_TOO:
                return []
        return known

    def _write(self, kinds: Sequence[_Kind], written: Sequence[_Written]) -> None:
        paths = [self._writer.temporary() for _ in kinds]
        with ExitStack() as stack:
            splicers = [
                stack.enter_context(closing(Splicer(path, kind.head, kind.separator)))
                for path, kind in zip(paths, kinds, strict=True)
            ]
            for splicer, one in zip(splicers, written, strict=False):
                splicer.go_on_from(str(self._root / one.path), one.head_bytes, one.shares_bytes)
            _splice(self._state.publication, splicers, self._root, from_nothing=not written)
            for splicer, kind in zip(splicers, kinds, strict=True):
                splicer.keep_rest()
                splicer.finish(kind.tail)
        for temporary, kind in zip(paths, kinds, strict=True):
            self._put_in_place(temporary, kind.path, compare=not written)
        self._writer.flush()
        signatures = [self._signature(kind) for kind in kinds]
        self._state.set_meta(_META, msgspec.json.encode(signatures).decode())

    def _put_in_place(self, temporary: str, path: str, *, compare: bool) -> None:
        if path == ROOT_HTML:
            copy = self._writer.temporary()
            shutil.copyfile(temporary, copy)
            self._put_in_place(copy, _ROOT_HTML_TOO, compare=compare)
        if compare and _same(temporary, self._root / path):
            Path(temporary).unlink()
        else:
            # Length and time are recorded, so a page truncated by a crash is rebuilt.
            self._writer.rename(temporary, path, durable=False)

    def _signature(self, kind: _Kind) -> _Written:
        status = (self._root / kind.path).stat()
        shares_bytes = status.st_size - len(kind.head) - len(kind.tail)
        if shares_bytes:
            shares_bytes += len(kind.separator)
        return _Written(kind.path, status.st_size, status.st_mtime_ns, len(kind.head), shares_bytes)


def is_root_as_written(root: Path, state: State) -> bool:
    """Return whether the page of all projects is the one that the state records, if any."""
    text = state.meta(_META)
    try:
        known = msgspec.json.decode(text, type=list[_Written]) if text else []
    except msgspec.DecodeError:
        return True
    status = _stat(root / ROOT_JSON)
    if not known or status is None:
        return True
    return (status.st_size, status.st_mtime_ns) == (known[0].size, known[0].mtime_ns)


def _splice(
    publication: Publication, splicers: Sequence[Splicer], root: Path, *, from_nothing: bool
) -> None:
    after = ""
    while batch := publication.unlisted(after, _BATCH):
        shares: list[tuple[Unlisted, Shares]] = []
        for row in batch:
            gap = _NOTHING if from_nothing else publication.shares_between(after, row.name)
            pieces = _shares_of(row, root, with_links=len(splicers) == 3)
            for splicer, kept, old, piece in zip(splicers, gap, row.shares, pieces, strict=False):
                splicer.keep(kept)
                splicer.replace(old, piece)
            lengths = (len(pieces[0]), len(pieces[1]), len(pieces[2]))
            shares.append((row, (*lengths, row.files)))
            after = row.name
        publication.save_shares(shares)


# --- heads, tails and shares ----------------------------------------------------------------------


def _kinds(serial: int, *, with_links: bool) -> list[_Kind]:
    json = render_root_json(RootPage((), serial))
    html = render_root_html(RootPage((), serial))
    kinds = [_Kind(ROOT_JSON, json[:-2], json[-2:], b","), _Kind(ROOT_HTML, *_cut(html))]
    if with_links:
        kinds.append(_Kind(LINKS, *_cut(render_links_html(()))))
    return kinds


def _cut(page: bytes) -> tuple[bytes, bytes]:
    """Split a page without shares into head and tail."""
    place = page.rindex(b"</body>")
    return page[:place], page[place:]


_EMPTY = RootPage(())
_JSON_HEAD_BYTES = len(render_root_json(_EMPTY)) - 2
_HTML_HEAD, _HTML_TAIL = _cut(render_root_html(_EMPTY))


def _shares_of(row: Unlisted, root: Path, *, with_links: bool) -> tuple[bytes, bytes, bytes]:
    if not row.files:
        return b"", b"", b""
    one = RootPage(((row.display_name, row.serial),))
    json = render_root_json(one)[_JSON_HEAD_BYTES:-2] + b","
    html = render_root_html(one)[len(_HTML_HEAD) : -len(_HTML_TAIL)]
    return json, html, _links_of(root, row.name) if with_links else b""


def _links_of(root: Path, name: str) -> bytes:
    """Return a project's links from its page, made relative to the root."""
    try:
        # Not pathlib, which is slower: a large tree has hundreds of thousands of these.
        with open(f"{root}/{page_folder(name)}/index.html", "rb") as stream:  # noqa: PTH123
            page = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    begin, end = page.find(b"</h1>\n"), page.rfind(b"</body>")
    if begin < 0 or end < begin:
        return b""
    return page[begin + 6 : end].replace(_ANCHOR, _ANCHOR_FROM_ROOT)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _same(temporary: str, final: Path) -> bool:
    try:
        return filecmp.cmp(temporary, final, shallow=False)
    except OSError:
        return False
