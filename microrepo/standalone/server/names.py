"""File names: project, version and tags of a distribution, read leniently or as installers do."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from microrepo.standalone.server.versions import is_version

# Ending of the file that maps the variant labels of a release to properties (PEP 825). Its content
# changes when a wheel is added.
VARIANTS_SUFFIX = "-variants.json"
# PyPI's name of the package type for each ending of a distribution, in lower case.
SUFFIX_TYPES = {
    ".whl": "bdist_wheel",
    # Wheels of later major versions of the format (PEP 777), which current installers do not read.
    ".whlx": "bdist_wheel",
    ".tar.gz": "sdist",
    ".zip": "sdist",
    ".tar.bz2": "sdist",
    ".tgz": "sdist",
    ".tar.xz": "sdist",
    ".tar.z": "sdist",
    ".tar": "sdist",
    ".tbz": "sdist",
    ".egg": "bdist_egg",
    ".exe": "bdist_wininst",
    ".msi": "bdist_msi",
    ".rpm": "bdist_rpm",
    ".deb": "bdist_dumb",
    ".dmg": "bdist_dmg",
    VARIANTS_SUFFIX: "variants",
}
# Sidecar files that are served beside a distribution.
SIDECAR_SUFFIXES = (".metadata", ".asc", ".provenance")
# Ending of the provenance object of a file (PEP 740).
PROVENANCE_SUFFIX = ".provenance"
_SUFFIXES = tuple(SUFFIX_TYPES)
# `packaging` knows the first two; pip and uv take the others from index pages, too.
INSTALLABLE_SDISTS = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")
_WHEEL_SUFFIXES = (".whl", ".whlx")
_BUILD_STARTS = frozenset(("", *"0123456789"))

_SEPARATORS = re.compile(r"[-_.]+")


_PROJECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)


# The label of a variant wheel (PEP 825), which is 16 characters at most.
_VARIANT_LABEL = re.compile(r"[0-9a-z_.]{1,16}")
_PYTHON_TAGS = re.compile(r"(?:py|cp|pp|ip|jy)[0-9]", re.IGNORECASE)
_DOTTED = re.compile(r"v?\d+(?:\.\d+)+", re.ASCII)
_INSTALLER_TARGET = re.compile(
    r"[.-](?P<platform>win32|win-\w+|linux-\w+|macosx-[\d.]+-\w+)(?:-py(?P<python>\d[\d.]*))?$",
    re.ASCII,
)


class FileName(NamedTuple):
    """Facts in the file name of a distribution.

    ``project`` is spelled as in the name; ``kind`` is ``wheel``, ``sdist``, ``egg``, ``installer``
    or ``variants``; the tags are empty for an sdist. ``variant`` is the label of a variant wheel
    (PEP 825), empty for any other file.
    """

    project: str
    version: str
    kind: str
    pythons: tuple[str, ...] = ()
    abis: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    build: str = ""
    variant: str = ""

    @property
    def name(self) -> str:
        """The normalized project name."""
        return normalize_name(self.project)


def normalize_name(name: str) -> str:
    """Return the normalized spelling of a project name (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def is_project_name(name: str) -> bool:
    """Return whether `name` is a valid project name (PEP 508)."""
    return len(name) <= 255 and _PROJECT_NAME.fullmatch(name) is not None


def split_suffix(filename: str) -> tuple[str, str]:
    """Return the stem and the suffix of a distribution's name; no suffix for other files.

    Case is ignored, and the suffix is returned in lower case.
    """
    lowered = filename.lower()
    if lowered.endswith(_SUFFIXES):
        for suffix in _SUFFIXES:
            if lowered.endswith(suffix):
                return filename[: -len(suffix)], suffix
    return filename, ""


def is_mutable(filename: str) -> bool:
    """Return whether the content of a file may change under its name."""
    return filename.lower().endswith(VARIANTS_SUFFIX)


def is_servable(filename: str) -> bool:
    """Return whether a file in the flat directory is a distribution or its sidecar, by its name."""
    if filename[:1] == "." or not filename.isprintable():
        return False
    lowered = filename.lower()
    for sidecar in SIDECAR_SUFFIXES:
        if lowered.endswith(sidecar):
            return lowered[: -len(sidecar)].endswith(_SUFFIXES)
    return lowered.endswith(_SUFFIXES)


def parse_wheel(filename: str) -> FileName | None:
    """Return the parts of a wheel's name, read as `parse_filename` does; None for another file."""
    stem, dot, suffix = filename.rpartition(".")
    return _parse_wheel(stem) if (dot + suffix).lower() in _WHEEL_SUFFIXES else None


def parse_filename(filename: str, project: str = "") -> FileName | None:
    """Return project, version and tags of a distribution, or None for any other name.

    Lenient: reads legacy formats, versions and spellings that installers refuse, since a mirror
    may hold them. The dash between name and version of an sdist is ambiguous (``a-1-2.tar.gz``).
    With `project`, a normalized name, the version follows that name. Without it, the version
    follows the last dash that leaves a valid version, as `packaging` reads it, or starts one part
    earlier when that part is a dotted number, as in ``a-1.0-2.tar.gz``.
    """
    stem, suffix = split_suffix(filename)
    if suffix in _WHEEL_SUFFIXES:
        return _parse_wheel(stem)
    if suffix == ".egg":
        return _parse_egg(stem)
    if not suffix:
        return None
    if suffix == VARIANTS_SUFFIX:
        return _parse_variants(stem)
    if SUFFIX_TYPES[suffix] == "sdist":
        return _parse_sdist(stem, project)
    return _parse_installer(stem, project)


def parse_installable(filename: str) -> FileName | None:
    """Return project, version and tags of a wheel or sdist that all installers accept, else None.

    Reads names as `packaging` does: the version of an sdist follows the last dash, and wheels with
    a variant label are refused.
    """
    if filename.endswith(".whl"):
        found = _parse_wheel(filename[:-4])
        return found if found is not None and is_installable(found, filename) else None
    for suffix in INSTALLABLE_SDISTS:
        if filename.endswith(suffix):
            project, _, version = filename[: -len(suffix)].rpartition("-")
            valid = is_project_name(project) and is_version(version)
            return FileName(project, version, "sdist") if valid else None
    return None


def is_installable(wheel: FileName, filename: str) -> bool:
    """Return whether all installers accept the name of a wheel, whose parts are `wheel`."""
    return (
        not wheel.variant
        and "__" not in wheel.project
        and is_version(filename.split("-", 2)[1])
        and wheel.build[:1] in _BUILD_STARTS
        and _are_valid(wheel.pythons, wheel.abis, wheel.platforms)
    )


@lru_cache(maxsize=4096)
def _are_valid(pythons: tuple[str, ...], abis: tuple[str, ...], platforms: tuple[str, ...]) -> bool:
    return all((*abis, *platforms)) and all(map(str.isidentifier, pythons))


@lru_cache(maxsize=4096)
def _split_tag(tag: str) -> tuple[str, ...]:
    """Return the parts of a compressed tag (``py2.py3``); wheels share few of them."""
    return tuple(tag.lower().split("."))


def _parse_wheel(stem: str) -> FileName | None:
    parts = stem.split("-")
    if not 5 <= len(parts) <= 7 or not all(parts) or not is_project_name(parts[0]):
        return None
    variant = parts.pop() if _has_variant(parts) else ""
    if len(parts) > 6 or (variant and not _VARIANT_LABEL.fullmatch(variant)):
        return None
    version = parts[1].replace("_", "-")
    build = parts[2] if len(parts) == 6 else ""
    # Six parts are also those of a project name with a dash: `my-project-1.0-py3-none-any`.
    if (build or variant) and not version[0].isdigit() and not is_version(version):
        return None
    tags = _split_tag(parts[-3]), _split_tag(parts[-2]), _split_tag(parts[-1])
    return FileName(parts[0], version, "wheel", *tags, build, variant)


def _has_variant(parts: list[str]) -> bool:
    """Return whether the last part of a wheel's name is a variant label.

    PEP 825: a build tag starts with a digit, a Python tag does not. Old wheels have other build tags;
    they are known by the Python tag that follows.
    """
    if len(parts) != 6:
        return len(parts) == 7 and parts[2][0].isdigit() and not parts[3][0].isdigit()
    if parts[2][0].isdigit():
        return False
    return _PYTHON_TAGS.match(parts[2]) is not None or _PYTHON_TAGS.match(parts[3]) is None


def _parse_variants(stem: str) -> FileName | None:
    project, _, version = stem.partition("-")
    if not version or "-" in version or not is_project_name(project):
        return None
    return FileName(project, version.replace("_", "-"), "variants")


def _parse_egg(stem: str) -> FileName | None:
    parts = stem.split("-", 3)
    if len(parts) < 2 or not all(parts) or not is_project_name(parts[0]):
        return None
    pythons = tuple(parts[2:3])
    return FileName(parts[0], parts[1].replace("_", "-"), "egg", pythons, (), tuple(parts[3:]))


def _parse_sdist(stem: str, project: str) -> FileName | None:
    parts = stem.split("-")
    cut = _version_start(parts, project) if len(parts) > 1 else 0
    name, version = "-".join(parts[:cut]), "-".join(parts[cut:])
    if not version or not is_project_name(name):
        return None
    return FileName(name, version, "sdist")


def _parse_installer(stem: str, project: str) -> FileName | None:
    # A wininst installer names its machine and Python behind the version.
    match = _INSTALLER_TARGET.search(stem)
    found = _parse_sdist(stem[: match.start()] if match else stem, project)
    if found is None:
        return None
    python = match and match["python"]
    return found._replace(
        kind="installer",
        pythons=("py" + python,) if python else (),
        platforms=(match["platform"].replace("-", "_"),) if match else (),
    )


def _version_start(parts: list[str], project: str) -> int:
    last = len(parts)
    if project:
        cuts = range(1, last)
        return next((cut for cut in cuts if normalize_name("-".join(parts[:cut])) == project), 0)
    for cut in range(last - 1, 0, -1):
        if not is_version("-".join(parts[cut:])):
            continue
        wider = cut - 1
        if wider and _DOTTED.fullmatch(parts[wider]) and is_version("-".join(parts[wider:])):
            return wider
        return cut
    numbered = (cut for cut in range(1, last) if parts[cut][:1].isdigit())
    return next(numbered, last - 1)
