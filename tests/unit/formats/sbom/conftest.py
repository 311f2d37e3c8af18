"""A bill with everything that a bill of materials can state."""

from __future__ import annotations

import pytest

from microrepo.formats.sbom.components import (
    BillOfMaterials,
    Component,
    ComponentFile,
    Licence,
    package_url,
)

DIGEST = "ab" * 32


@pytest.fixture
def bill() -> BillOfMaterials:
    wheel = ComponentFile(
        "foo-1.0+cpu-py3-none-any.whl",
        DIGEST,
        5,
        "https://files.example/foo-1.0%2Bcpu-py3-none-any.whl",
        ("foo-1.0+cpu.dist-info/sboms/a.cdx.json",),
        has_provenance=True,
    )
    foo = Component(
        "foo",
        "Foo",
        "1.0+cpu",
        (wheel, ComponentFile("foo-1.0+cpu.tar.gz")),
        Licence("MIT"),
        "A summary",
        "https://foo.example/",
        (package_url("bar", "2"),),
    )
    old = Component("bar", "bar", "2", (ComponentFile("bar-2.zip", DIGEST),), Licence(names=("X",)))
    return BillOfMaterials("wheels", "2026-11-30T10:00:00Z", "1.2", (old, foo))
