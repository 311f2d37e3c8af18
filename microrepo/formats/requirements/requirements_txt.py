"""Requirements files, as pip's documentation describes them, read without pip.

Files are read only through a callable, so they can come from anywhere. Lines that a repository
cannot provide (editable installs, paths, version control) are refused with their position, and so
are unsupported options that change the result; options about where to install from are skipped with
a note.
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import msgspec

from microrepo.errors import ConfigError
from microrepo.formats.requirements.pyproject import parse_pyproject
from microrepo.formats.requirements.requirement import (
    Requirement,
    parse_hash,
    read_requirement,
    refuse_locations,
)
from microrepo.formats.requirements.requirement_set import Reader, RequirementSet

_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_INCLUDE = re.compile(r"(?:-(?P<short>[rc])\s*=?|--(?P<long>requirement|constraint)(?:\s+|=))(.+)")
_EDITABLE = re.compile(r"(?:-e\s*=?|--editable(?:\s+|=))")
_OPTION = re.compile(r"\s(--[a-z-]+)(?:\s+|=)(\S+)")
_OWN_PROJECT = re.compile(r"\.?/?(?:\[([^\]]*)\])?")
_MAX_DEPTH = 50
# Where to install from, and how: not which files.
_PASSED_OVER = frozenset(
    {"-i", "--index-url", "--no-index"}
    | {"--trusted-host", "--use-feature", "--config-settings", "--global-option"}
    | {"--install-option", "-C", "--pypi-url"}
)
_WITHOUT_VALUE = frozenset({"--pre", "--prefer-binary", "--require-hashes", "--no-index"})
_MORE_SOURCES = frozenset({"--extra-index-url", "-f", "--find-links"})
_EXPORTED_BY_UV = re.compile(r"\A(?:#[^\n]*\n)*?#[^\n]*\buv (?:export|pip compile)\b")


def parse_requirements_txt(
    name: str, read: Reader, variables: Mapping[str, str] | None = None
) -> RequirementSet:
    """Return the requirements of a file and its includes.

    Args:
        name: path of the file; included paths are relative to the including file.
        read: returns the bytes of a path, or raises an error that passes through.
        variables: the environment, for ``${NAME}``.

    Raises:
        ConfigError: a line is invalid or needs something that no repository has; the text begins
            with ``file:line``.
    """
    reading = _Reading(read, variables or {})
    reading.file(name, constraint=False, depth=0)
    reading.check_hashes(name)
    return msgspec.structs.replace(
        reading.options,
        requirements=tuple(reading.requirements.values()),
        constraints=tuple(reading.constraints.values()),
        notes=tuple(reading.notes),
    )


def parse_constraints(
    name: str, read: Reader, variables: Mapping[str, str] | None = None
) -> RequirementSet:
    """Return a constraints file: `constraints`, and the options that go with them.

    Raises:
        ConfigError: as `parse_requirements_txt`.
    """
    reading = _Reading(read, variables or {})
    reading.file(name, constraint=True, depth=0)
    return msgspec.structs.replace(
        reading.options, constraints=tuple(reading.constraints.values()), notes=tuple(reading.notes)
    )


class _Reading:
    """The state of reading one file with its includes."""

    def __init__(self, read: Reader, variables: Mapping[str, str]) -> None:
        self.read = read
        self.variables = variables
        self.requirements: dict[Requirement, Requirement] = {}
        self.constraints: dict[Requirement, Requirement] = {}
        self.options = RequirementSet()
        self.notes: list[str] = []
        self._seen: set[tuple[str, bool]] = set()
        self._exported = False

    def check_hashes(self, name: str) -> None:
        """Raise ConfigError if the file requires digests and has none for a requirement."""
        hashed = {one.project for one in self.constraints.values() if one.hashes}
        for one in self.requirements.values() if self.options.requires_hashes else ():
            # One with a marker may not count where this is installed.
            if not (one.hashes or one.url or one.marker or one.project in hashed):
                raise ConfigError(f"{name}: --require-hashes: {one.project} has no --hash")

    def file(self, name: str, *, constraint: bool, depth: int) -> None:
        if (name, constraint) in self._seen:
            return
        if depth > _MAX_DEPTH:
            raise ConfigError(f"{name}: files include each other more than {_MAX_DEPTH} deep")
        self._seen.add((name, constraint))
        text = decode(self.read(name), name)
        self._exported = _EXPORTED_BY_UV.match(text) is not None
        for number, line in logical_lines(text):
            place = f"{name}:{number}"
            self._line(self._filled_in(line), place, name, constraint=constraint, depth=depth)

    def _filled_in(self, line: str) -> str:
        # As pip: a variable that is empty or not set stays as it is.
        return _VARIABLE.sub(lambda match: self.variables.get(match[1]) or match[0], line)

    def _line(self, line: str, place: str, name: str, *, constraint: bool, depth: int) -> None:
        include = _INCLUDE.fullmatch(line)
        editable = _EDITABLE.match(line)
        if include is not None:
            kind = include["short"] or include["long"][0]
            target = _relative(name, include[3].strip().strip("\"'"), place)
            self.file(target, constraint=constraint or kind == "c", depth=depth + 1)
        elif editable is not None:
            if not self._own_project(line[editable.end() :].strip(), place, name):
                raise ConfigError(
                    f"{place}: editable installs cannot come from a repository: {line}"
                )
        elif line.startswith("-"):
            self._options(line, place)
        elif not self._own_project(line, place, name):
            self._requirement(line, place, constraint=constraint)

    def _own_project(self, text: str, place: str, name: str) -> bool:
        """Read the requirements of the project in whose directory the file is.

        Files written by uv already contain them.
        """
        match = _OWN_PROJECT.fullmatch(text)
        if match is None or not text or text.startswith("/"):
            return False
        self.notes.append(f"{place}: {text} is the project itself, not mirrored")
        if not self._exported:
            path = _relative(name, "pyproject.toml", place)
            extras = [extra.strip() for extra in (match[1] or "").split(",") if extra.strip()]
            found = parse_pyproject(self.read(path), path, extras=extras)
            for requirement in found.requirements:
                _add(self.requirements, requirement)
            self.notes.extend(found.notes)
        return True

    def _options(self, line: str, place: str) -> None:
        """Read a line of options, of which pip takes several."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise ConfigError(f"{place}: {line}: {error}") from error
        while words:
            word = words.pop(0)
            option, equals, value = word.partition("=")
            if not word.startswith("-"):
                raise ConfigError(
                    f"{place}: {word}: pip ignores what follows an option; use a line of its own"
                )
            if word[1] != "-" and len(word) > 2:
                option, equals, value = word[:2], "=", word[2:]
            if not equals and words and option not in _WITHOUT_VALUE:
                value = words.pop(0)
            self._option(option, value.strip(), place)

    def _option(self, option: str, value: str, place: str) -> None:
        options = self.options
        if option in {"--only-binary", "--no-binary"}:
            formats = options.formats.with_option(value, binary=option == "--only-binary")
            self.options = msgspec.structs.replace(options, formats=formats)
        elif option == "--pre":
            self.options = msgspec.structs.replace(options, prereleases=True)
        elif option == "--prefer-binary":
            self.options = msgspec.structs.replace(options, prefer_binary=True)
        elif option == "--require-hashes":
            self.options = msgspec.structs.replace(options, requires_hashes=True)
        elif option in _MORE_SOURCES:
            raise ConfigError(
                f"{place}: {option} names one more source, so it may change the choice; "
                "delete the line, and name the source in `sources` of the config file"
            )
        elif option in _PASSED_OVER:
            self.notes.append(f"{place}: {option} is not used")
        else:
            raise ConfigError(f"{place}: {option} is not supported, and may change the choice")

    def _requirement(self, line: str, place: str, *, constraint: bool) -> None:
        found = _OPTION.search(line)
        text = (line[: found.start()] if found else line).strip()
        refuse_locations(text, place)
        try:
            requirement, note = read_requirement(text, place)
        except ValueError as error:
            unset = _VARIABLE.search(line)
            why = f"; the variable {unset[1]} is not set" if unset else ""
            raise ConfigError(f"{place}: {error}{why}") from error
        if note:
            raise ConfigError(f"{place}: {note}; installers refuse it")
        if constraint and requirement.extras:
            raise ConfigError(f"{place}: {text}: a constraint cannot have extras; pip refuses it")
        hashes: dict[str, None] = {}
        for option, value in _OPTION.findall(line):
            if option == "--hash":
                hashes[parse_hash(value, place)] = None
            else:
                self.notes.append(f"{place}: {option} is not used")
        into = self.constraints if constraint else self.requirements
        _add(into, msgspec.structs.replace(requirement, hashes=tuple(hashes)))


