"""What platforms a file is for, as its name tells, and whether rules on platforms let it pass."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from functools import lru_cache

from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.model import File

FAMILIES = {
    "windows": ("win32", "win_*"),
    "macos": ("macosx_*",),
    "linux": ("linux_*", "manylinux*", "musllinux_*"),
    "freebsd": ("freebsd_*",),
}
# Formats of older days that say their platform in the name (`foo-1.0.win-amd64-py2.7.exe`,
# `foo-1.0-py2.7-win32.egg`, `foo-1.0.linux-x86_64.tar.gz`), or by being what they are.
_IN_NAME = re.compile(
    r"[-.](win32|win-[a-z0-9]+|macosx-\d+(?:\.\d+)?-\w+|(?:linux|freebsd)-[\w-]+)[-.]"
)
_OF_TYPE = {"bdist_wininst": "win32", "bdist_msi": "win32", "bdist_rpm": "linux_any",
            "bdist_dmg": "macosx_any"}  # fmt: skip


def parse_platforms(words: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of an `exclude_platforms` list, families spelt out."""
    found: set[str] = set()
    for word in words:
        text = word.strip().lower()
        found.update(FAMILIES.get(text, (text,)))
    return tuple(sorted(found))


def platform_tags(file: File) -> tuple[str, ...]:
    """Return the platform tags of a file, none when its name tells none; sdists have none."""
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


@lru_cache(maxsize=65536)
def first_match(tag: str, patterns: tuple[str, ...]) -> str | None:
    """Return the first pattern that a tag matches, None when it matches none."""
    return next((pattern for pattern in patterns if fnmatch.fnmatchcase(tag, pattern)), None)


def excluded_by(tags: Iterable[str], patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the patterns that leave a file out: one for each tag; none when a tag is free."""
    found = [first_match(tag, patterns) for tag in tags]
    return tuple(dict.fromkeys(p for p in found if p is not None)) if all(found) else ()
