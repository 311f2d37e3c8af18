"""Records of other programs' trees: digests, Pythons, yanked marks, URLs.

bandersnatch stores each project's document (`web/json`) or at least its page (`web/simple`), Morgan
a `.hash` beside each file, minirepo all documents in one `packages.json`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse, MicrorepoError
from microrepo.formats.bounds import STORED_DOCUMENT
from microrepo.formats.index.pypi_json import parse_document
from microrepo.model import NormalizedName, Project
from microrepo.repositories.directory_contents import (
    Claim,
    DirectoryContents,
    hash_claim,
    read_document,
    read_page,
    state_claims,
)
from microrepo.repositories.foreign.tree_layouts import (
    BANDERSNATCH,
    DIRECTORY,
    MINIREPO,
    OLD_BANDERSNATCH,
    Candidate,
    Layout,
)
from microrepo.state import State, read_state
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.plain_files import read_plain_file

_log = logging.getLogger(__name__)
_LARGEST_BYTES = 1 << 30


class _Named(Struct):
    name: str


class _About(Struct):
    info: _Named


class TreeRecords:
    """Reads a tree's records of its projects.

    Args:
        state: the open state of the tree, if the tree is the repository itself.
    """

    def __init__(self, layout: Layout, state: State | None = None) -> None:
        self._layout = layout
        self._state = state
        self._documents: dict[NormalizedName, bytes] | None = None

    def claims(self, batch: Sequence[Candidate]) -> dict[str, Claim]:
        """Return, by path, claims from files beside, paths, or the directory."""
        found = {}
        contents = self._contents({candidate.project for candidate in batch})
        for candidate in batch:
            path = Path(candidate.path)
            digests = hash_claim(path)
            if self._layout.name == BANDERSNATCH:
                digests = candidate.digests_of_path()
            claim = Claim(digests, "its tree") if digests.strongest() else None
            if contents is not None and path.parent == self._layout.path:
                claim = contents.claim(candidate.filename, candidate.project)
            if claim is not None:
                found[candidate.path] = claim
        return found

    def _contents(self, projects: Collection[str]) -> DirectoryContents | None:
        """Return the claims of a repository, or of a plain directory."""
        if self._layout.name != DIRECTORY:
            return None
        directory = FlatDirectory(self._layout.path)
        if self._state is not None:
            return DirectoryContents(directory, state_claims(self._state, projects))
        stated: dict[str, Claim] = {}
        with suppress(MicrorepoError):  # an unreadable state only means fewer claims
            state = read_state(directory.state_file)
            try:
                stated = state_claims(state, projects)
            finally:
                state.close()
        return DirectoryContents(directory, stated)

    def project(self, name: NormalizedName) -> Project | None:
        """Return the tree's record of a project; None without a readable one."""
        try:
            if self._layout.name == MINIREPO:
                body = self._all_documents().get(name)
                found = parse_document(body, name, bound=STORED_DOCUMENT) if body else None
                return None if found is None else found.project
            if self._layout.name in {BANDERSNATCH, OLD_BANDERSNATCH}:
                web = self._layout.web
                return read_document(web, name) or read_page(web, name)
        except (OSError, MalformedResponse) as error:
            _log.info("%s: its record in the tree is not used: %s", name, error)
        return None

    def _all_documents(self) -> dict[NormalizedName, bytes]:
        if self._documents is None:
            self._documents = _read_documents(self._layout.path / "packages.json")
        return self._documents


def _read_documents(path: Path) -> dict[NormalizedName, bytes]:
    if path.stat().st_size > _LARGEST_BYTES:
        _log.warning("%s: too large to be read; files are adopted without it", path)
        return {}
    found = {}
    try:
        for raw in msgspec.json.decode(read_plain_file(path), type=list[msgspec.Raw]):
            body = bytes(raw)
            try:
                name = msgspec.json.decode(body, type=_About).info.name
            except msgspec.DecodeError:
                continue
            found[canonicalize_name(name)] = body
    except (msgspec.DecodeError, RecursionError) as error:
        _log.warning("%s: cannot be read; files are adopted without it: %s", path, error)
    return found
