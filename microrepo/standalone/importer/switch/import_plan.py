"""Plan of an import: the files to put in place, those to delete, and the projects that change.

It is stored as JSON in the form of `microrepo.operations.switch.switch_plan`, so that microrepo can
complete what this program began, and the other way round.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from microrepo.standalone.importer.intake.content_survey import ContentSurvey, file_status
from microrepo.standalone.importer.manifest import compare_manifests
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject

_UPLOAD_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z")


class PlannedFile(NamedTuple):
    """A file to put in place.

    ``replaces`` is size and time of what has its name now; with ``aside``, an import has not put
    that there, so it is kept in quarantine. ``upload_ns`` becomes the time of the file.
    """

    filename: str
    project: str
    sha256: str
    size_bytes: int
    replaces: tuple[int, int] | None = None
    aside: bool = False
    upload_ns: int | None = None
    metadata_sha256: str = ""


class LeavingFile(NamedTuple):
    """A file to delete; ``disk`` is its size and time, None to delete nothing, as if it is gone."""

    filename: str
    project: str
    sha256: str
    disk: tuple[int, int] | None


class ImportPlan(NamedTuple):
    """What an import changes.

    ``kept`` are files that the bundle deletes, but that somebody else has replaced meanwhile.
    ``unchanged`` is the number of files that stay.
    """

    placed: tuple[PlannedFile, ...]
    leaving: tuple[LeavingFile, ...]
    projects: tuple[str, ...]
    kept: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def is_empty(self) -> bool:
        """Return whether nothing changes."""
        return not (self.placed or self.leaving or self.projects)

    def without_deleting(self, filenames: Container[str]) -> ImportPlan:
        """Return the plan for a directory in which some files are not to be deleted."""
        return self._replace(
            leaving=tuple(
                file._replace(disk=None) if file.filename in filenames else file
                for file in self.leaving
            )
        )


class PlanMaker:
    """Compares what was imported before with a target.

    Args:
        survey: looks at the files in place.
    """

    def __init__(self, survey: ContentSurvey) -> None:
        self._survey = survey
        self._before = survey.in_place()
        self._after = survey.in_place()
        self._placed: list[PlannedFile] = []
        self._leaving: list[LeavingFile] = []
        self._projects: set[str] = set()
        self._kept: list[str] = []
        self._unchanged = 0

    def plan(
        self,
        old: Iterable[ManifestProject | ManifestFile],
        target: Iterable[ManifestProject | ManifestFile],
    ) -> ImportPlan:
        """Return the plan.

        Args:
            old: the entries that the last import has applied.
            target: the entries to apply.
        """
        changed = compare_manifests(old, target, with_equal=True)
        for kind, before, after in changed:
            entry = after or before
            if kind != "equal" and entry is not None:
                self._projects.add(entry.project)
            if isinstance(after, ManifestFile):
                self._add_new(before, after)
            elif isinstance(before, ManifestFile):
                self._add_leaving(before)
        return ImportPlan(
            tuple(self._placed),
            tuple(self._leaving),
            tuple(sorted(self._projects)),
            tuple(self._kept),
            self._unchanged,
        )

    def _add_new(self, old: object, new: ManifestFile) -> None:
        if self._after(new):
            self._unchanged += 1
            return
        status = file_status(self._survey.path(new.filename))
        is_ours = isinstance(old, ManifestFile) and status is not None and self._before(old)
        self._projects.add(new.project)
        self._placed.append(
            PlannedFile(
                new.filename,
                new.project,
                new.sha256,
                new.size_bytes,
                None if status is None else (status.st_size, status.st_mtime_ns),
                status is not None and not is_ours,
                upload_ns(new.upload_time),
                new.metadata_sha256,
            )
        )

    def _add_leaving(self, old: ManifestFile) -> None:
        status = file_status(self._survey.path(old.filename))
        if status is not None and not self._before(old):
            self._kept.append(old.filename)
            return
        disk = None if status is None else (status.st_size, status.st_mtime_ns)
        self._leaving.append(LeavingFile(old.filename, old.project, old.sha256, disk))


def upload_ns(text: str) -> int | None:
    """Return an upload time in nanoseconds since the epoch, None without a readable one."""
    match = _UPLOAD_TIME.fullmatch(text)
    if match is None:
        return None
    try:
        seconds = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
    except (ValueError, OverflowError):
        return None
    value = seconds * 10**9 + int((match[2] or "").ljust(6, "0")) * 1000
    return value if abs(value) < 1 << 63 else None


def plan_values(plan: ImportPlan, **facts: object) -> dict[str, Any]:
    """Return the plan as values for JSON."""
    return {
        **facts,
        "placed": [
            {
                "filename": file.filename,
                "project": file.project,
                "sha256": file.sha256,
                "size_bytes": file.size_bytes,
                "replaces": _stamp_values(file.replaces),
                "aside": file.aside,
                "upload_ns": file.upload_ns,
                "metadata_sha256": file.metadata_sha256,
            }
            for file in plan.placed
        ],
        "leaving": [
            {
                "filename": file.filename,
                "project": file.project,
                "sha256": file.sha256,
                "disk": _stamp_values(file.disk),
            }
            for file in plan.leaving
        ],
        "projects": list(plan.projects),
    }


def plan_from(values: Mapping[str, Any]) -> ImportPlan:
    """Return a stored plan.

    Raises:
        KeyError, TypeError, ValueError: it is malformed.
    """
    return ImportPlan(
        tuple(
            PlannedFile(
                str(one["filename"]),
                str(one["project"]),
                str(one["sha256"]),
                int(one["size_bytes"]),
                _stamp_from(one["replaces"]),
                bool(one["aside"]),
                one["upload_ns"],
                str(one.get("metadata_sha256", "")),
            )
            for one in values["placed"]
        ),
        tuple(
            LeavingFile(
                str(one["filename"]),
                str(one["project"]),
                str(one["sha256"]),
                _stamp_from(one["disk"]),
            )
            for one in values["leaving"]
        ),
        tuple(map(str, values["projects"])),
    )


def _stamp_values(stamp: tuple[int, int] | None) -> dict[str, int] | None:
    return None if stamp is None else {"size_bytes": stamp[0], "mtime_ns": stamp[1]}


def _stamp_from(values: Mapping[str, Any] | None) -> tuple[int, int] | None:
    return None if values is None else (int(values["size_bytes"]), int(values["mtime_ns"]))
