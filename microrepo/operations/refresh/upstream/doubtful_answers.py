"""Doubtful responses: older ones, and those that lack most of a project's files.

Caches can be stale, and an index under repair lists nothing for a while. Pure.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec import Struct

from microrepo.formats.times import shift
from microrepo.model import Project
from microrepo.state import ProjectRow

# A list that stays short for this long is accepted.
_CONFIRMED_AFTER_DAYS = 1.0
_BELIEVE = "refresh with --force-check to accept it now"


class Doubt(Struct, frozen=True):
    """What is used instead of a doubtful response.

    Attributes:
        project: the previous record, with the additions of the response.
        since: time of the first such response.
        why: text for the report.
    """

    project: Project
    since: str
    why: str


def doubt_of(
    answer: Project,
    page_time: str | None,
    known: Project,
    row: ProjectRow,
    held: Collection[str],
    now: str,
) -> Doubt | None:
    """Return what to use instead of a response, None if it is accepted.

    Args:
        answer: response of the source that the known record came from.
        page_time: time of the response, from the source.
        held: file names of the project in the repository.
    """
    since = row.doubted_at or now
    if known.serial is not None and answer.serial is not None and answer.serial < known.serial:
        age = f"serial {answer.serial}, the last one was {known.serial}"
    elif page_time is not None and row.page_time is not None and page_time < row.page_time:
        age = f"from {page_time}, the last one was from {row.page_time}"
    else:
        return _doubt_of_list(answer, known, held, since, now)
    return Doubt(known, since, f"{known.name}: the answer is older ({age}); files kept; {_BELIEVE}")


def _doubt_of_list(
    answer: Project, known: Project, held: Collection[str], since: str, now: str
) -> Doubt | None:
    """Return a doubt if a list lacks over half of the files, some of which are present."""
    if answer.status == "quarantined" or 2 * len(answer.files) >= len(known.files):
        return None
    listed = {file.filename for file in answer.files}
    lacking = tuple(file for file in known.files if file.filename not in listed)
    if not any(file.filename in held for file in lacking):
        return None
    if shift(since, _CONFIRMED_AFTER_DAYS) <= now:
        return None
    versions = tuple(dict.fromkeys((*answer.versions, *(file.version for file in lacking))))
    project = msgspec.structs.replace(answer, files=(*answer.files, *lacking), versions=versions)
    why = (
        f"{known.name}: the source lists {len(answer.files)} files, {len(known.files)} before; "
        f"files kept until this is confirmed for a day; {_BELIEVE}"
    )
    return Doubt(project, since, why)
