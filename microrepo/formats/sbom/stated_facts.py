"""Facts for a bill of materials in the metadata of a distribution."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from msgspec import Struct
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import OutOfBounds
from microrepo.formats.distribution.core_metadata import bounded
from microrepo.formats.distribution.header_fields import first_field, metadata_fields
from microrepo.formats.sbom.components import Licence
from microrepo.formats.specifiers import lenient_requirement

_LICENCE = "License :: "
# Some put the whole text of their licence into the field.
_LONGEST_NAME = 100
_HOMEPAGES = frozenset({"homepage", "home", "home page", "source", "repository"})
_OF_EXTRAS = re.compile(r"\bextra\b")
# A classifier above those that name a licence.
_NO_LICENCE = "License :: OSI Approved"


class StatedFacts(Struct, frozen=True):
    """What METADATA or PKG-INFO says about a release."""

    name: str = ""
    licence: Licence = Licence()
    summary: str = ""
    homepage: str = ""
    requires: tuple[Requirement, ...] = ()


def read_stated_facts(body: bytes) -> StatedFacts:
    """Return the facts in a METADATA or PKG-INFO file.

    Requirements of extras are left out, and so are those that cannot be read.

    Raises:
        OutOfBounds: it is larger than any real one.
    """
    headers, _ = metadata_fields(body)
    return StatedFacts(
        name=first_field(headers, "name") or "",
        licence=_licence(headers),
        summary=first_field(headers, "summary") or "",
        homepage=_homepage(headers),
        requires=tuple(_requirements(headers)),
    )


def _licence(headers: Mapping[str, list[str]]) -> Licence:
    """Return the licence: the expression (PEP 639), else the classifiers, else a short text."""
    text = first_field(headers, "license-expression")
    if text is not None:
        try:
            return Licence(str(canonicalize_license_expression(text)))
        except InvalidLicenseExpression:
            return Licence(names=(text[:_LONGEST_NAME],))
    classifiers = (
        one
        for one in headers.get("classifier", ())
        if one.startswith(_LICENCE) and one != _NO_LICENCE
    )
    names = tuple(one.rpartition(" :: ")[2] for one in classifiers)
    if names:
        return Licence(names=names)
    stated = first_field(headers, "license") or ""
    return Licence(names=(stated,) if 0 < len(stated) <= _LONGEST_NAME else ())


def _homepage(headers: Mapping[str, list[str]]) -> str:
    found = [first_field(headers, "home-page") or ""]
    for text in headers.get("project-url", ()):
        label, _, url = text.partition(",")
        if label.strip().lower() in _HOMEPAGES:
            found.append(url.strip())
    return next((url for url in found if _is_web_page(url)), "")


def _is_web_page(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = url.isprintable() and url.isascii() and not set(' <>"{}|\\^`') & set(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_plain


def _requirements(headers: Mapping[str, list[str]]) -> Iterator[Requirement]:
    try:
        texts = list(bounded(headers.get("requires-dist", ())))
    except (MalformedResponse, OutOfBounds):
        return
    for text in texts:
        try:
            requirement = lenient_requirement(text).requirement
        except ValueError:
            continue
        if _applies_without_extras(requirement):
            yield requirement


def _applies_without_extras(requirement: Requirement) -> bool:
    """Return whether a requirement is one of the release itself, on any platform."""
    marker = requirement.marker
    if marker is None or not _OF_EXTRAS.search(str(marker)):
        return True
    try:
        return marker.evaluate({"extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True
