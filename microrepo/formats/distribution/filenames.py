"""What a file name says: safety, extension, package type, version and wheel tags.

The binary distribution format (wheel) and the source distribution format specifications of PyPUG
decide; historic formats are recognised by their endings alone.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct
from packaging.version import InvalidVersion, Version

SUFFIXES = (
    (".whl", "bdist_wheel"),
    (".tar.gz", "sdist"),
    (".zip", "sdist"),
    (".tar.bz2", "sdist"),
    (".tgz", "sdist"),
    (".tar.xz", "sdist"),
    (".tar.Z", "sdist"),
    (".tar", "sdist"),
    (".egg", "bdist_egg"),
    (".exe", "bdist_wininst"),
    (".msi", "bdist_msi"),
    (".rpm", "bdist_rpm"),
    (".deb", "bdist_dumb"),
    (".dmg", "bdist_dmg"),
)
PACKAGE_TYPES = frozenset(
    {
        "sdist",
        "bdist_wheel",
        "bdist_egg",
        "bdist_wininst",
        "bdist_msi",
        "bdist_rpm",
        "bdist_dumb",
        "bdist_dmg",
    }
)
KNOWN_EXTENSIONS = frozenset(
    {"whl", "gz", "zip", "bz2", "tgz", "xz", "Z", "egg", "exe", "msi", "rpm", "deb", "dmg", "tar"}
    | {suffix[1:] for suffix, _ in SUFFIXES}
)
# Newer pip looks only at these in a flat directory (seen with pip 26).
FLAT_DIRECTORY_SUFFIXES = (".whl", ".tar.gz", ".zip")

_BEFORE_VERSION = re.compile(r"-(?=v?\d)")
_MAX_NAME_BYTES = 200  # leaves room for ".metadata" and temporary suffixes within NAME_MAX
_RESERVED_STEMS = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"com{digit}" for digit in range(1, 10)}
    | {f"lpt{digit}" for digit in range(1, 10)}
)
_RESERVED_NAMES = frozenset({"simple", "pypi", "server.py", "index.html"})
_FORBIDDEN = frozenset('/\\:*?"<>|')
# What nearly all names look like, and nothing refused does: reserved stems have no hyphen.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9]\w*-[\w.+!-]{1,150}\.(?:whl|tar\.gz|zip)", re.ASCII).fullmatch


class WheelName(Struct, frozen=True, gc=False):
    """The parts of a wheel's name; tag sets are compressed, split at the dots."""

    project: str
    version: str
    python_tags: tuple[str, ...]
    abi_tags: tuple[str, ...]
    platform_tags: tuple[str, ...]


def unsafe_filename(filename: str) -> str | None:
    """Say why `filename` may not be used as a name in the flat directory; None when it may.

    Refused are path separators, hidden and control-character names, names that other systems
    reserve, names longer than 200 bytes, and names that microrepo keeps for itself or that pip
    would read as a page of links.
    """
    if len(filename) <= _MAX_NAME_BYTES and _PLAIN_NAME(filename):
        return None
    if not filename or filename.startswith("."):
        return "empty or hidden"
    if not filename.isprintable() or not _FORBIDDEN.isdisjoint(filename):
        return "separator, control or reserved character"
    if filename[-1] in ". " or filename[0] == " ":
        return "space or dot at an end"
    # What is printable has no half characters, so it can be encoded.
    if len(filename.encode()) > _MAX_NAME_BYTES:
        return f"longer than {_MAX_NAME_BYTES} bytes"
    lower = filename.lower()
    if lower.partition(".")[0] in _RESERVED_STEMS or lower in _RESERVED_NAMES:
        return "reserved name"
    if lower.endswith((".html", ".htm", ".metadata", ".part")):
        return "reserved ending"
    return None


def package_type_of(filename: str) -> str | None:
    """Return PyPI's name of the package type that the ending tells, None for an unknown one."""
    for suffix, package_type in SUFFIXES:
        if filename.endswith(suffix):
            return package_type
    return None


def stem_of(filename: str) -> str:
    """Return `filename` without its (known) ending."""
    for suffix, _ in SUFFIXES:
        if filename.endswith(suffix):
            return filename[: -len(suffix)]
    return filename


def extension_of(filename: str) -> str:
    """Return what stands behind the last dot, as the `extensions` setting counts it."""
    return filename.rpartition(".")[2]


@lru_cache(maxsize=65536)
def parse_wheel_name(filename: str) -> WheelName | None:
    """Split a wheel's name (PyPUG binary distribution format); None when it is no wheel name."""
    if not filename.endswith(".whl"):
        return None
    parts = filename[:-4].split("-")
    if len(parts) not in {5, 6} or not all(parts):
        return None
    python, abi, platform = parts[-3:]
    return WheelName(
        project=parts[0],
        version=parts[1],
        python_tags=tuple(python.lower().split(".")),
        abi_tags=tuple(abi.lower().split(".")),
        platform_tags=tuple(platform.lower().split(".")),
    )


def egg_python(filename: str) -> str | None:
    """Return the Python of an egg's name (``foo-1.0-py3.9.egg`` -> ``3.9``), None without one."""
    if not filename.endswith(".egg"):
        return None
    for part in filename[:-4].split("-"):
        if part.startswith("py") and part[2:3].isdigit():
            return part[2:]
    return None


def guess_release(filename: str, project: str) -> str | None:
    """Return the version that the name of a file of `project` holds, None when it tells none.

    Needed where an index gives no version (PEP 503 pages): the project's name is known there, so
    the ambiguous dash between name and version of an sdist is not.
    """
    wheel = parse_wheel_name(filename)
    if wheel is not None:
        return wheel.version.replace("_", "-") if "_" in wheel.version else wheel.version
    stem = stem_of(filename)
    for index, char in enumerate(stem):
        if char == "-" and _normalized(stem[:index]) == project:
            version = stem[index + 1 :]
            if filename.endswith(".egg"):
                version = version.partition("-")[0]
            return version or None
    return None


def split_release(filename: str) -> tuple[str, str] | None:
    """Split the name of a distribution into project (as written) and version.

    Where nobody says which project a file belongs to, as in a flat directory, the first dash
    counts behind which a version stands (PEP 440, else anything that begins with a digit).

    Returns:
        Project and version; None for a name that tells no release.
    """
    wheel = parse_wheel_name(filename)
    if wheel is not None:
        return wheel.project, wheel.version.replace("_", "-")
    stem = stem_of(filename)
    if stem == filename or filename.endswith(".whl"):
        return None
    if filename.endswith(".egg"):
        parts = stem.split("-")
        return (parts[0], parts[1]) if len(parts) > 1 and all(parts[:2]) else None
    places = [match.start() for match in _BEFORE_VERSION.finditer(stem) if match.start()]
    for place in places:
        if _is_version(stem[place + 1 :]):
            return stem[:place], stem[place + 1 :]
    place = places[0] if places else stem.rfind("-")
    return (stem[:place], stem[place + 1 :]) if place > 0 and stem[place + 1 :] else None


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _normalized(name: str) -> str:
    collapsed = name.lower().replace("_", "-").replace(".", "-")
    while "--" in collapsed:
        collapsed = collapsed.replace("--", "-")
    return collapsed
