"""Records and readers of translations: values, and notes on what has no equivalent."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from microrepo.config.declared_options import KEYS
from microrepo.errors import ConfigError

Sections = dict[str, dict[str, str]]


class Note(Struct, frozen=True):
    """One thing to know about a translation.

    Attributes:
        about: the option or section of the other program.
        text: what it became, or why it was left out.
    """

    about: str
    text: str


class Translation(Struct, frozen=True):
    """Our settings, as JSON values by key, and notes in the order of the file."""

    values: dict[str, object]
    notes: tuple[Note, ...]


class Lookups(Struct, frozen=True):
    """Lookups to files and addresses that a translation needs.

    Attributes:
        is_pypi: returns whether a URL is PyPI's own.
        expand: returns the files that a name, possibly with wildcards, stands for in a directory.
        read_names: returns the requirement strings of a requirements file; None if unreadable.
    """

    is_pypi: Callable[[str], bool]
    expand: Callable[[str, str], Sequence[str]]
    read_names: Callable[[str], Sequence[str] | None]


class Translating:
    """Collector of values and notes while a file is read."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._notes: list[Note] = []

    def put(self, key: str, value: object, about: str) -> None:
        """Set a key; note it if this version does not have it."""
        if key in KEYS:
            self._values[key] = value
        else:
            self.note(about, f"would be `{key}`, which this version does not have")

    def extend(self, key: str, values: list[str], about: str) -> None:
        """Add to the list under a key, without duplicates."""
        before = self._values.get(key, [])
        assert isinstance(before, list)  # noqa: S101 - lists are only ever extended
        self.put(key, [*before, *(v for v in dict.fromkeys(values) if v not in before)], about)

    def get(self, key: str) -> object:
        """Return the value of a key, None if it is not set."""
        return self._values.get(key)

    def note(self, about: str, text: str) -> None:
        """Add a note, once."""
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
        ConfigError: it is not one; the text names file and line.
    """
    try:
        parser.read_string(text, name)
    except configparser.Error as error:
        words = " ".join(str(error).split())
        raise ConfigError(f"{name}: is not a file of that kind: {words}") from error


def values_of(
    to: Translating, parser: configparser.ConfigParser, section: str, program: str
) -> dict[str, str]:
    """Return the options of a section, inherited ones too, with their `%` references resolved.

    A value whose references lead nowhere is noted, and stays as it is written.

    Args:
        program: name of the other program, which refuses such a value.
    """
    found: dict[str, str] = {}
    for key in parser.options(section):
        try:
            value = parser.get(section, key)
        except configparser.InterpolationError:
            value = parser.get(section, key, raw=True)
            problem = f"the `%` in {value!r} refers to nothing, which {program} refuses"
            to.note(f"{section}.{key}", f"{problem}; taken as it is")
        found[key] = value or ""
    return found


def lines_of(text: str | None) -> list[str]:
    """Return the entries of a multi-line value, without comments and empty lines."""
    found = (line.partition("#")[0].strip() for line in (text or "").splitlines())
    return [line for line in found if line]


def truth(text: str | None) -> bool | None:
    """Return what a word of an INI file means, None if it is neither yes nor no."""
    states: Mapping[str, bool] = configparser.RawConfigParser.BOOLEAN_STATES
    return states.get((text or "").strip().lower())
