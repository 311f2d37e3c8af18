"""SPDX documents; `tests/functional/test_sbom.py` validates them against the specification."""

from __future__ import annotations

import json

import msgspec

from microrepo.formats.sbom.components import BillOfMaterials, Licence
from microrepo.formats.sbom.spdx import render_spdx


def test_each_distribution_is_a_package_with_its_own_digest(bill: BillOfMaterials) -> None:
    document = json.loads(render_spdx(bill))
    files = {
        one["packageFileName"]: one for one in document["packages"] if "packageFileName" in one
    }
    wheel = files["foo-1.0+cpu-py3-none-any.whl"]
    assert wheel["checksums"] == [{"algorithm": "SHA256", "checksumValue": "ab" * 32}]
    assert [one["referenceType"] for one in wheel["externalRefs"]] == ["sbom", "provenance"]
    assert "checksums" not in files["foo-1.0+cpu.tar.gz"]


def test_relations_lead_from_the_document_to_files_and_requirements(bill: BillOfMaterials) -> None:
    document = json.loads(render_spdx(bill))
    found = {
        (one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"])
        for one in document["relationships"]
    }
    assert ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-2") in found
    assert ("SPDXRef-2", "DISTRIBUTION_ARTIFACT", "SPDXRef-2.1") in found
    assert ("SPDXRef-2", "DEPENDS_ON", "SPDXRef-1") in found


def test_licences_of_nobodys_list_are_declared(bill: BillOfMaterials) -> None:
    assert json.loads(render_spdx(bill))["hasExtractedLicensingInfos"] == []
    own = msgspec.structs.replace(bill.components[0], licence=Licence("MIT OR LicenseRef-Acme"))
    document = json.loads(render_spdx(msgspec.structs.replace(bill, components=(own,))))
    (one,) = document["hasExtractedLicensingInfos"]
    assert one["licenseId"] == "LicenseRef-Acme"


def test_only_an_expression_is_declared(bill: BillOfMaterials) -> None:
    bar, _, foo, *_ = json.loads(render_spdx(bill))["packages"]
    assert (foo["licenseDeclared"], "licenseComments" in foo) == ("MIT", False)
    assert (bar["licenseDeclared"], bar["licenseComments"]) == ("NOASSERTION", "stated: X")
