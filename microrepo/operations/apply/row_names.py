"""Repair of rows whose project or version is not that of their file name.

Damage to a state can leave a text that looks right. A file under another project's name would be
deleted as a file that this project no longer has.
"""

from __future__ import annotations

import msgspec
from packaging.utils import canonicalize_name

from microrepo.formats.distribution.filenames import (
    guess_release,
    package_type_of,
    split_release,
)
from microrepo.formats.version_numbers import parse_version
from microrepo.state import FileRow, State

# About a tenth of a second's worth; in a larger repository the next part follows in the next run.
_SHARE = 200_000
_CURSOR = "name_cursor"


def mend_names(state: State) -> list[FileRow]:
    """Correct rows by their file names and their project's record; return the corrected ones."""
    after = state.meta(_CURSOR) or ""
    rows, last = state.misnamed_files(after, _SHARE)
    corrected = [(row, mended_row(state, row)) for row in rows]
    mended = [new for row, new in corrected if new != row]
    wrong = {row.project for row, new in corrected if new.project != row.project and row.project}
    if mended or last != after:
        with state.transaction():
            state.save_files(mended)
            state.set_meta(_CURSOR, last)
            state.publication.mark(wrong)
    return mended


def mended_row(state: State, row: FileRow) -> FileRow:
    """Return a row with the project and version that its file name has.

    A version that the record of the project has for the file stays, however it is written.
    """
    found = split_release(row.filename)
    if found is None or parse_version(found[1]) is None:
        return row
    project, version = canonicalize_name(found[0]), found[1]
    # In an sdist's name, a dash can be a part of the name or of the version.
    if project != row.project and package_type_of(row.filename) == "sdist":
        other = guess_release(row.filename, row.project) or ""
        if canonicalize_name(row.filename).startswith(f"{row.project}-") and parse_version(other):
            project, version = row.project, other
    if project == row.project and _is_same(version, row.version):
        return row
    record = state.documents([project]).get(project)
    files = () if record is None else record.files
    listed = next((one.version for one in files if one.filename == row.filename), version)
    return msgspec.structs.replace(row, project=project, version=listed)


def _is_same(version: str, other: str) -> bool:
    if version == other:
        return True
    first, second = parse_version(version), parse_version(other)
    return first is not None and first == second
