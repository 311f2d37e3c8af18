"""Platforms of files, from their names, and rules on platforms."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from functools import lru_cache

from microrepo.errors import ConfigError
from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.model import File
from microrepo.suggestions import nearest

FAMILIES = {
    "windows": ("win32", "win_*"),
    "macos": ("macosx_*",),
    "linux": ("linux_*", "manylinux*", "musllinux_*"),
    "freebsd": ("freebsd_*",),
}
# Usual names of platforms.
_MEANT = {
    **dict.fromkeys(("win", "win64", "windows64", "amd64", "x64"), "win_amd64"),
    **dict.fromkeys(("windows32", "x86"), "win32"),
    **dict.fromkeys(("mac", "osx", "darwin", "apple"), "macos"),
    **dict.fromkeys(("ubuntu", "debian", "fedora", "rhel", "centos", "gnu", "posix"), "linux"),
    "linux64": "manylinux*_x86_64",
    "alpine": "musllinux_*",
}
# Old formats with a platform in the name (`foo-1.0.win-amd64-py2.7.exe`, `foo-1.0-py2.7-win32.egg`,
# `foo-1.0.linux-x86_64.tar.gz`), or implied by the format.
_IN_NAME = re.compile(
    r"[-.](win32|win-[a-z0-9]+|macosx-\d+(?:\.\d+)?-\w+|(?:linux|freebsd)-[\w-]+)[-.]"
)
_OF_TYPE = {"bdist_wininst": "win32", "bdist_msi": "win32", "bdist_rpm": "linux_any",
            "bdist_dmg": "macosx_any"}  # fmt: skip


def parse_platforms(words: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of an `exclude_platforms` list, with families expanded."""
    found: set[str] = set()
    for word in words:
        text = word.strip().lower()
        found.update(FAMILIES.get(text, (text,)))
    return tuple(sorted(found))


def platform_tags(file: File) -> tuple[str, ...]:
    """Return the platform tags in a file's name; empty without any, as for sdists."""
    wheel = parse_wheel_name(file.filename)
    if wheel is not None:
        return wheel.platforms
    if file.package_type == "sdist":
        return ()
    match = _IN_NAME.search(file.filename.lower())
    if match is not None:
        return (match[1].replace("-", "_").replace(".", "_"),)
    tag = _OF_TYPE.get(file.package_type)
    return (tag,) if tag else ()


def check_platforms(words: Iterable[str], key: str) -> None:
    """Raise ConfigError for the first word that matches no platform tag.

    Raises:
        ConfigError: with a suggestion.
    """
    for pattern in parse_platforms(words):
        if not any(fnmatch.fnmatchcase(tag, pattern) for tag in _known_tags()):
            parts = re.split(r"[\s;]+", pattern)
            near = [one for part in parts if (one := nearest_platform(part))]
            hint = f"; did you mean {near[0]!r}?" if near else ""
            if len(parts) > 1 and near:
                hint = f"; write them as a list: {', '.join(near)}"
            raise ConfigError(f"$.{key}: {pattern!r} matches no platform tag{hint}")


def nearest_platform(word: str) -> str | None:
    """Return the pattern nearest to a word; the word itself if it is one, None without any."""
    tags = _known_tags()
    likely = (word, _MEANT.get(word, ""), f"{word}_*", f"*_{word}")
    for pattern in likely:
        if pattern in FAMILIES or any(fnmatch.fnmatchcase(tag, pattern) for tag in tags):
            return pattern
    return nearest(word, (*FAMILIES, *tags))


@lru_cache(maxsize=1)
def _known_tags() -> tuple[str, ...]:
    """Return known platform tags of wheels, and likely future ones."""
    linux = "x86_64 i686 aarch64 armv7l armv6l armv8l ppc64 ppc64le s390x riscv64 loongarch64 any"
    macos = "x86_64 arm64 universal2 universal intel fat fat32 fat64 i386 ppc ppc64 any"
    return (
        *("any", "win32", "win_amd64", "win_arm64", "win_arm32", "win_ia64"),
        *(f"linux_{one}" for one in linux.split()),
        *(f"manylinux{year}_{one}" for year in (1, 2010, 2014) for one in linux.split()),
        *(f"manylinux_2_{minor}_{one}" for minor in range(5, 60) for one in linux.split()),
        *(f"musllinux_1_{minor}_{one}" for minor in range(6) for one in linux.split()),
        *(f"macosx_10_{minor}_{one}" for minor in range(17) for one in macos.split()),
        *(f"macosx_{major}_{minor}_{one}" for major in range(11, 30) for minor in (0, 3, 5)
          for one in macos.split()),
        *(f"freebsd_{major}_{minor}_amd64" for major in range(9, 17) for minor in range(5)),
        *(f"freebsd_{major}_{minor}_release_amd64" for major in range(9, 17) for minor in range(5)),
        *(f"ios_{major}_0_{one}" for major in range(12, 30)
          for one in ("arm64_iphoneos", "arm64_iphonesimulator", "x86_64_iphonesimulator")),
        *(f"android_{level}_{one}" for level in range(16, 45)
          for one in ("arm64_v8a", "armeabi_v7a", "x86", "x86_64")),
        *(f"{name}_{year}_0_wasm32" for name in ("pyodide", "pyemscripten")
          for year in range(2022, 2035)),
        *("emscripten_3_1_58_wasm32", "wasi_0_0_0_wasm32"),
        *("openbsd_7_0_amd64", "netbsd_10_0_amd64", "aix_7_2_ppc64", "sunos_5_11_i86pc"),
        *("linux_any", "cygwin_3_4_x86_64", "mingw_x86_64"),
    )  # fmt: skip


@lru_cache(maxsize=65536)
def first_match(tag: str, patterns: tuple[str, ...]) -> str | None:
    """Return the first pattern that matches a tag, None without any."""
    return next((pattern for pattern in patterns if fnmatch.fnmatchcase(tag, pattern)), None)


def omits_pure_wheels(patterns: tuple[str, ...] | None) -> bool:
    """Return whether the patterns to keep (None for all) exclude wheels for any platform."""
    return patterns is not None and first_match("any", patterns) is None


def excluded_by(tags: Iterable[str], patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the patterns that exclude a file, one per tag; empty if a tag is not excluded."""
    found = [first_match(tag, patterns) for tag in tags]
    return tuple(dict.fromkeys(p for p in found if p is not None)) if all(found) else ()
