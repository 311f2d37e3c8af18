"""Target environments: markers and tags of a Python on another machine.

An environment is a value made from a *block*: the eleven markers of PEP 508 and a few properties of
the platform. Nothing is filled in from the machine that microrepo runs on, because a marker of the
wrong machine would silently select the wrong files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import cast

from msgspec import Struct
from packaging import tags as packaging_tags
from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from microrepo.errors import ConfigError
from microrepo.formats.distribution.filenames import parse_candidate_name
from microrepo.formats.specifiers import parse_requires_python
from microrepo.model import File
from microrepo.selection.environments.platform_tags import (
    Release,
    linux_tags,
    macos_tags,
    mobile_tags,
    normalize_platform,
)
from microrepo.standalone.server.names import INSTALLABLE_SDISTS, FileName

MARKERS = (
    "implementation_name",
    "implementation_version",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_full_version",
    "python_version",
    "sys_platform",
)
_FACTS = ("debug", "ext_suffix", "free_threaded", "glibc", "macos", "musl", "platform")
_OPTIONAL_FACTS = ("debug", "ext_suffix", "glibc", "macos", "musl", "pointer_bits")
_KNOWN = frozenset((*MARKERS, *_FACTS, *_OPTIONAL_FACTS))
_SHORT_NAMES = {"cpython": "cp", "pypy": "pp", "ironpython": "ip", "jython": "jy", "python": "py"}
_RELEASE = re.compile(r"(\d+)\.(\d+)")

Block = Mapping[str, object]


class Environment(Struct, frozen=True, dict=True):
    """One target: markers for dependencies, tags for files.

    Attributes:
        name: name given by the user.
        markers: all eleven PEP 508 markers.
        tags: compatible wheel tags (``cp312-cp312-linux_x86_64``), best first.
    """

    name: str
    markers: dict[str, str]
    tags: tuple[str, ...]

    @property
    def python(self) -> str:
        """The full version of its Python."""
        return self.markers["python_full_version"]

    @cached_property
    def _ranks(self) -> dict[str, int]:
        ranks: dict[str, int] = {}
        for rank, tag in enumerate(self.tags):
            ranks.setdefault(tag, rank)
        return ranks

    @cached_property
    def interpreters(self) -> frozenset[tuple[str, str]]:
        """Python and ABI of its tags, without the platform."""
        pairs = (tag.split("-", 2)[:2] for tag in self.tags)
        return frozenset((python, abi) for python, abi in pairs)

    @cached_property
    def _pythons(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _applies(self) -> dict[tuple[str, str], bool]:
        return {}

    def applies(self, marker: str, extra: str = "") -> bool:
        """Return whether a marker is true here, for one extra; "" is always true."""
        if not marker:
            return True
        key = (marker, extra)
        known = self._applies.get(key)
        if known is None:
            known = self._applies[key] = self._evaluate(marker, extra)
        return known

    def _evaluate(self, marker: str, extra: str) -> bool:
        try:
            return _marker(marker).evaluate({**self.markers, "extra": extra})
        except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
            # An invalid marker must not drop a dependency.
            return True

    def rank(self, wheel: FileName) -> int | None:
        """Return how well a wheel's tags fit, 0 is best; None if they do not fit."""
        ranks = self._ranks
        found = [
            rank
            for python in wheel.pythons
            for abi in wheel.abis
            for platform in wheel.platforms
            if (rank := ranks.get(f"{python}-{abi}-{platform}")) is not None
        ]
        return min(found) if found else None

    def admits_interpreter(self, wheel: FileName) -> bool:
        """Return whether a wheel is for this Python on any platform."""
        return any(
            (python, abi) in self.interpreters for python in wheel.pythons for abi in wheel.abis
        )

    def admits_python(self, requires_python: str | None) -> bool:
        """Return whether a Requires-Python text allows this Python.

        An unreadable text allows every Python, as in pip.
        """
        if not requires_python:
            return True
        known = self._pythons.get(requires_python)
        if known is None:
            specifiers, _ = parse_requires_python(requires_python)
            known = (specifiers or SpecifierSet()).contains(self.python, prereleases=True)
            self._pythons[requires_python] = known
        return known

    def supports(self, file: File) -> int | None:
        """Return how well `file` fits, lower is better, sdists last; None if it does not fit.

        The listed Requires-Python and the file name decide: tags of wheels, formats of source
        distributions. Names that installers refuse do not fit.
        """
        if not self.admits_python(file.requires_python):
            return None
        name = parse_candidate_name(file.filename, file.version)
        if name is None or (name.kind == "sdist" and file.package_type != "sdist"):
            return None
        return self.rank(name) if name.kind == "wheel" else len(self.tags) + _sdist_order(file)


@lru_cache(maxsize=65536)
def _marker(text: str) -> Marker:
    return Marker(text)


def _sdist_order(file: File) -> int:
    return next(n for n, suffix in enumerate(INSTALLABLE_SDISTS) if file.filename.endswith(suffix))


