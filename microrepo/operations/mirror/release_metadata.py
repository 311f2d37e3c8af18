"""Release metadata: yanked, project status, serial and the user's label.

An upload form accepts none of it. A directory stores all: a record in the control directory has
everything, and the pages, if any, have what their specifications define (PEP 592, PEP 792).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec import Struct

from microrepo.errors import RepositoryError
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.plain_files import read_plain_file

_FORMAT = 1
_FOLDER = "mirrored"


class MarkedFile(Struct, frozen=True, omit_defaults=True, gc=False):
    """One file of a release in the directory."""

    filename: str
    size: int | None = None
    digests: Digests = Digests()
    yanked: bool = False
    yanked_reason: str | None = None
    upload_time: str | None = None


class Marks(Struct, frozen=True, omit_defaults=True):
    """The record of one release.

    Attributes:
        source: the source, without credentials.
        label: the user's label.
        serial: serial of the source at the time.
        status: status of the project (PEP 792).
        redirected: redirected requirements.
    """

    format: int
    project: NormalizedName
    version: str
    source: str
    display_name: str = ""
    label: str | None = None
    serial: int | None = None
    status: str = "active"
    status_reason: str | None = None
    files: tuple[MarkedFile, ...] = ()
    redirected: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        """Return the metadata as texts, without default values."""
        found = []
        for file in self.files:
            if file.yanked:
                reason = f" ({file.yanked_reason})" if file.yanked_reason else ""
                found.append(f"{file.filename} is yanked{reason}")
        if self.status != "active":
            reason = f" ({self.status_reason})" if self.status_reason else ""
            found.append(f"{self.project} is {self.status}{reason}")
        if self.label is not None:
            found.append(f"label {self.label}")
        return tuple(found)


def make_marks(
    project: Project,
    source: str,
    files: tuple[File, ...],
    *,
    label: str | None,
    redirected: tuple[str, ...] = (),
) -> Marks:
    """Return the metadata of a release.

    Args:
        project: record with only the release's files.
        label: the user's label, or None.
        redirected: redirected requirements, as text.
    """
    return Marks(
        _FORMAT,
        project.name,
        project.versions[0],
        source,
        project.display_name,
        label,
        project.serial,
        project.status,
        project.status_reason,
        tuple(
            MarkedFile(f.filename, f.size, f.digests, f.yanked, f.yanked_reason, f.upload_time)
            for f in files
        ),
        redirected,
    )


def read_marks(directory: Path, project: str, version: str) -> Marks | None:
    """Return the record of a release in a directory, None if it is missing or unreadable."""
    try:
        body = read_plain_file(_path(directory, project, version))
        marks = msgspec.json.decode(body, type=Marks)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return marks if marks.format == _FORMAT else None


def write_marks(directory: Path, marks: Marks) -> None:
    """Write the record of a release into a directory, atomically.

    Raises:
        RepositoryError: the file cannot be written.
    """
    path = _path(directory, marks.project, marks.version)
    body = msgspec.json.format(msgspec.json.encode(marks), indent=1) + b"\n"
    try:
        write_atomically(path, body, public_mode())
    except OSError as error:
        raise RepositoryError(path, f"cannot be written: {error.strerror}") from error


def overlay_marks(
    directory: Path, project: Project, files: tuple[File, ...]
) -> tuple[Project, tuple[File, ...], str | None]:
    """Add the metadata recorded in a directory to a release, with its label.

    Metadata applies only to a file of the recorded size.
    """
    marks = read_marks(directory, project.name, files[0].version)
    if marks is None:
        return project, files, None
    known = {(file.filename, file.size): file for file in marks.files}
    marked = []
    for file in files:
        mark = known.get((file.filename, file.size))
        if mark is not None:
            file = msgspec.structs.replace(  # noqa: PLW2901 - the same file, better known
                file,
                yanked=mark.yanked,
                yanked_reason=mark.yanked_reason,
                upload_time=mark.upload_time or file.upload_time,
            )
        marked.append(file)
    project = msgspec.structs.replace(
        project,
        display_name=marks.display_name or project.display_name,
        serial=marks.serial,
        status=marks.status,
        status_reason=marks.status_reason,
    )
    return project, tuple(marked), marks.label


def _path(directory: Path, project: str, version: str) -> Path:
    return directory / CONTROL_FOLDER / _FOLDER / f"{project}-{quote(version, safe='')}.json"
