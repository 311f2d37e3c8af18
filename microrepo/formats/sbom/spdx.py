"""SPDX 2.3 in JSON (ISO/IEC 5962 describes 2.2.1, of which this is the successor).

A release is a package, and each of its distributions is a package of its own, since a package has
one set of checksums.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from microrepo.formats.sbom.components import BillOfMaterials, Component, ComponentFile, Licence

SPEC_VERSION = "SPDX-2.3"
_UNKNOWN = "NOASSERTION"
_DOCUMENT = "SPDXRef-DOCUMENT"
_OWN_LICENCE = re.compile(r"LicenseRef-[\w.-]+", re.ASCII)


def render_spdx(bill: BillOfMaterials) -> str:
    """Return the bill as an SPDX document."""
    ids = {one.purl: f"SPDXRef-{n}" for n, one in enumerate(bill.components, 1)}
    packages = [
        package
        for one in bill.components
        for package in (_release(one, ids[one.purl]), *_distributions(one, ids[one.purl]))
    ]
    document = {
        "spdxVersion": SPEC_VERSION,
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": bill.name,
        "documentNamespace": f"urn:uuid:{bill.identifier}",
        "creationInfo": {
            "created": bill.created,
            "creators": [f"Tool: microrepo-{bill.tool_version}"],
        },
        "packages": packages,
        "hasExtractedLicensingInfos": [
            {"licenseId": name, "extractedText": _UNKNOWN} for name in _own_licences(bill)
        ],
        "relationships": list(_relationships(bill.components, ids)),
    }
    return json.dumps(document, indent=1) + "\n"


def _own_licences(bill: BillOfMaterials) -> list[str]:
    """Return the licences that are in no list of SPDX; their texts are in the distributions."""
    names = (_OWN_LICENCE.findall(one.licence.expression) for one in bill.components)
    return sorted({name for found in names for name in found})


def _release(component: Component, spdx_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        **_package(spdx_id, component.name, component.version),
        "licenseDeclared": component.licence.expression or _UNKNOWN,
        "externalRefs": [_reference("PACKAGE-MANAGER", "purl", component.purl)],
    }
    stated = _stated(component.licence)
    if stated:
        found["licenseComments"] = stated
    if component.summary:
        found["summary"] = component.summary
    if component.homepage:
        found["homepage"] = component.homepage
    return found


def _distributions(component: Component, spdx_id: str) -> Iterator[dict[str, Any]]:
    for number, file in enumerate(component.files, 1):
        found: dict[str, Any] = {
            **_package(f"{spdx_id}.{number}", component.name, component.version),
            "packageFileName": file.filename,
            "downloadLocation": file.url or _UNKNOWN,
        }
        if file.sha256:
            found["checksums"] = [{"algorithm": "SHA256", "checksumValue": file.sha256}]
        references = list(_references(file))
        if references:
            found["externalRefs"] = references
        yield found


def _package(spdx_id: str, name: str, version: str) -> dict[str, Any]:
    return {
        "SPDXID": spdx_id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "copyrightText": _UNKNOWN,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
    }


def _references(file: ComponentFile) -> Iterator[dict[str, str]]:
    # A locator has no spaces; names of distributions and their members have none either.
    for member in file.sboms:
        yield _reference("OTHER", "sbom", f"{file.filename}#{member}".replace(" ", "%20"))
    if file.has_provenance:
        yield _reference("OTHER", "provenance", f"{file.filename}.provenance")


def _reference(category: str, kind: str, locator: str) -> dict[str, str]:
    return {
        "referenceCategory": category,
        "referenceType": kind,
        "referenceLocator": locator,
    }


def _stated(licence: Licence) -> str:
    return "" if licence.expression or not licence.names else f"stated: {'; '.join(licence.names)}"


def _relationships(
    components: Iterable[Component], ids: dict[str, str]
) -> Iterator[dict[str, str]]:
    for one in components:
        own = ids[one.purl]
        yield _relationship(_DOCUMENT, "DESCRIBES", own)
        for number in range(1, len(one.files) + 1):
            yield _relationship(own, "DISTRIBUTION_ARTIFACT", f"{own}.{number}")
        for purl in one.requires:
            yield _relationship(own, "DEPENDS_ON", ids[purl])


def _relationship(source: str, kind: str, target: str) -> dict[str, str]:
    return {
        "spdxElementId": source,
        "relationshipType": kind,
        "relatedSpdxElement": target,
    }
