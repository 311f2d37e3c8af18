"""Answers of sources that several repositories share within one run."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from microrepo.repositories.protocol import SourceSettings
from microrepo.stores.plain_files import read_plain_file
from microrepo.transfer.tasks import (
    FetchMetadata,
    FetchProject,
    MetadataOutcome,
    ProjectOutcome,
)

_log = logging.getLogger(__name__)
_SETTLED = frozenset({"changed", "unchanged", "missing"})


_Answer = TypeVar("_Answer", bound=Struct)


class _Kept(Struct, frozen=True):
    """An answer, and the serial that the source had announced when it was asked."""

    outcome: ProjectOutcome
    min_serial: int | None


class SharedAnswers:
    """Answers about projects in a directory that exists for one run.

    Args:
        path: the directory; "" for none.
        sources: sources that are asked; other sources give other answers.
    """

    def __init__(self, path: str, sources: Sequence[SourceSettings]) -> None:
        self._path = Path(path) if path else None
        self._sources = [
            f"{one.kind} {one.simple_root} {one.json_root} {one.name} {one.asks_provenance}"
            for one in sources
        ]

    def project(
        self, task: FetchProject, ask: Callable[[FetchProject], ProjectOutcome]
    ) -> ProjectOutcome:
        """Return the answer about a project, from this run if it was asked before."""
        if self._path is None:
            return ask(task)
        place = self._path / self._key(task)
        known = _read(place, _Kept)
        if known is not None and _fits(known, task):
            return _answer_to(task, known.outcome)
        outcome = ask(task)
        if outcome.status in _SETTLED:
            _write(place, _Kept(outcome, task.min_serial))
        return outcome

    def metadata(
        self, task: FetchMetadata, ask: Callable[[FetchMetadata], MetadataOutcome]
    ) -> MetadataOutcome:
        """Return the metadata of a distribution, from this run if it was read before."""
        if self._path is None or task.here:
            return ask(task)
        place = self._path / _digest("metadata", task.url, *(task.digests.strongest() or ()))
        known = _read(place, MetadataOutcome)
        if known is not None:
            return msgspec.structs.replace(known, filename=task.filename, fetched_bytes=0)
        outcome = ask(task)
        if outcome.metadata is not None:
            _write(place, outcome)
        return outcome

    def _key(self, task: FetchProject) -> str:
        how = f"{task.is_merged} {bool(task.elsewhere)}"
        return _digest(task.name, how, *(self._sources[number] for number in task.sources))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _fits(known: _Kept, task: FetchProject) -> bool:
    """Return whether an answer tells everything that a task needs."""
    outcome = known.outcome
    if task.min_serial is not None and (known.min_serial or -1) < task.min_serial:
        return False  # the project has changed since
    # Without a document, only a repository with the same one has anything from the answer.
    return outcome.status != "unchanged" or (outcome.etag is not None and outcome.etag == task.etag)


def _answer_to(task: FetchProject, known: ProjectOutcome) -> ProjectOutcome:
    is_held = known.status == "changed" and known.etag is not None and known.etag == task.etag
    if not is_held:
        return known
    return msgspec.structs.replace(known, status="unchanged", document=None)


def _read(place: Path, kind: type[_Answer]) -> _Answer | None:
    try:
        return msgspec.msgpack.decode(read_plain_file(place), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        _log.debug("%s: not used: %s", place, error)
        return None


def _write(place: Path, answer: Struct) -> None:
    temporary = place.with_name(f".{secrets.token_hex(8)}")
    try:
        temporary.write_bytes(msgspec.msgpack.encode(answer))
        temporary.replace(place)
    except OSError as error:
        _log.debug("%s: not written: %s", place, error)
