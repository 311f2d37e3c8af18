"""Known advisories: what an advisory index says about projects and their releases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from microrepo.formats.version_numbers import version_order
from microrepo.model import NormalizedName, Vulnerability
from microrepo.standalone.server.advisories.advisory_index import AdvisoryIndex, names_malware
from microrepo.standalone.server.advisories.affected_versions import (
    AffectedVersions,
    read_versions,
)

_KEPT_PROJECTS = 4096
_MAX_TEXT_CHARS = 1000


class Advisory(Struct, frozen=True, gc=False):
    """One advisory about a project.

    Attributes:
        summary: one line.
        severity: a word such as ``HIGH``, "" if unknown.
        is_malware: the release is malicious, not merely vulnerable.
        affected: the versions of the project that it names.
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str
    link: str
    is_malware: bool
    affected: AffectedVersions

    def affects(self, version: str) -> bool:
        """Return whether a release is affected; malware without any versions affects all."""
        if self.affected.is_empty:
            return self.is_malware
        return self.affected.contains(version)


class KnownAdvisories:
    """The advisories in an index, decoded when they are needed. Pure.

    Args:
        index: the index.
        ignored: ids or aliases of advisories that do not count.
    """

    def __init__(self, index: AdvisoryIndex, ignored: Iterable[str] = ()) -> None:
        self._index = index
        self._ignored = frozenset(ignored)
        self._decoded: dict[str, tuple[Advisory, ...]] = {}

    @property
    def archive_sha256(self) -> str:
        """Digest of the archive that the index was made from."""
        return str(self._index.facts.get("sha256", ""))

    @property
    def modified(self) -> str:
        """Time of the newest change of an advisory."""
        return str(self._index.facts.get("modified", ""))

    @property
    def records(self) -> int:
        """Number of advisories."""
        found = self._index.facts.get("records")
        return found if isinstance(found, int) else 0

    def __contains__(self, name: object) -> bool:
        """Return whether there is an advisory about a project."""
        return name in self._index

    def digest(self, name: str) -> str:
        """Return a digest of what is known about a project, "" if nothing is."""
        return self._index.digest(name)

    def names(self) -> Iterator[NormalizedName]:
        """Yield the projects that there are advisories about."""
        return map(NormalizedName, self._index.names())

    def names_with_malware(self) -> Iterator[NormalizedName]:
        """Yield the projects that some advisory reports malware in."""
        return (NormalizedName(one) for one in self._index.names() if self._index.has_malware(one))

    def of(self, name: str) -> tuple[Advisory, ...]:
        """Return the advisories about a project."""
        if name not in self._index:
            return ()
        found = self._decoded.get(name)
        if found is None:
            if len(self._decoded) >= _KEPT_PROJECTS:
                self._decoded.clear()
            every = [_advisory(record) for record in self._index.records(name)]
            found = tuple(_without_ignored(every, self._ignored))
            self._decoded[name] = found
        return found

    def affecting(self, name: str, version: str) -> tuple[Vulnerability, ...]:
        """Return what affects a release, each flaw once, malware first."""
        return each_flaw_once((one for one in self.of(name) if one.affects(version)), version)


def _without_ignored(advisories: list[Advisory], ignored: frozenset[str]) -> list[Advisory]:
    """Return advisories without those of ignored flaws, which can have several ids."""
    names, left = set(ignored), advisories
    while gone := [one for one in left if names & {one.id, *one.aliases}]:
        names.update(name for one in gone for name in (one.id, *one.aliases))
        left = [one for one in left if one not in gone]
    return left


def each_flaw_once(advisories: Iterable[Advisory], version: str) -> tuple[Vulnerability, ...]:
    """Return one entry for all advisories about one flaw, as they concern an affected release.

    Databases describe one flaw under several ids, and name each other's as aliases. Malware comes
    first, then the Python Packaging Advisory Database.
    """
    flaws: list[tuple[set[str], list[Advisory]]] = []
    for one in sorted(advisories, key=_preference):
        names, members = {one.id, *one.aliases}, [one]
        for same in [flaw for flaw in flaws if flaw[0] & names]:
            flaws.remove(same)
            names |= same[0]
            members += same[1]
        flaws.append((names, members))
    found = (_as_vulnerability(names, members, version) for names, members in flaws)
    return tuple(sorted(found, key=lambda one: (not reports_malware(one), one.id)))


def _as_vulnerability(names: set[str], members: list[Advisory], version: str) -> Vulnerability:
    first, *_ = members = sorted(members, key=_preference)
    fixes = {fix for one in members for fix in one.affected.fixes(version)}
    return Vulnerability(
        first.id,
        tuple(sorted(names - {first.id})),
        next((one.summary for one in members if one.summary), None),
        tuple(sorted(fixes, key=version_order)),
        next((one.link for one in members if one.link), None),
        next((one.severity for one in members if one.severity), None),
    )


def reports_malware(advisory: Vulnerability) -> bool:
    """Return whether an advisory reports malware, under any of its names."""
    return names_malware((advisory.id, *advisory.aliases))


def _preference(advisory: Advisory) -> tuple[bool, bool, str]:
    return not advisory.is_malware, not advisory.id.startswith("PYSEC-"), advisory.id


def earliest_fix(advisories: Iterable[Advisory], version: str, listed: Iterable[str]) -> str:
    """Return the lowest listed release after an affected one that no advisory affects, else ""."""
    every = tuple(advisories)
    later = (one for one in listed if version_order(one) > version_order(version))
    return next(
        (
            one
            for one in sorted(later, key=version_order)
            if not any(advisory.affects(one) for advisory in every)
        ),
        "",
    )


def _advisory(record: dict[str, Any]) -> Advisory:
    record_id = _text(record.get("id"))
    aliases = tuple(filter(None, map(_text, _items(record.get("aliases")))))
    own = record.get("database_specific")
    severity = _text(own.get("severity")) if isinstance(own, dict) else ""
    summary = _text(record.get("summary")) or _text(record.get("details"))
    return Advisory(
        record_id,
        aliases,
        " ".join(summary.split())[:_MAX_TEXT_CHARS],
        severity,
        _link(_items(record.get("references"))),
        names_malware((record_id, *aliases)),
        read_versions(_items(record.get("affected"))),
    )


def _link(references: list[Any]) -> str:
    """Return the URL of the advisory itself, else of the first reference."""
    found = [one for one in references if isinstance(one, dict) and _text(one.get("url"))]
    found.sort(key=lambda one: one.get("type") != "ADVISORY")
    return _text(found[0]["url"]) if found else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
