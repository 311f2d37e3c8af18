"""OSV queries: which advisories affect a release, in the form of OSV's API."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote

from microrepo.standalone.server.advisories.advisory_index import AdvisoryIndex, is_malware_record
from microrepo.standalone.server.advisories.affected_versions import read_versions
from microrepo.standalone.server.names import normalize_name
from microrepo.standalone.server.versions import MAX_VERSION_LENGTH

MAX_QUERIES = 1000
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
    return [one for one in records if not query.version or _affects(one, query.version)]


def _affects(record: dict[str, Any], version: str) -> bool:
    affected = record.get("affected")
    named = read_versions(affected if isinstance(affected, list) else [])
    if named.is_empty:
        return is_malware_record(str(record.get("id")))
    return named.contains(version)
