"""Lock files written: ``pylock.toml`` (PEP 751) from records to text, the same each time.

Files are named by path alone, relative to the lock file: whoever can read the lock can read them,
and no installer is led to an index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from msgspec import Struct


class LockedFile(Struct, frozen=True):
    """One file: `path` is relative to the lock file, `sha256` hex, `size` in bytes."""

    path: str
    size: int
    sha256: str


class LockedPackage(Struct, frozen=True):
    """One release.

    Attributes:
        name: normalised.
        requires_python: specifiers, "" = any.
        dependencies: names of packages of the same lock, for those who read it.
        wheels: the best first.
        url: where the file came from, for a requirement that names a URL.
    """

    name: str
    version: str
    requires_python: str = ""
    dependencies: tuple[str, ...] = ()
    wheels: tuple[LockedFile, ...] = ()
    sdist: LockedFile | None = None
    url: str = ""


class Lock(Struct, frozen=True):
    """One lock file.

    Attributes:
        marker: which environments it is for, as a marker (PEP 508).
        requires_python: specifiers, "" = any.
        environment: its name.
        goals: what it was made for.
        packages: sorted by name.
    """

    marker: str
    requires_python: str
    environment: str
    goals: tuple[str, ...]
    packages: tuple[LockedPackage, ...]


def render_lock(lock: Lock) -> bytes:
    """Return the text of a lock file.

    Raises:
        UnicodeEncodeError: a path holds what no text can hold.
    """
    lines = ['lock-version = "1.0"']
    if lock.marker:
        lines.append(f"environments = [{_text(lock.marker)}]")
    if lock.requires_python:
        lines.append(f"requires-python = {_text(lock.requires_python)}")
    lines.append('created-by = "microrepo"')
    if not lock.packages:
        lines.append("packages = []")
    for package in lock.packages:
        lines += ["", *_package(package)]
    lines += ["", "[tool.microrepo]", f"environment = {_text(lock.environment)}"]
    lines += _list("goals", map(_text, lock.goals))
    return ("\n".join(lines) + "\n").encode()


def _package(package: LockedPackage) -> Iterable[str]:
    yield "[[packages]]"
    yield f"name = {_text(package.name)}"
    yield f"version = {_text(package.version)}"
    if package.requires_python:
        yield f"requires-python = {_text(package.requires_python)}"
    if package.dependencies:
        yield from _list("dependencies", (f"{{name = {_text(n)}}}" for n in package.dependencies))
    if package.sdist is not None:
        yield f"sdist = {_file(package.sdist)}"
    if package.wheels:
        yield from _list("wheels", map(_file, package.wheels))
    if package.url:
        yield "[packages.tool.microrepo]"
        yield f"url = {_text(package.url)}"


def _list(key: str, items: Iterable[str]) -> Iterable[str]:
    yield f"{key} = ["
    yield from (f"    {item}," for item in items)
    yield "]"


def _file(file: LockedFile) -> str:
    digest = f"hashes = {{sha256 = {_text(file.sha256)}}}"
    return f"{{path = {_text(file.path)}, size = {file.size}, {digest}}}"


def _text(value: str) -> str:
    # JSON's escapes are among TOML's; what JSON leaves bare and TOML does not is DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
