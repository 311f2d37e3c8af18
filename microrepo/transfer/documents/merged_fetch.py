"""Reader of projects whose files are merged from several sources.

The record is as new as all of its parts: it is unchanged only if no source has news, and one source
that cannot be read makes it fail, since a record that lacks a part would look like deleted files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct

from microrepo.errors import MicrorepoError, ProjectNotFound, SourceError, Unavailable
from microrepo.model import Project
from microrepo.repositories.protocol import Fetched, name_of_merged
from microrepo.state.rows import pack
from microrepo.transfer.documents.merged_records import merge_records
from microrepo.transfer.tasks import FetchProject, ProjectOutcome

_PREFIX = "merged:"
# The validator of a record from a source that has none, such as a directory.
_RECORD = "record:"


class Part(Struct, frozen=True, array_like=True):
    """What is known about one source's record of a project.

    Attributes:
        source: name of the source.
        is_present: the source has the project.
        validator, serial, page_time: of its record.
    """

    source: str
    is_present: bool = False
    validator: str | None = None
    serial: int | None = None
    page_time: str | None = None


class PartAnswer(Struct, frozen=True):
    """One source's answer.

    Attributes:
        part: what to remember.
        project: the record; None if the source does not have it, or only said "not modified".
        is_news: it differs from what is known.
        lacks_status: the project's status could not be read.
    """

    part: Part
    project: Project | None
    is_news: bool
    lacks_status: bool = False


# Reads a source's record: number of the source, validator, known serial.
Ask = Callable[[int, "str | None", "int | None"], Fetched]


def fetch_merged(task: FetchProject, names: Sequence[str], ask: Ask) -> ProjectOutcome:
    """Return the merged record of a project.

    Args:
        task: names the sources; its validator is one that this function returned.
        names: names of all sources, by number.
        ask: reads one source's record.
    """
    origin = name_of_merged(names[number] for number in task.sources)
    known = {part.source: part for part in read_parts(task.etag)}
    answers: dict[int, PartAnswer] = {}
    number = task.sources[0]
    try:
        for number in task.sources:
            answers[number] = _answer(number, task.name, names[number], known, ask)
        is_news = any(one.is_news for one in answers.values())
        for number, one in answers.items() if is_news else ():
            if one.part.is_present and one.project is None:
                answers[number] = _answer(number, task.name, names[number], {}, ask)
    except MicrorepoError as error:
        why = f"{names[number]}: {error.why(task.name)}"
        silent = isinstance(error, Unavailable)
        return ProjectOutcome(task.name, "failed", error=why, source=origin, unreachable=silent)
    if not any(one.part.is_present for one in answers.values()):
        why = f"not found at {origin}"
        return ProjectOutcome(task.name, "missing", error=why, source=origin)
    etag = _composed(one.part for one in answers.values())
    if not is_news:
        return ProjectOutcome(task.name, "unchanged", etag=etag, source=origin)
    found = [(one.part.source, one.project) for one in answers.values() if one.project is not None]
    lacks_status = any(one.lacks_status for one in answers.values())
    document = pack(merge_records(found, lacks_status=lacks_status))
    return ProjectOutcome(
        task.name, "changed", document, etag, source=origin, lacks_status=lacks_status
    )


def _answer(number: int, name: str, source: str, known: dict[str, Part], ask: Ask) -> PartAnswer:
    before = known.get(source)
    validator = before.validator if before is not None else None
    is_digest = validator is not None and validator.startswith(_RECORD)
    try:
        fetched = ask(number, None if is_digest else validator, before.serial if before else None)
    except ProjectNotFound:
        return PartAnswer(Part(source), None, before is None or before.is_present)
    project = fetched.project
    if project is None and before is not None:
        return PartAnswer(
            msgspec.structs.replace(before, validator=fetched.etag), None, is_news=False
        )
    if project is None:
        raise SourceError(name, "answers that nothing has changed, though nothing is known yet")
    part = Part(source, True, fetched.etag, project.serial, fetched.page_time)
    if before is not None:
        _refuse_older(name, part, before)
    if fetched.etag is None and not fetched.lacks_status:
        digest = _RECORD + hashlib.sha256(pack(project)).hexdigest()
        part = msgspec.structs.replace(part, validator=digest)
        is_news = digest != validator
    else:
        is_news = True
    return PartAnswer(part, project, is_news, fetched.lacks_status)


def _refuse_older(name: str, part: Part, before: Part) -> None:
    """Raise SourceError if an answer is older than the one before, as stale caches deliver."""
    if part.serial is not None and before.serial is not None and part.serial < before.serial:
        age = f"serial {part.serial}, the last one was {before.serial}"
    elif part.page_time and before.page_time and part.page_time < before.page_time:
        age = f"from {part.page_time}, the last one was from {before.page_time}"
    else:
        return
    raise SourceError(
        name,
        f"the answer is older ({age}); files kept; refresh with --force-check to accept it now",
    )


def _composed(parts: Iterable[Part]) -> str:
    return _PREFIX + msgspec.json.encode(tuple(parts)).decode()


def read_parts(etag: str | None) -> tuple[Part, ...]:
    """Return what a composed validator says about each source; nothing for another one."""
    if etag is None or not etag.startswith(_PREFIX):
        return ()
    try:
        return msgspec.json.decode(etag.removeprefix(_PREFIX), type=tuple[Part, ...])
    except msgspec.MsgspecError:
        return ()
