"""File names: safety, extension, package type, version and wheel tags.

`standalone.server.names` parses the names, as in the server.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from packaging.utils import NormalizedName, canonicalize_name

from microrepo.standalone.server.names import (
    SUFFIX_TYPES,
    VARIANTS_SUFFIX,
    FileName,
    is_installable,
    parse_filename,
    parse_installable,
    parse_wheel,
    split_suffix,
)
from microrepo.standalone.server.versions import version_key

_DISTRIBUTIONS = {name: kind for name, kind in SUFFIX_TYPES.items() if name != VARIANTS_SUFFIX}
PACKAGE_TYPES = frozenset(_DISTRIBUTIONS.values())
KNOWN_EXTENSIONS = frozenset(
    {"Z", "tar.Z", *(suffix[1:] for suffix in _DISTRIBUTIONS)}
    | {suffix.rpartition(".")[2] for suffix in _DISTRIBUTIONS}
)
# Newer pip reads only these in a flat directory (seen with pip 26).
FLAT_DIRECTORY_SUFFIXES = (".whl", ".tar.gz", ".zip")

_MAX_NAME_BYTES = 200  # leaves room for ".metadata" and temporary suffixes within NAME_MAX
_RESERVED_STEMS = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)}
)
# Names in a repository's tree other than files.
_RESERVED_NAMES = frozenset(
    {"simple", "pypi", "browse", "server.py", "index.html", "last-modified"}
)
_USUAL_TO_UV = re.compile(
    r"(?:[^\W_]|[_.](?![_.]))+(?:-[\w.+!]+){1,2}-[a-z0-9_.]+-[a-z0-9_.]+-[a-z0-9_.]+\.whl", re.ASCII
).fullmatch
_PLAIN_LINUX = re.compile(r"[-.]linux_")
_SEVERAL = re.compile(r"[_.]{2,}")
_BUILD = re.compile(r"(\d+)(.*)")
# Letters and marks without a shape of their own; others like them are not printable.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
).match
_WORDS = re.compile(r"[^\W\d_]+").findall
_FORBIDDEN = frozenset('/\\:*?"<>|')
# The form of nearly all names, which no refused name has: reserved names have no such ending.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9]\w*-[\w.+!-]{1,150}\.(?:whl|tar\.gz|zip)", re.ASCII).fullmatch


def unsafe_filename(filename: str) -> str | None:
    """Return why `filename` must not be used in the flat directory; None if it may.

    Refused are path separators, hidden names, control characters, names that other systems reserve,
    characters beyond ASCII that look or are stored like others, names longer than 200 bytes, and
    names that microrepo uses or that pip would read as a links page.
    """
    if len(filename) <= _MAX_NAME_BYTES and _PLAIN_NAME(filename):
        return None
    if not filename or filename.startswith("."):
        return "empty or hidden"
    if not filename.isprintable() or not _FORBIDDEN.isdisjoint(filename):
        return "separator, control or reserved character"
    if filename[-1] in ". " or filename[0] == " ":
        return "space or dot at an end"
    # Printable text has no surrogates, so it can be encoded.
    if len(filename.encode()) > _MAX_NAME_BYTES:
        return f"longer than {_MAX_NAME_BYTES} bytes"
    # Some systems map a superscript 1 to 1, and one spelling to another.
    folded = unicodedata.normalize("NFKC", filename)
    if folded != filename or (not filename.isascii() and _has_twins(filename)):
        return "characters that some systems confuse with others"
    lower = folded.lower()
    if lower.partition(".")[0].rstrip(" ") in _RESERVED_STEMS or lower in _RESERVED_NAMES:
        return "reserved name"
    if lower.endswith((".html", ".htm", ".metadata", ".provenance", ".part")):
        return "reserved ending"
    return None


def _has_twins(filename: str) -> bool:
    """Return whether a name has characters that are invisible, or may be taken for others.

    Windows maps slashes, dashes and digits of other scripts to those of ASCII for old programs.
    In a word of Latin letters, one of another script is there to deceive.
    """
    return any(
        _INVISIBLE(character) or unicodedata.category(character)[0] not in "LM"
        for character in filename
        if not character.isascii()
    ) or any(map(_is_mixed, _WORDS(filename)))


def _is_mixed(word: str) -> bool:
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return "LATIN" in scripts and len(scripts - {"COMBINING"}) > 1


def package_type_of(filename: str) -> str | None:
    """Return PyPI's package type for the suffix, None for an unknown one."""
    return SUFFIX_TYPES.get(split_suffix(filename)[1])


