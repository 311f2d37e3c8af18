"""Links on pages: to the flat directory, to another host, or to the source.

The state records the links of the last refresh, so that commands without settings write the same
links.
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
    """The part of a file that a link needs."""

    @property
    def filename(self) -> str:
        """Name in the flat directory."""

    @property
    def url(self) -> str:
        """URL at the source."""


class Links(Struct, frozen=True):
    """How pages link to files.

    Attributes:
        files: the files are kept; otherwise the repository has only pages.
        base: URL of the files, ending in a slash; "" for files beside the pages or at the source.
    """

    files: bool = True
    base: str = ""

    def url_of(self, file: Linked) -> str:
        """Return the URL of a file; "" for its name relative to the page."""
        if self.files:
            return self.kept(file.filename)
        if self.base:
            return self.base.rstrip("/") + urlsplit(file.url).path
        return without_login(file.url)

    def kept(self, filename: str) -> str:
        """Return the URL of a file in the flat directory."""
        return self.base + quote(filename, safe="") if self.files and self.base else ""

    def provenance(self, filename: str) -> str:
        """Return the URL of a provenance object in the flat directory; its name without a base.

        The server makes an absolute URL of a name.
        """
        name = f"{filename}.provenance"
        return self.kept(name) or name

    @property
    def at_source(self) -> bool:
        """Whether the pages link to the source's files."""
        return not self.files and not self.base


BESIDE = Links()


def links_of(config: Config, state: State, *, decides: bool) -> Links:
    """Return the links of a repository's pages.

    Args:
        state: records the previous links.
        decides: the settings decide; otherwise the recorded links fill in defaults.
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
    """Record the links; if they changed, mark all pages for rewriting."""
    if _stored(state) == links:
        return
    with state.transaction():
        state.publication.mark(state.publication.page_names())
        state.set_meta(_META, msgspec.json.encode(links).decode())
