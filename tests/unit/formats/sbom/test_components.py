"""Identities in a bill of materials."""

from __future__ import annotations

import msgspec

from microrepo.formats.sbom.components import BillOfMaterials, package_url


def test_a_local_version_is_quoted_in_a_package_url() -> None:
    assert package_url("foo", "1.0+cpu") == "pkg:pypi/foo@1.0%2Bcpu"
    assert package_url("foo", "1!2") == "pkg:pypi/foo@1%212"


def test_the_identifier_is_of_the_content(bill: BillOfMaterials) -> None:
    again = msgspec.structs.replace(bill)
    other = msgspec.structs.replace(bill, components=bill.components[:1])
    assert bill.identifier == again.identifier
    assert bill.identifier != other.identifier
