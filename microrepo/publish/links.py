"""Links of pages: into the flat directory, to another place with the same files, or to others.

What a refresh has decided is remembered in the state, so that commands which are given nothing but
the directory write the same links.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from microrepo.client.addresses import without_login
from microrepo.config.schema import Config
from microrepo.state import State

_META = "links"


class Linked(Protocol):
    """What a link needs to know of a file."""

    @property
    def filename(self) -> str:
        """Name in the flat directory."""

    @property
    def url(self) -> str:
        """Where the source has it."""


class Links(Struct, frozen=True):
    """How pages link to files.

    Attributes:
        files: the files are kept here; else the pages are all that there is.
        base: URL under which the files are, with a slash at its end; "" = beside the pages, or
            where the source has them.
    """

    files: bool = True
    base: str = ""

    def url_of(self, file: Linked) -> str:
        """Return the address of a file; "" = by its name, relative to the page."""
        if self.files:
            return self.kept(file.filename)
        if self.base:
            return self.base.rstrip("/") + urlsplit(file.url).path
        return without_login(file.url)

    def kept(self, filename: str) -> str:
        """Return the address of a file in the flat directory."""
        return self.base + quote(filename, safe="") if self.files and self.base else ""

    @property
    def at_source(self) -> bool:
        """The pages lead to the source's own files."""
        return not self.files and not self.base


BESIDE = Links()


def links_of(config: Config, state: State, *, decides: bool) -> Links:
    """Return how the pages of a repository link.

    Args:
        config: complete settings.
        state: remembers what was decided.
        decides: the settings decide; else what they leave open is as it was.
    """
    base = config.files_url.rstrip("/") + "/" if config.files_url else ""
    if decides:
        return Links(config.files, base)
    known = _stored(state)
    return Links(config.files and known.files, base or known.base)


def _stored(state: State) -> Links:
    text = state.meta(_META)
    try:
        return msgspec.json.decode(text, type=Links) if text else Links()
    except msgspec.DecodeError:
        return Links()


def remember_links(state: State, links: Links) -> None:
    """Note how pages link; when that has changed, have all of them written again."""
    if _stored(state) == links:
        return
    with state.transaction():
        state.publication.mark(state.publication.page_names())
        state.set_meta(_META, msgspec.json.encode(links).decode())
