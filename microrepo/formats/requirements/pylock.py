"""Lock files (PEP 751): written from records, read as requirement sets.

Files are named by path only, relative to the lock file: who can read the lock can read them,
and no installer is led to an index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from urllib.parse import urldefrag

import msgspec
from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement, pinned_requirement
from microrepo.formats.requirements.requirement_set import ALL, RequirementSet
from microrepo.formats.toml import read_table

TOOL = "microrepo"
_MEMBERSHIP = re.compile(
    r"(?P<quote>['\"])(?P<name>[^'\"]+)(?P=quote)\s+(?P<negated>not\s+)?in\s+"
    r"(?P<kind>extras|dependency_groups)"
)
_ALWAYS, _NEVER = 'python_version >= "0"', 'python_version < "0"'


def render_lock(lock: Pylock) -> bytes:
    """Return the text of a lock file, the same each time.

    Raises:
        UnicodeEncodeError: a path holds what no text can hold.
    """
    return ("\n".join(_lines(lock.to_dict(), "")) + "\n").encode()


def _lines(table: Mapping[str, object], path: str) -> Iterator[str]:
    sections = {key for key in table if key in {"packages", "tool"} and table[key]}
    yield from (f"{key} = {_value(table[key])}" for key in table if key not in sections)
    packages = table["packages"] if "packages" in sections else ()
    for package in packages:  # type: ignore[attr-defined]
        yield from ("", "[[packages]]")
        yield from _lines(package, "packages.")
    if "tool" in sections:
        for name, values in table["tool"].items():  # type: ignore[attr-defined]
            yield from ("", f"[{path}tool.{name}]")
            yield from _lines(values, "")


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, str) or not isinstance(value, Sequence):
        # JSON's escapes are among TOML's; what JSON leaves bare and TOML does not is DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    items = [_value(item) for item in value]
    return "[\n" + "".join(f"    {item},\n" for item in items) + "]" if items else "[]"


def parse_pylock(
    body: bytes, name: str, *, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> RequirementSet:
    """Return the requirements of a lock file: every package pinned, with digests.

    Directories are skipped: they are the project itself, or a part of it.

    Raises:
        ConfigError: not a lock file of version 1, or one that locks what no index has.
    """
    try:
        lock = Pylock.from_dict(read_table(body, name))
    except PylockValidationError as error:
        raise ConfigError(f"{name}: not a lock file of version 1 (PEP 751): {error}") from error
    chosen: dict[str, set[str]] = {
        "extras": {canonicalize_name(extra) for extra in extras},
        "dependency_groups": {*map(canonicalize_name, (*groups, *(lock.default_groups or ())))},
    }
    notes = [
        f"{name}: {package.name} is a directory ({package.directory.path}), not mirrored"
        for package in lock.packages
        if package.directory is not None
    ]
    return RequirementSet(
        tuple(_locked(one, name, chosen) for one in lock.packages if one.directory is None),
        requires_python=str(lock.requires_python or ""),
        notes=tuple(notes),
    )


def _locked(package: Package, place: str, chosen: Mapping[str, set[str]]) -> Requirement:
    marker = _without_membership(str(package.marker), chosen) if package.marker else ""
    url = _url_of(package)
    if not url and (package.is_direct or package.version is None):
        what = (
            "version control" if package.vcs else "an archive" if package.archive else "no version"
        )
        raise ConfigError(f"{place}: {package.name} is not from an index ({what})")
    pin = pinned_requirement(
        package.name, str(package.version), marker=marker, url=url, origin=place
    )
    return msgspec.structs.replace(pin, hashes=tuple(dict.fromkeys(_digests(package))))


def _url_of(package: Package) -> str:
    """Return the URL that a package was locked from, "" for one from an index."""
    own = (package.tool or {}).get(TOOL)
    url = own.get("url") if isinstance(own, Mapping) else None
    if isinstance(url, str):  # written by us: kept under its name
        return url
    archive = package.archive
    if archive is None or not archive.url or archive.subdirectory:
        return ""
    digests = "&".join(f"{key}={value}" for key, value in archive.hashes.items())
    return f"{urldefrag(archive.url)[0]}#{digests}"


def _digests(package: Package) -> Iterable[str]:
    files = [*(package.wheels or ()), package.sdist, package.archive]
    for file in files:
        for algorithm, value in file.hashes.items() if file is not None else ():
            yield f"{algorithm}:{value}".lower()


def _without_membership(marker: str, chosen: Mapping[str, set[str]]) -> str:
    """Answer ``'dev' in dependency_groups`` and its like, which no environment knows."""

    def answer(match: re.Match[str]) -> str:
        names = chosen[match["kind"]]
        wanted = ALL in names or canonicalize_name(match["name"]) in names
        return _ALWAYS if wanted != bool(match["negated"]) else _NEVER

    return _MEMBERSHIP.sub(answer, marker)
