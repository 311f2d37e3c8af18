"""Requirements files, as pip's documentation describes them, read without pip.

Nothing is read but through the callable that is passed in, so a file can come from anywhere. What
a repository cannot provide (editable installs, paths, version control) is refused with its place;
what only says where to install from is skipped with a note.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.formats.specifiers import parse_requirement

Reader = Callable[[str], bytes]

_COMMENT = re.compile(r"(^|\s+)#.*$")
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_INCLUDE = re.compile(r"(?:-(?P<short>[rc])\s*=?|--(?P<long>requirement|constraint)(?:\s+|=))(.+)")
_OPTION = re.compile(r"\s(--[a-z-]+)(?:\s+|=)(\S+)")
_LOCATION = re.compile(r"(?:[a-z][a-z0-9+.-]*:|\.{0,2}/|~/|[A-Za-z]:\\|\.{1,2}$)", re.IGNORECASE)
_ARCHIVE_ENDINGS = (".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")
_MAX_DEPTH = 50


class RequirementFile(Struct, frozen=True):
    """What a file asks for; its requirements must install together.

    Attributes:
        requirements: PEP 508 strings.
        constraints: PEP 508 strings that only limit versions.
        hashes: per normalised project name the digests (``sha256:…``) a file may have.
        notes: what was skipped, and where.
        requires_python: specifiers of the Pythons that the file is for; "" = any.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    hashes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()
    requires_python: str = ""


def parse_requirements_txt(name: str, read: Reader) -> RequirementFile:
    """Read a requirements file and all that it includes.

    Args:
        name: path of the file; included paths are relative to the including file.
        read: returns the bytes of a path, or raises what the caller wants to see.

    Raises:
        ConfigError: a line is wrong or asks for something that no repository holds; the text
            begins with ``file:line``.
    """
    reading = _Reading(read)
    reading.file(name, constraint=False, depth=0)
    return RequirementFile(
        requirements=tuple(reading.requirements),
        constraints=tuple(reading.constraints),
        hashes=tuple((project, tuple(found)) for project, found in reading.hashes.items()),
        notes=tuple(reading.notes),
    )


class _Reading:
    """The state of reading one file with its includes."""

    def __init__(self, read: Reader) -> None:
        self.read = read
        self.requirements: dict[str, None] = {}
        self.constraints: dict[str, None] = {}
        self.hashes: dict[str, dict[str, None]] = {}
        self.notes: list[str] = []
        self._seen: set[tuple[str, bool]] = set()

    def file(self, name: str, *, constraint: bool, depth: int) -> None:
        if (name, constraint) in self._seen:
            return
        if depth > _MAX_DEPTH:
            raise ConfigError(f"{name}: files include each other more than {_MAX_DEPTH} deep")
        self._seen.add((name, constraint))
        for number, line in logical_lines(decode(self.read(name), name)):
            self._line(line, f"{name}:{number}", name, constraint=constraint, depth=depth)

    def _line(self, line: str, place: str, name: str, *, constraint: bool, depth: int) -> None:
        include = _INCLUDE.fullmatch(line)
        if include is not None:
            kind = include["short"] or include["long"][0]
            target = _relative(name, include[3].strip().strip("\"'"), place)
            self.file(target, constraint=constraint or kind == "c", depth=depth + 1)
        elif line.startswith(("-e", "--editable")):
            raise ConfigError(f"{place}: editable installs cannot come from a repository: {line}")
        elif line.startswith("-"):
            self.notes.append(
                f"{place}: {line.split(maxsplit=1)[0].partition('=')[0]} is not used here"
            )
        else:
            self._requirement(line, place, constraint=constraint)

    def _requirement(self, line: str, place: str, *, constraint: bool) -> None:
        found = _OPTION.search(line)
        text = (line[: found.start()] if found else line).strip()
        _refuse_locations(text, place)
        try:
            requirement, note = parse_requirement(text)
        except ValueError as error:
            raise ConfigError(f"{place}: {error}") from error
        if note:
            self.notes.append(f"{place}: {note}")
        wanted = str(requirement) if note else text
        (self.constraints if constraint else self.requirements)[wanted] = None
        project = canonicalize_name(requirement.name)
        for option, value in _OPTION.findall(line):
            if option == "--hash":
                self.hashes.setdefault(project, {})[_digest(value, place)] = None
            else:
                self.notes.append(f"{place}: {option} is not used here")


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
        line = _COMMENT.sub("", " ".join(parts)).strip()
        parts = []
        if line:
            yield first, line
    line = _COMMENT.sub("", " ".join(parts)).strip()
    if line:
        yield first, line


def _relative(including: str, target: str, place: str) -> str:
    if "://" in target:
        raise ConfigError(f"{place}: files from the net are not read: {target}")
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


def _refuse_locations(text: str, place: str) -> None:
    if " @ " in text or re.match(r"[\w.\[\],-]+\s*@", text):
        return
    head = text.partition(";")[0].strip()
    if _LOCATION.match(head) or head.endswith(_ARCHIVE_ENDINGS):
        raise ConfigError(
            f"{place}: a path or URL without a project name cannot come from a repository: {head}"
        )


def _digest(value: str, place: str) -> str:
    algorithm, colon, digest = value.partition(":")
    if not colon or digest.lower().strip("0123456789abcdef") or not digest:
        raise ConfigError(f"{place}: --hash must look like sha256:…, not {value}")
    return f"{algorithm.lower()}:{digest.lower()}"


def merged(files: Iterable[RequirementFile]) -> RequirementFile:
    """Return several files as one."""
    found = list(files)
    hashes: dict[str, dict[str, None]] = {}
    for file in found:
        for project, digests in file.hashes:
            hashes.setdefault(project, {}).update(dict.fromkeys(digests))
    return RequirementFile(
        requirements=tuple(dict.fromkeys(text for file in found for text in file.requirements)),
        constraints=tuple(dict.fromkeys(text for file in found for text in file.constraints)),
        hashes=tuple((project, tuple(digests)) for project, digests in hashes.items()),
        notes=tuple(note for file in found for note in file.notes),
    )