def environment_from_block(name: str, block: Block) -> Environment:
    """Return an environment from a block of `microrepo env`, with computed tags.

    Raises:
        ConfigError: a key is missing, unknown or unreadable; the text has its path.
    """
    path = f"$.environments.{name}"
    for key in block:
        if key not in _KNOWN:
            raise ConfigError(f"{path}.{key}: not a marker or a property of a platform")
    markers = {key: _text(block, key, path) for key in MARKERS}
    try:
        version = Version(markers["python_full_version"])
    except InvalidVersion:
        full = markers["python_full_version"]
        raise ConfigError(f"{path}.python_full_version: {full!r} is not a version") from None
    if f"{version.major}.{version.minor}" != markers["python_version"]:
        raise ConfigError(
            f"{path}.python_version: {markers['python_version']!r} does not match Python "
            f"{markers['python_full_version']}"
        )
    platforms = _platforms(block, markers, path)
    return Environment(name, markers, _tags(block, markers, version, platforms, path))


def _text(block: Block, key: str, path: str) -> str:
    value = _required(block, key, path)
    if not isinstance(value, str):
        raise ConfigError(f"{path}.{key}: must be text, not {value!r}")
    return value


def _required(block: Block, key: str, path: str) -> object:
    if key not in block:
        raise ConfigError(
            f"{path}.{key}: missing; run `microrepo env` (or its script) on the target machine"
        )
    return block[key]


def _flag(block: Block, key: str, path: str) -> bool:
    value = block[key]
    if not isinstance(value, bool):
        raise ConfigError(f"{path}.{key}: must be true or false, not {value!r}")
    return value


def _release(block: Block, key: str, path: str) -> Release | None:
    value = block.get(key)
    if value is None or value == "":
        return None
    match = _RELEASE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ConfigError(f'{path}.{key}: must be a version such as "2.28", not {value!r}')
    return int(match.group(1)), int(match.group(2))


def _platforms(block: Block, markers: Mapping[str, str], path: str) -> tuple[str, ...]:
    platform = normalize_platform(_text(block, "platform", path))
    if platform.startswith("linux_"):
        glibc, musl = _release(block, "glibc", path), _release(block, "musl", path)
        if glibc is None and musl is None:
            raise ConfigError(f"{path}.glibc: missing; set it or `musl` to the C library's version")
        bits = 32 if block.get("pointer_bits") == 32 else 64
        return linux_tags(platform, glibc, musl, pointer_bits=bits)
    if platform.startswith("macosx_"):
        release = _release(block, "macos", path)
        if release is None:
            raise ConfigError(f"{path}.macos: missing; set it to the macOS version, such as 14.0")
        return macos_tags(release, markers["platform_machine"])
    return mobile_tags(platform) or (platform,)


def _tags(
    block: Block,
    markers: Mapping[str, str],
    version: Version,
    platforms: tuple[str, ...],
    path: str,
) -> tuple[str, ...]:
    python = version.major, version.minor
    short = _SHORT_NAMES.get(markers["implementation_name"], markers["implementation_name"])
    _required(block, "free_threaded", path)
    if short == "cp":
        abis = _cpython_abis(block, python, path)
        own = packaging_tags.cpython_tags(python, abis, platforms)
        generic: str | None = f"cp{version.major}{version.minor}"
    else:
        own = packaging_tags.generic_tags(
            f"{short}{version.major}{version.minor}", _abis(block, path), platforms
        )
        generic = "pp3" if short == "pp" else None

    common = packaging_tags.compatible_tags(python, generic, platforms)
    return tuple(dict.fromkeys(_texts(own, common)))


def _texts(*parts: Iterable[packaging_tags.Tag]) -> Iterable[str]:
    return (str(tag) for part in parts for tag in part)


def _cpython_abis(block: Block, python: Release, path: str) -> list[str]:
    debug = "d" if "debug" in block and _flag(block, "debug", path) else ""
    name = f"cp{python[0]}{python[1]}{'t' if _flag(block, 'free_threaded', path) else ''}"
    if python < (3, 8):
        return [f"{name}{debug}m"]
    return [f"{name}d", name] if debug else [name]


def _abis(block: Block, path: str) -> list[str]:
    suffix = _text(block, "ext_suffix", path)
    parts = suffix.split(".")
    if not suffix.startswith(".") or len(parts) < 3:
        raise ConfigError(
            f"{path}.ext_suffix: must look like .pypy310-pp73-x86_64-linux-gnu.so, not {suffix!r}"
        )
    words = parts[1].split("-")
    if words[0].startswith("pypy"):
        words = words[:2]
    elif words[0].startswith("graalpy"):
        words = words[:3]
    return [normalize_platform("-".join(words))]


def block_of(value: object, path: str) -> Block:
    """Return a config value that must be a table.

    Raises:
        ConfigError: it is not.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{path}: must be a preset or a table, not {value!r}")
    return cast("Block", value)
