"""What the settings of another program become here: values, and notes on what has no equivalent."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from microrepo.config.schema import KEYS
from microrepo.errors import ConfigError

Sections = dict[str, dict[str, str]]


class Note(Struct, frozen=True):
    """One thing that a person has to know of a translation.

    Attributes:
        about: the option or section of the other program.
        text: what became of it, or why nothing did.
    """

    about: str
    text: str


class Translation(Struct, frozen=True):
    """Settings of ours, as JSON values by key, and notes in the order of the file."""

    values: dict[str, object]
    notes: tuple[Note, ...]


class Surroundings(Struct, frozen=True):
    """What a translation has to know of the world.

    Attributes:
        is_pypi: tells whether a URL is PyPI's own.
        expand: returns the files that a name, possibly with wildcards, stands for in a directory.
        read_names: returns the requirement strings of a requirements file; None if unreadable.
    """

    is_pypi: Callable[[str], bool]
    expand: Callable[[str, str], Sequence[str]]
    read_names: Callable[[str], Sequence[str] | None]


class Translating:
    """Collects values and notes while a file is gone through."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._notes: list[Note] = []

    def put(self, key: str, value: object, about: str) -> None:
        """Set a key; a version that does not know it says so instead."""
        if key in KEYS:
            self._values[key] = value
        else:
            self.note(about, f"would be `{key}`, which this version does not have")

    def extend(self, key: str, values: list[str], about: str) -> None:
        """Add to the list under a key, leaving out what is in it."""
        before = self._values.get(key, [])
        assert isinstance(before, list)  # noqa: S101 - lists are only ever extended
        self.put(key, [*before, *(v for v in dict.fromkeys(values) if v not in before)], about)

    def get(self, key: str) -> object:
        """Return what a key has been set to, None for nothing."""
        return self._values.get(key)

    def note(self, about: str, text: str) -> None:
        """Tell something."""
        note = Note(about, text)
        if note not in self._notes:
            self._notes.append(note)

    def done(self) -> Translation:
        """Return the result, in the order of our own settings."""
        values = {key: self._values[key] for key in KEYS if key in self._values}
        return Translation(values, tuple(self._notes))


def read_ini(text: str, name: str, parser: configparser.RawConfigParser) -> None:
    """Read an INI file into a parser.

    Raises:
        ConfigError: it is none; the text names file and line.
    """
    try:
        parser.read_string(text, name)
    except configparser.Error as error:
        words = " ".join(str(error).split())
        raise ConfigError(f"{name}: is no file of that kind: {words}") from error


def lines_of(text: str | None) -> list[str]:
    """Return the entries of a multi-line value, without comments and empty lines."""
    found = (line.partition("#")[0].strip() for line in (text or "").splitlines())
    return [line for line in found if line]


def truth(text: str | None) -> bool | None:
    """Return what a word of an INI file means, None when it is neither yes nor no."""
    states: Mapping[str, bool] = configparser.RawConfigParser.BOOLEAN_STATES
    return states.get((text or "").strip().lower())
