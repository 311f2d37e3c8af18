"""Blocks of settings that describe a target environment.

An environment is a value made from a *block*: the eleven markers of PEP 508 and a few properties of
the platform. Nothing is filled in from the machine that microrepo runs on, because a marker of the
wrong machine would silently select the wrong files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

from packaging import tags as packaging_tags
from packaging.version import InvalidVersion, Version

from microrepo.errors import ConfigError
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.platform_tags import (
    Release,
    linux_tags,
    macos_tags,
    mobile_tags,
    normalize_platform,
)

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


def block_of(value: object, path: str, what: str = "a preset or a table") -> Block:
    """Return a config value that must be a table.

    Args:
        what: what it can be, for the message.

    Raises:
        ConfigError: it is not.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{path}: must be {what}, not {value!r}")
    return cast("Block", value)
