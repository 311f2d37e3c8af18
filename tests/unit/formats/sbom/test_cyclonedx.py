"""CycloneDX documents; `tests/functional/test_sbom.py` validates them against the schema."""

from __future__ import annotations

import json

from microrepo.formats.sbom.components import BillOfMaterials
from microrepo.formats.sbom.cyclonedx import render_cyclonedx


def test_a_release_has_its_files_its_licence_and_what_it_requires(bill: BillOfMaterials) -> None:
    document = json.loads(render_cyclonedx(bill))
    bar, foo = document["components"]
    assert bar["licenses"] == [{"license": {"name": "X"}}]
    assert foo["licenses"] == [{"expression": "MIT"}]
    assert (foo["name"], foo["purl"]) == ("Foo", "pkg:pypi/foo@1.0%2Bcpu")
    kinds = [one["type"] for one in foo["externalReferences"]]
    assert kinds == ["distribution", "bom", "attestation", "distribution", "website"]
    requires = {one["ref"]: one["dependsOn"] for one in document["dependencies"]}
    assert requires[foo["bom-ref"]] == [bar["bom-ref"]]
    assert requires["repository:wheels"] == [bar["bom-ref"], foo["bom-ref"]]


def test_a_file_has_its_digest_and_its_address(bill: BillOfMaterials) -> None:
    foo = json.loads(render_cyclonedx(bill))["components"][1]
    wheel, _, _, sdist, _ = foo["externalReferences"]
    assert wheel["url"] == "https://files.example/foo-1.0%2Bcpu-py3-none-any.whl"
    assert wheel["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert sdist["url"] == "foo-1.0%2Bcpu.tar.gz"
    assert "hashes" not in sdist
