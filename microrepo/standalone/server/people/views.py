"""Views: the facts that each page for people shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from microrepo.standalone.server.metadata import ProjectInfo
from microrepo.standalone.server.records import ProjectPage


class Site(NamedTuple):
    """Links between pages for people: on a server, or between files.

    ``leaf`` ends the address of each page; ``files`` leads from the start page to the flat
    directory. Exported pages lie in a directory of their own and name no host and no age.
    """

    leaf: str = ""
    files: str = ""


SERVED, EXPORTED = Site(), Site("index.html", "../")


# The script of an exported page puts the real address here.
EXPORTED_URL = "https://ADDRESS/"


class Totals(NamedTuple):
    """Totals of the flat directory: counts, bytes, times in seconds since the epoch.

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
    """Facts of the front page; ``url`` is the repository's own address, with a trailing slash."""

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
    notice: str = ""


class ProjectView(NamedTuple):
    """Facts of a project's page; ``known`` returns whether a required project is in the repository."""

    url: str
    now_s: float
    page: ProjectPage
    info: ProjectInfo
    version: str
    known: Callable[[str], bool]
    site: Site = SERVED
    notice: str = ""
