"""Wants: what users asked for and the repository does not have.

Behind an air gap, the list travels out; outside it is a requirements file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from microrepo.clock import now
from microrepo.errors import ConfigError, RepositoryError
from microrepo.formats.access_log import parse_miss
from microrepo.formats.bounds import REQUIREMENTS
from microrepo.formats.specifiers import strict_requirement
from microrepo.formats.version_numbers import parse_version
from microrepo.operations.monitor.log_files import LogError, expand_logs, log_lines
from microrepo.operations.records.report import Failure
from microrepo.repositories.reading import open_for_reading
from microrepo.state import State
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock
from microrepo.stores.plain_files import read_plain_file

_FILE = "wants.json"
_MAX_WANTS = 100_000
_MAX_SHOWN = 200
_COMMENT = re.compile(r"(?:^|\s)#.*")


class WantOrigin(str, Enum):
    """Who asked."""

    PERSON = "person"
    CHECK = "check"
    LOG = "log"


class Want(Struct, frozen=True):
    """One requirement that the repository does not meet.

    Attributes:
        requirement: as written, or made from a request.
        count: how often it was asked for.
        last: day of the last time, ``YYYY-MM-DD``.
    """

    requirement: str
    origin: WantOrigin
    count: int
    last: str

    @property
    def comment(self) -> str:
        """Return who asked, for people."""
        times = "once" if self.count == 1 else f"{self.count:,} times"
        asked = {
            WantOrigin.PERSON: "added by hand",
            WantOrigin.CHECK: f"not met in a check, {times}",
            WantOrigin.LOG: f"requested by installers {times}",
        }
        return f"{asked[self.origin]}, last on {self.last}"


class WantList(Struct, frozen=True):
    """The wants of a repository.

    Attributes:
        wants: by requirement.
        failed: logs that could not be read to their end.
    """

    repository: str
    wants: tuple[Want, ...]
    failed: tuple[Failure, ...] = ()


def add_wants(repository: str, requirements: Sequence[str], origin: WantOrigin) -> list[Want]:
    """Record requirements; return what is recorded about them.

    Raises:
        ConfigError: a requirement is malformed.
        Locked: another run holds the repository's lock.
        RepositoryError: the directory cannot be written.
    """
    texts = [_checked(text) for text in requirements]
    today = now()[:10]

    def added(wants: dict[str, Want]) -> dict[str, Want]:
        for text in texts:
            earlier = wants.get(text)
            count = earlier.count + 1 if earlier else 1
            kept = WantOrigin.PERSON if _is_by_hand(earlier) else origin
            wants[text] = Want(text, kept, count, today)
        return wants

    changed = _change(repository, added)
    return [changed[text] for text in texts]


def _is_by_hand(want: Want | None) -> bool:
    return want is not None and want.origin is WantOrigin.PERSON


def record_check(repository: str, met: Sequence[str], unmet: Sequence[str]) -> None:
    """Record the goals that a check did not meet, and remove those that it met.

    Raises:
        Locked, RepositoryError: as for `add_wants`.
    """
    if unmet:
        add_wants(repository, unmet, WantOrigin.CHECK)
    recorded = {want.requirement for want in _recorded(FlatDirectory(Path(repository)))}
    settled = recorded.intersection(map(_checked, met)) - set(map(_checked, unmet))
    if settled:
        remove_wants(repository, sorted(settled))


def remove_wants(repository: str, requirements: Sequence[str]) -> list[str]:
    """Remove requirements; return those that were not recorded.

    Args:
        requirements: as recorded, or names of projects for all their requirements.

    Raises:
        ConfigError, Locked, RepositoryError: as for `add_wants`.
    """
    texts = [_checked(text) for text in requirements]
    unknown: list[str] = []

    def removed(wants: dict[str, Want]) -> dict[str, Want]:
        for text in texts:
            gone = [one for one in wants if one == text or _project_of(one) == text]
            unknown.extend([] if gone else [text])
            for one in gone:
                del wants[one]
        return wants

    _change(repository, removed)
    return unknown


def _checked(text: str) -> str:
    try:
        requirement = strict_requirement(text)
    except InvalidRequirement as error:
        shown = f"{text[:_MAX_SHOWN]}..." if len(text) > _MAX_SHOWN else text
        why = str(error).partition("\n")[0]
        raise ConfigError(f"{shown!r} is not a requirement: {why}") from None
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def _project_of(text: str) -> str:
    return strict_requirement(text).name


def _change(repository: str, edit: Callable[[dict[str, Want]], dict[str, Want]]) -> dict[str, Want]:
    directory = FlatDirectory(Path(repository))
    if not directory.exists():
        raise RepositoryError(directory.path, "directory not found; name a repository")
    directory.prepare()
    with held_lock(directory):
        wants = edit({want.requirement: want for want in _recorded(directory)})
        if len(wants) > _MAX_WANTS:
            raise ConfigError(f"{directory.path}: more than {_MAX_WANTS:,} wants")
        content = msgspec.json.format(msgspec.json.encode(list(wants.values())), indent=1)
        path = directory.control / _FILE
        try:
            write_atomically(path, content + b"\n", public_mode(), follow=False)
        except OSError as error:
            raise RepositoryError(path, f"cannot be written: {disk_words(error)}") from error
    return wants


def _recorded(directory: FlatDirectory) -> list[Want]:
    path = directory.control / _FILE
    try:
        wants = msgspec.json.decode(read_plain_file(path), type=list[Want])
        for want in wants:
            strict_requirement(want.requirement)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError, InvalidRequirement) as error:
        raise RepositoryError(
            path, f"cannot be read ({str(error)[:_MAX_SHOWN]}); delete the file to begin a new list"
        ) from error
    return wants


def list_wants(repository: str, logs: Sequence[str] = ()) -> WantList:
    """Return what was asked for and is still missing.

    Args:
        logs: access logs of the repository's server, see `stats --downloads`.

    Raises:
        ConfigError: a log does not exist.
        RepositoryError: the repository cannot be read.
    """
    directory = FlatDirectory(Path(repository))
    wants = {want.requirement: want for want in _recorded(directory)}
    failed = []
    for path in expand_logs(logs):
        try:
            _add_misses(wants, log_lines(path))
        except LogError as error:
            failed.append(Failure(path, str(error)))
    with open_for_reading(repository) as state:
        missing = [want for want in wants.values() if _is_missing(state, want)]
    by_name = tuple(sorted(missing, key=lambda want: want.requirement))
    return WantList(str(directory.path), by_name, tuple(failed))


def _add_misses(wants: dict[str, Want], lines: Iterable[str | None]) -> None:
    for line in lines:
        try:
            miss = parse_miss(line) if line else None
        except ValueError:
            continue
        if miss is None or (miss.version and parse_version(miss.version) is None):
            continue
        text = f"{miss.project}=={miss.version}" if miss.version else miss.project
        earlier = wants.get(text)
        if earlier is None and len(wants) >= _MAX_WANTS:
            continue
        count, last = (earlier.count, earlier.last) if earlier else (0, "")
        origin = earlier.origin if earlier else WantOrigin.LOG
        wants[text] = Want(text, origin, count + 1, max(last, miss.day))


def _is_missing(state: State, want: Want) -> bool:
    """Return whether no present file can meet a want; a check may still find more missing."""
    if want.origin is WantOrigin.CHECK:
        return True
    requirement = strict_requirement(want.requirement)
    return not any(
        row.present and requirement.specifier.contains(version, prereleases=True)
        for row in state.files([requirement.name])
        if (version := parse_version(row.version)) is not None
    )


def wants_text(found: WantList) -> str:
    """Return the wants as a requirements file."""
    head = (
        f"# Wanted by {found.repository}, {now()[:10]}. With a connection, run\n"
        "# `microrepo add --from-wants FILE` or `microrepo refresh -r FILE`.\n"
    )
    width = max((len(want.requirement) for want in found.wants), default=0)
    return head + "".join(
        f"{want.requirement:<{width}}  # {want.comment}\n" for want in found.wants
    )


def read_wants(path: Path) -> list[str]:
    """Return the requirements of a file of wants.

    Raises:
        ConfigError: the file cannot be read, or has other lines than requirements.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(REQUIREMENTS.size_bytes + 1)
        lines = content.decode("utf-8").splitlines()
        if len(content) > REQUIREMENTS.size_bytes:
            raise ConfigError(f"{path}: too large for a file of wants")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    texts = dict.fromkeys(text for line in lines if (text := _COMMENT.sub("", line).strip()))
    if not texts:
        raise ConfigError(f"{path}: contains no requirement")
    if len(texts) > _MAX_WANTS:
        raise ConfigError(f"{path}: more than {_MAX_WANTS:,} requirements")
    return [_checked(text) for text in texts]