def extension_of(filename: str) -> str:
    """Return the text after the last dot, as in the `extensions` setting."""
    return filename.rpartition(".")[2]


@lru_cache(maxsize=65536)
def parse_wheel_name(filename: str) -> FileName | None:
    """Return the parts of a wheel's name, read leniently; None for another file."""
    return parse_wheel(filename)


def variant_label(filename: str) -> str:
    """Return the label of a variant wheel (PEP 825), "" for any other file."""
    wheel = parse_wheel_name(filename)
    return wheel.variant if wheel is not None else ""


def is_variants_index(filename: str) -> bool:
    """Return whether a file maps the variant labels of a release to properties (PEP 825)."""
    return filename.endswith(VARIANTS_SUFFIX)


def needs_later_installers(filename: str) -> bool:
    """Return whether no current installer reads a file: later wheels, variants, and their index."""
    return filename.endswith((".whlx", VARIANTS_SUFFIX)) or variant_label(filename) != ""


def build_order(filename: str) -> tuple[int, str]:
    """Return the sort key of a wheel's build tag, the preferred one last; that of no tag first."""
    wheel = parse_wheel_name(filename)
    match = _BUILD.match(wheel.build) if wheel is not None else None
    return (int(match[1]), match[2]) if match is not None else (-1, "")


def is_read_variously(filename: str) -> bool:
    """Return whether pip and uv take a wheel's name differently, or rank its tags differently."""
    return filename.endswith(".whl") and (
        uv_filename(filename) != filename or _PLAIN_LINUX.search(filename) is not None
    )


def uv_filename(filename: str) -> str:
    """Return the name of a wheel as uv reads it, in the words of `packaging`.

    uv takes names with several separators, no tags in capitals, and no spaces.
    """
    if _USUAL_TO_UV(filename):
        return filename
    parts = filename.removesuffix(".whl").split("-")
    tags = "-".join(parts[-3:])
    if tags != tags.lower() or " " in filename:
        return f"{filename}.unknown"
    return "-".join((_SEVERAL.sub("_", parts[0]), *parts[1:])) + ".whl"


def parse_candidate_name(filename: str, version: str) -> FileName | None:
    """Return the parts of a wheel's or sdist's name if installers read it as `version`.

    None for names that an installer refuses or reads as another version (``foo-1.0-1.tar.gz``).
    """
    found = _parse_installable(filename)
    if found is None or found.version == version:  # the usual case, and keys cost more than names
        return found
    return found if version_key(found.version) == version_key(version) else None


@lru_cache(maxsize=65536)
def _parse_installable(filename: str) -> FileName | None:
    if not filename.endswith(".whl"):
        return parse_installable(filename)
    wheel = parse_wheel_name(filename)
    return wheel if wheel is not None and is_installable(wheel, filename) else None


def egg_python(filename: str) -> str | None:
    """Return the Python of an egg's name (``foo-1.0-py3.9.egg`` -> ``3.9``), None without one."""
    found = parse_filename(filename) if filename.endswith(".egg") else None
    python = found.pythons[0] if found and found.pythons else ""
    return python[2:] if python.startswith("py") and python[2:3].isdigit() else None


def python_label(filename: str) -> str:
    """Return PyPI's `python_version` of a file: wheel tags, the Python of an egg, source or any."""
    wheel = parse_wheel_name(filename)
    if wheel is not None:
        return ".".join(wheel.pythons)
    return "source" if package_type_of(filename) == "sdist" else egg_python(filename) or "any"


def guess_release(filename: str, project: str) -> str | None:
    """Return the version in the name of a file of `project`, None without one.

    Needed if an index gives no version (PEP 503 pages).
    """
    found = parse_filename(filename, project)
    return found.version if found else None


def split_release(filename: str) -> tuple[str, str] | None:
    """Return project (as written) and version of a distribution's name, None for another file."""
    found = parse_filename(filename)
    return (found.project, found.version) if found else None


def project_of(filename: str) -> NormalizedName | None:
    """Return the project in a distribution's name, None for another file."""
    found = parse_filename(filename)
    return canonicalize_name(found.project) if found else None