def _add(into: dict[Requirement, Requirement], requirement: Requirement) -> None:
    """Add a requirement unless it is present from another line."""
    into.setdefault(msgspec.structs.replace(requirement, origin=""), requirement)


def decode(body: bytes, name: str) -> str:
    """Decode a file as pip does: byte order mark, coding line, else UTF-8.

    Raises:
        ConfigError: it is not in the encoding it claims.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            body = body[len(mark) :] if encoding == "utf-8" else body
            break
    else:
        declared = (_CODING.match(line) for line in body.split(b"\n", 2)[:2])
        encoding = next((m.group(1).decode("ascii") for m in declared if m), "utf-8")
    try:
        return body.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise ConfigError(f"{name}: cannot be read as {encoding} ({error})") from error


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, text) with continuations joined and comments removed."""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        first = first if parts else number
        if raw.endswith("\\") and not raw.lstrip().startswith("#"):
            parts.append(raw[:-1])
            continue
        # A comment line ends a continuation, but takes no part in it.
        parts.append("" if raw.lstrip().startswith("#") else raw)
        line = _without_comment("".join(parts))
        parts = []
        if line:
            yield first, line
    line = _without_comment("".join(parts))
    if line:
        yield first, line


def _without_comment(line: str) -> str:
    comment = _COMMENT.search(line)
    return (line[: comment.start()] if comment else line).strip()


def _relative(including: str, target: str, place: str) -> str:
    if "://" in target:
        raise ConfigError(f"{place}: requirements files at URLs are not read: {target}")
    path = PurePosixPath(target)
    return _normal(path if path.is_absolute() else PurePosixPath(including).parent / path)


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] not in {"..", "/"}:
            parts.pop()
        else:
            parts.append(part)
    return str(PurePosixPath(*parts))
