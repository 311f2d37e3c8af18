"""Pages for people as files: the server's pages, without addresses and ages."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from microrepo.standalone.server.labels import file_kind, initial_of
from microrepo.standalone.server.metadata import ProjectInfo
from microrepo.standalone.server.people.front_page import render_home
from microrepo.standalone.server.people.project_page import render_project
from microrepo.standalone.server.people.views import (
    EXPORTED,
    EXPORTED_URL,
    Card,
    HomeView,
    ProjectView,
    Totals,
)
from microrepo.standalone.server.records import FileEntry, ProjectPage

if TYPE_CHECKING:
    from typing import Protocol

    class Shown(Protocol):
        """Facts of a project for the start page."""

        @property
        def mtime_ns(self) -> int:
            """Time of its page."""

        @property
        def version(self) -> str:
            """The release to show first."""

        @property
        def summary(self) -> str:
            """Summary of that release."""

        @property
        def kinds(self) -> Mapping[str, tuple[int, int]]:
            """Files and bytes by kind."""

        @property
        def newest(self) -> tuple[str, float]:
            """The last uploaded file and its time, in seconds since the epoch."""


_RECENT_SHOWN = 200


def exported_project_page(page: ProjectPage, info: ProjectInfo, version: str) -> bytes:
    """Return the page of a project; `version` is the release to show first."""
    view = ProjectView(
        url=EXPORTED_URL,
        now_s=0,
        page=page,
        info=info,
        version=version,
        known=lambda _: True,
        site=EXPORTED,
    )
    return render_project(view)


def exported_start_page(shown: Mapping[str, Shown]) -> bytes:
    """Return the page of all projects, by their names in order."""
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for one in shown.values():
        for kind, (count, size) in one.kinds.items():
            counts[kind] = counts.get(kind, 0) + count
            sizes[kind] = sizes.get(kind, 0) + size
    recent = sorted(
        (one.newest for one in shown.values() if one.newest[1]), key=lambda pair: (-pair[1], pair)
    )
    largest_first = sorted(sizes.items(), key=lambda pair: -pair[1])
    totals = Totals(
        projects=len(shown),
        files=sum(counts.values()),
        total_bytes=sum(sizes.values()),
        changed_s=max((one.mtime_ns for one in shown.values()), default=0) / 1e9,
        kinds=tuple((kind, counts[kind], size) for kind, size in largest_first),
        recent=tuple(recent[:_RECENT_SHOWN]),
    )
    view = HomeView(
        url=EXPORTED_URL,
        now_s=0,
        totals=totals,
        cards=tuple(Card(name, one.version, one.summary) for name, one in shown.items()),
        matches=len(shown),
        letters="".join(sorted({initial_of(name) for name in shown})),
        site=EXPORTED,
    )
    return render_home(view)


def count_kinds(files: Iterable[FileEntry]) -> dict[str, tuple[int, int]]:
    """Return files and bytes by kind of file."""
    kinds: dict[str, tuple[int, int]] = {}
    for entry in files:
        kind = file_kind(entry.filename)
        count, size = kinds.get(kind, (0, 0))
        kinds[kind] = (count + 1, size + (entry.size or 0))
    return kinds


def newest_file(files: Iterable[FileEntry]) -> tuple[str, float]:
    """Return the last uploaded file and its time, in seconds since the epoch, 0 if unknown."""
    newest = max(files, key=lambda entry: entry.upload_time, default=None)
    if newest is None:
        return ("", 0.0)
    uploaded_s = 0.0
    with suppress(ValueError):
        moment = time.strptime(newest.upload_time[:19], "%Y-%m-%dT%H:%M:%S")
        uploaded_s = float(calendar.timegm(moment))
    return (newest.filename, uploaded_s)
