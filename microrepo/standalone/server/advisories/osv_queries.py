"""OSV queries: which advisories affect a release, in the form of OSV's API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from microrepo.standalone.server.advisories.advisory_index import AdvisoryIndex, names_malware
from microrepo.standalone.server.advisories.affected_versions import (
    AffectedVersions,
    read_versions,
)
from microrepo.standalone.server.names import normalize_name
from microrepo.standalone.server.versions import MAX_VERSION_LENGTH

MAX_QUERIES = 1000
MAX_BATCH_VULNS = 20_000
"""Advisories in one answer to several questions, each counted as often as it is named."""
_PURL = "pkg:pypi/"


class OsvQueryError(ValueError):
    """A question cannot be answered; the text says why."""


class OsvQuery(NamedTuple):
    """One question: about a release, or without a version about all of a project."""

    project: str
    version: str = ""


def parse_query(values: Any) -> OsvQuery:
    """Return the question that a JSON value stands for.

    Raises:
        OsvQueryError: it is malformed, or about something else than a Python project.
    """
    package = values.get("package") if isinstance(values, dict) else None
    if not isinstance(package, dict):
        raise OsvQueryError("a question needs a `package`; commits are not known here")
    name, version = package.get("name"), values.get("version", "")
    ecosystem, purl = package.get("ecosystem"), package.get("purl")
    if isinstance(purl, str) and purl:
        name, in_purl = _read_purl(purl)
        version, ecosystem = in_purl or version, "PyPI"
    if not isinstance(name, str) or not name or not isinstance(version, str):
        raise OsvQueryError("`package` needs a `name` with an `ecosystem`, or a `purl`")
    if ecosystem != "PyPI":
        raise OsvQueryError("only advisories of the ecosystem PyPI are known here")
    if len(version) > MAX_VERSION_LENGTH:
        raise OsvQueryError("`version` is too long")
    return OsvQuery(normalize_name(name), version)


def _read_purl(text: str) -> tuple[str, str]:
    """Return name and version of a package URL; without a version it is empty."""
    if not text.startswith(_PURL):
        raise OsvQueryError("`purl` must begin with pkg:pypi/")
    path = text[len(_PURL) :].partition("#")[0].partition("?")[0]
    name, _, version = path.partition("@")
    return unquote(name), unquote(version)


def answer_query(index: AdvisoryIndex, query: OsvQuery) -> list[dict[str, Any]]:
    """Return the records that affect a release, or all about a project.

    Raises:
        AdvisoryIndexError: the index is damaged.
    """
    records = index.records(query.project)
    return [one for one in records if _Meant.by(one).affects(query.version)]


def answer_batch(index: AdvisoryIndex, queries: Sequence[OsvQuery]) -> list[list[dict[str, Any]]]:
    """Return the ids and times of the records that answer each of several questions.

    Each project is read once, and only one at a time is in memory.

    Raises:
        AdvisoryIndexError: the index is damaged.
        OsvQueryError: the answer would be too long.
    """
    places: dict[str, list[int]] = {}
    for place, query in enumerate(queries):
        places.setdefault(query.project, []).append(place)
    results: list[list[dict[str, Any]]] = [[] for _ in queries]
    count = 0
    for project, own in places.items():
        meant = list(map(_Meant.by, index.records(project)))
        for place in own:
            version = queries[place].version
            results[place] = [one.brief for one in meant if one.affects(version)]
            count += len(results[place])
            if count > MAX_BATCH_VULNS:
                raise OsvQueryError(
                    f"the answer has more than {MAX_BATCH_VULNS:,} advisories; ask about fewer "
                    "releases at once, and name their versions"
                )
    return results


class _Meant(NamedTuple):
    """What decides whether a record is in an answer, and the short form of the record."""

    brief: dict[str, Any]
    named: AffectedVersions
    is_malware: bool

    @classmethod
    def by(cls, record: dict[str, Any]) -> _Meant:
        affected, aliases = record.get("affected"), record.get("aliases")
        names = [record.get("id"), *(aliases if isinstance(aliases, list) else [])]
        return cls(
            {"id": record.get("id"), "modified": record.get("modified")},
            read_versions(affected if isinstance(affected, list) else []),
            names_malware(names),
        )

    def affects(self, version: str) -> bool:
        """Return whether a release is affected; without a version, whether some release can be."""
        if not version:
            return True
        return self.is_malware if self.named.is_empty else self.named.contains(version)
