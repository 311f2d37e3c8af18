"""Selection of a part of a bundle: requirements such as `numpy` and `flask>=2,<3`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.standalone.server.names import is_project_name, normalize_name
from microrepo.standalone.server.versions import is_version, version_key

EVERYTHING = "*"
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*?)\s*((?:[<>=!~].*)?)", re.DOTALL)
_CLAUSE = re.compile(r"\s*(===|==|!=|~=|<=|>=|<|>)\s*([^\s,]+)\s*")


class ReleaseClause(NamedTuple):
    """One comparison of a specifier (PEP 440)."""

    operator: str
    version: str

    def admits(self, version: str) -> bool:
        """Return whether a release fits."""
        operator, wanted = self
        if operator == "===":
            return version.lower() == wanted.lower()
        if not is_version(version):
            return False
        if operator in {"==", "!="}:
            return self._equals(version) == (operator == "==")
        if operator == "~=":
            prefix = re.sub(r"\.\d+$", "", _release_part(wanted))
            at_least = ReleaseClause(">=", wanted).admits(version)
            return at_least and _has_prefix(version, prefix)
        # A local version counts as its public one here.
        found, than = version_key(_public(version)), version_key(wanted)
        if operator == ">=":
            return found >= than
        if operator == "<=":
            return found <= than
        return found > than if operator == ">" else found < than

    def _equals(self, version: str) -> bool:
        if self.version.endswith(".*"):
            return _has_prefix(version, self.version[:-2])
        if "+" not in self.version:
            version = _public(version)
        return bool(version_key(version) == version_key(self.version))


class ReleaseSelection:
    """The part of a bundle that a repository takes.

    Args:
        requirements: names with or without a specifier; without any, or with `*`, everything.

    Raises:
        ValueError: a requirement is malformed, or says more than name and specifier.
    """

    def __init__(self, requirements: Iterable[str]) -> None:
        self.requirements = tuple(text for text in requirements if text != EVERYTHING)
        self._clauses: dict[str, list[tuple[ReleaseClause, ...]]] = {}
        for text in self.requirements:
            name, clauses = _parse_requirement(text)
            self._clauses.setdefault(name, []).append(clauses)

    def takes(self, entry: ManifestProject | ManifestFile) -> bool:
        """Return whether an entry of a manifest is part of it."""
        if not self._clauses:
            return True
        if isinstance(entry, ManifestProject):
            return entry.project in self._clauses
        return any(
            all(clause.admits(entry.version) for clause in clauses)
            for clauses in self._clauses.get(entry.project, ())
        )


def _parse_requirement(text: str) -> tuple[str, tuple[ReleaseClause, ...]]:
    match = _REQUIREMENT.fullmatch(text)
    if match is None or not is_project_name(match[1]):
        raise ValueError(f"{text!r}: write a name, or a name with versions (`NAME>=1,<2`)")
    clauses = []
    for part in match[2].split(",") if match[2] else ():
        clause = _CLAUSE.fullmatch(part)
        if clause is None or not _is_comparable(*clause.groups()):
            raise ValueError(f"{text!r}: {part.strip()!r} is not a comparison with a version")
        clauses.append(ReleaseClause(clause[1], clause[2]))
    return normalize_name(match[1]), tuple(clauses)


def _is_comparable(operator: str, version: str) -> bool:
    if operator == "===":
        return True
    if version.endswith(".*"):
        return operator in {"==", "!="} and is_version(version[:-2])
    return is_version(version) and (operator != "~=" or "." in _release_part(version))


def _public(version: str) -> str:
    return version.partition("+")[0]


def _release_part(version: str) -> str:
    """Return the numbers of a version, with its epoch."""
    match = re.match(r"\s*v?(?:\d+!)?\d+(?:\.\d+)*", version)
    return match[0].strip().lstrip("v") if match else version


def _has_prefix(version: str, prefix: str) -> bool:
    found, wanted = _numbers(version), _numbers(prefix)
    missing = (0,) * (len(wanted[1]) - len(found[1]))
    return found[0] == wanted[0] and (found[1] + missing)[: len(wanted[1])] == wanted[1]


def _numbers(version: str) -> tuple[int, tuple[int, ...]]:
    """Return epoch and release numbers of a valid version."""
    epoch, mark, release = _release_part(_public(version)).rpartition("!")
    parts: Any = release.split(".")
    return int(epoch) if mark else 0, tuple(int(part) for part in parts)
