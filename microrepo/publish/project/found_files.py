"""Reader of distributions in the flat directory that no refresh downloaded.

They are published, but a refresh neither updates nor deletes them, unless its source lists the same
content; then it adopts them.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.archives import read_sdist_parts
from microrepo.formats.distribution.filenames import package_type_of, python_label
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.model import File
from microrepo.standalone.server.disk.files import rfc3339
from microrepo.standalone.server.metadata import parse_core_metadata
from microrepo.standalone.server.names import is_project_name, normalize_name, parse_filename
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.hashing import hash_file


class Description(Struct, frozen=True, gc=False):
    """Description of a file; `problem` says why it cannot be published."""

    filename: str
    row: FoundRow | None = None
    problem: str = ""


def is_distribution(filename: str) -> bool:
    """Return whether an index can list a file of this name."""
    parsed = parse_filename(filename)
    return parsed is not None and is_project_name(parsed.name)


class DescribeFile(Struct, frozen=True, gc=False):
    """Task that describes a distribution.

    Attributes:
        repository: path of the flat directory.
        filename: a file in it; `is_distribution` is true for its name.
    """

    repository: str
    filename: str


def describe(task: DescribeFile) -> Description:
    """Read a distribution: digest, project, release, Pythons. Runs in the workers."""
    filename = task.filename
    path = Path(task.repository, filename)
    try:
        before = path.stat()
        digests = hash_file(path, ("sha256",))
        metadata = _metadata(path)
        after = path.stat()
    except MalformedResponse as error:
        return Description(filename, problem=error.why(filename))
    except OSError as error:
        return Description(filename, problem=f"cannot be read: {error.strerror}")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return Description(filename, problem="changed while it was read")
    parsed = parse_filename(filename)
    if parsed is None:
        return Description(filename, problem="not the name of a distribution")
    fields = parse_core_metadata(metadata)
    file = File(
        filename=filename,
        url="",
        version=parsed.version,
        package_type=package_type_of(filename) or "unknown",
        digests=digests,
        size=after.st_size,
        requires_python=fields.get("requires-python", [""])[0] or None,
        upload_time=rfc3339(after.st_mtime_ns),
        python_version=python_label(filename),
    )
    name = fields.get("name", [""])[0]
    shown = name if normalize_name(name) == parsed.name else parsed.name
    row = FoundRow(filename, parsed.name, after.st_size, after.st_mtime_ns, shown, file)
    return Description(filename, row)


def _metadata(path: Path) -> bytes:
    """Return METADATA or PKG-INFO; None for an sdist or an old format without it.

    Raises:
        MalformedResponse: a wheel cannot be read, for example a partial copy.
    """
    with path.open("rb") as stream:
        if path.name.endswith(".whl"):
            return read_wheel_metadata(stream, path.name)
        if package_type_of(path.name) != "sdist":
            return b""
        try:
            return read_sdist_parts(stream, path.name).pkg_info or b""
        except MalformedResponse:
            return b""
