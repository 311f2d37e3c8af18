"""CycloneDX 1.6 in JSON (ECMA-424)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from microrepo.formats.sbom.components import BillOfMaterials, Component, ComponentFile, Licence

SPEC_VERSION = "1.6"


def render_cyclonedx(bill: BillOfMaterials) -> str:
    """Return the bill as a CycloneDX document."""
    root = f"repository:{bill.name}"
    tool = {"type": "application", "name": "microrepo", "version": bill.tool_version}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{bill.identifier}",
        "version": 1,
        "metadata": {
            "timestamp": bill.created,
            "tools": {"components": [tool]},
            "component": {"type": "data", "bom-ref": root, "name": bill.name},
        },
        "components": [_component(one) for one in bill.components],
        "dependencies": [
            {"ref": root, "dependsOn": [one.purl for one in bill.components]},
            *({"ref": one.purl, "dependsOn": list(one.requires)} for one in bill.components),
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _component(component: Component) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.summary:
        found["description"] = component.summary
    licenses = _licenses(component.licence)
    if licenses:
        found["licenses"] = licenses
    references = [one for file in component.files for one in _references(file)]
    if component.homepage:
        references.append({"type": "website", "url": component.homepage})
    found["externalReferences"] = references
    return found


def _licenses(licence: Licence) -> list[dict[str, Any]]:
    if licence.expression:
        return [{"expression": licence.expression}]
    return [{"license": {"name": name}} for name in licence.names]


def _references(file: ComponentFile) -> Iterator[dict[str, Any]]:
    """Yield a file, and what belongs to it, by addresses relative to the repository."""
    place = quote(file.filename)
    found: dict[str, Any] = {"type": "distribution", "url": file.url or place}
    found["comment"] = file.filename
    if file.sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": file.sha256}]
    yield found
    for member in file.sboms:
        yield {"type": "bom", "url": f"{place}#{quote(member)}", "comment": "inside the wheel"}
    if file.has_provenance:
        yield {"type": "attestation", "url": f"{place}.provenance"}
