"""Requirements from the other files that hold them: lock files and projects.

``pylock.toml`` (PEP 751) and ``pyproject.toml`` (PEP 621, PEP 735)
become the same record that a requirements file gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirements_txt import (
    Reader,
    RequirementFile,
    parse_requirements_txt,
)
from microrepo.formats.requirements.script_metadata import parse_script
from microrepo.formats.specifiers import parse_requirement
from microrepo.formats.toml import read_toml

ALL = "all"
_PYLOCK = re.compile(r"pylock(\.[^.]+)?\.toml")
_FOREIGN_LOCKS = {
    "uv.lock": "run `uv export --format pylock.toml`",
    "poetry.lock": "run `poetry export`",
    "pipfile.lock": "run `pipenv requirements`",
    "pdm.lock": "run `pdm export --format pylock`",
}
_MEMBERSHIP = re.compile(
    r"(?P<quote>['\"])(?P<name>[^'\"]+)(?P=quote)\s+(?P<negated>not\s+)?in\s+"
    r"(?P<kind>extras|dependency_groups)"
)
_ALWAYS, _NEVER = 'python_version >= "0"', 'python_version < "0"'
_DIRECT_SOURCES = ("vcs", "directory", "archive")


def read_requirements(
    name: str, read: Reader, *, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> RequirementFile:
    """Read any file that holds requirements; its name tells the format.

    Args:
        name: path of the file.
        read: returns the bytes of a path.
        extras: optional dependencies to add, or ``all`` (projects and lock files).
        groups: dependency groups to add, or ``all``.

    Raises:
        ConfigError: the file is wrong, or of a kind that is not read; the text says what to do.
    """
    base = PurePosixPath(name).name.lower()
    if base in _FOREIGN_LOCKS:
        raise ConfigError(f"{name}: a private format; {_FOREIGN_LOCKS[base]} and name its output")
    if _PYLOCK.fullmatch(base):
        return parse_pylock(read(name), name, extras=extras, groups=groups)
    if base == "pyproject.toml":
        return parse_pyproject(read(name), name, extras=extras, groups=groups)
    if base.endswith((".py", ".pyw")):
        return parse_script(read(name), name)
    return parse_requirements_txt(name, read)


def parse_pylock(
    body: bytes, name: str, *, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> RequirementFile:
    """Read a lock file (PEP 751): every package pinned, with the digests of its files.

    Raises:
        ConfigError: it is no lock file of version 1, or locks something without an index.
    """
    table = _table(body, name)
    if not str(table.get("lock-version", "")).startswith("1."):
        raise ConfigError(f"{name}: not a lock file of version 1 (PEP 751)")
    groups = (*groups, *_strings(table.get("default-groups")))
    requirements: list[str] = []
    hashes: dict[str, dict[str, None]] = {}
    packages = table.get("packages")
    for entry in packages if isinstance(packages, list) else ():
        package = entry if isinstance(entry, dict) else {}
        text = _locked(package, name, extras, groups)
        requirements.append(text)
        digests = hashes.setdefault(canonicalize_name(str(package["name"])), {})
        digests.update(dict.fromkeys(_locked_digests(package)))
    found = tuple((project, tuple(digests)) for project, digests in hashes.items() if digests)
    python = table.get("requires-python")
    return RequirementFile(
        tuple(requirements),
        hashes=found,
        requires_python=python if isinstance(python, str) else "",
    )


def _locked(
    package: Mapping[str, object], place: str, extras: Sequence[str], groups: Sequence[str]
) -> str:
    project, version = package.get("name"), package.get("version")
    direct = [source for source in _DIRECT_SOURCES if source in package]
    if not isinstance(project, str) or not project:
        raise ConfigError(f"{place}: a package without a name")
    if direct or not isinstance(version, str):
        what = direct[0] if direct else "no version"
        raise ConfigError(f"{place}: {project} is not from an index ({what})")
    marker = package.get("marker")
    condition = f" ; {_without_membership(marker, extras, groups)}" if marker else ""
    own = package.get("tool")
    own = own.get("microrepo") if isinstance(own, dict) else None
    url = own.get("url") if isinstance(own, dict) else None
    if isinstance(url, str):  # written by us: behind a direct URL, and kept under its name
        return _checked(f"{project} @ {url}{condition}", place)
    return _checked(f"{project}=={version}{condition}", place)


def _without_membership(marker: object, extras: Sequence[str], groups: Sequence[str]) -> str:
    """Answer ``'dev' in dependency_groups`` and its like, which no environment knows."""
    chosen = {"extras": extras, "dependency_groups": groups}

    def answer(match: re.Match[str]) -> str:
        names = {canonicalize_name(name) for name in chosen[match["kind"]]}
        wanted = ALL in names or canonicalize_name(match["name"]) in names
        return _ALWAYS if wanted != bool(match["negated"]) else _NEVER

    return _MEMBERSHIP.sub(answer, str(marker))


def _locked_digests(package: Mapping[str, object]) -> Iterable[str]:
    wheels = package.get("wheels")
    files = [*(wheels if isinstance(wheels, list) else ()), package.get("sdist")]
    for file in files:
        digests = file.get("hashes") if isinstance(file, dict) else None
        for algorithm, value in digests.items() if isinstance(digests, dict) else ():
            yield f"{algorithm}:{value}".lower()


def parse_pyproject(
    body: bytes, name: str, *, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> RequirementFile:
    """Read a project's dependencies, and those of its extras and dependency groups on request.

    Raises:
        ConfigError: an extra or a group does not exist, or a requirement cannot be read.
    """
    table = _table(body, name)
    project = table.get("project")
    project = project if isinstance(project, dict) else {}
    optional = project.get("optional-dependencies")
    optional = optional if isinstance(optional, dict) else {}
    texts = list(_strings(project.get("dependencies")))
    for extra in _chosen(extras, optional, f"{name}: no extra"):
        texts.extend(_strings(optional[extra]))
    texts = _without_self(texts, str(project.get("name", "")), optional)
    all_groups = table.get("dependency-groups")
    all_groups = all_groups if isinstance(all_groups, dict) else {}
    for group in _chosen(groups, all_groups, f"{name}: no dependency group"):
        texts.extend(_group(group, all_groups, name, ()))
    notes = [
        f"{name}: {field} is dynamic, only a build could tell it"
        for field in ("dependencies", "optional-dependencies")
        if field in _strings(project.get("dynamic"))
    ]
    checked = [_checked(text, name) for text in texts]
    return RequirementFile(tuple(dict.fromkeys(checked)), notes=tuple(notes))


def _chosen(wanted: Sequence[str], known: Mapping[str, object], error: str) -> list[str]:
    if ALL in wanted:
        return list(known)
    names = {canonicalize_name(name): name for name in known}
    chosen = []
    for name in wanted:
        if canonicalize_name(name) not in names:
            raise ConfigError(f"{error} {name!r}")
        chosen.append(names[canonicalize_name(name)])
    return chosen


def _without_self(texts: list[str], project: str, optional: Mapping[str, object]) -> list[str]:
    """Replace requirements on the project's own extras by what these stand for."""
    own = canonicalize_name(project) if project else ""
    names = {canonicalize_name(extra): extra for extra in optional}
    found: list[str] = []
    queue = list(texts)
    seen: set[str] = set()
    while queue:
        text = queue.pop(0)
        try:
            requirement = parse_requirement(text).requirement
        except ValueError:
            found.append(text)
            continue
        if canonicalize_name(requirement.name) != own:
            found.append(text)
            continue
        for extra in sorted(requirement.extras):
            key = canonicalize_name(extra)
            if key in names and key not in seen:
                seen.add(key)
                queue.extend(_strings(optional[names[key]]))
    return found


def _group(
    group: str, groups: Mapping[str, object], place: str, above: tuple[str, ...]
) -> list[str]:
    names = {canonicalize_name(name): name for name in groups}
    key = canonicalize_name(group)
    if key in above:
        raise ConfigError(f"{place}: dependency group {group!r} includes itself")
    if key not in names:
        raise ConfigError(f"{place}: no dependency group {group!r}")
    texts: list[str] = []
    entries = groups[names[key]]
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, str):
            texts.append(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            texts.extend(_group(entry["include-group"], groups, place, (*above, key)))
        else:
            raise ConfigError(f"{place}: dependency group {group!r} holds {entry!r}")
    return texts


def _table(body: bytes, name: str) -> dict[str, object]:
    table = read_toml(body)
    if table is None:
        raise ConfigError(f"{name}: not a TOML document")
    return table


def _checked(text: str, place: str) -> str:
    try:
        requirement, note = parse_requirement(text)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from error
    return str(requirement) if note else text


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
