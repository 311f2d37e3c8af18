"""Publishers in provenance objects, for people."""

from __future__ import annotations

import json

import pytest

from microrepo.standalone.server.publishers import publishers_in


def provenance(*publishers: object) -> bytes:
    bundles = [{"publisher": one, "attestations": []} for one in publishers]
    return json.dumps({"version": 1, "attestation_bundles": bundles}).encode()


GITHUB = {
    "kind": "GitHub",
    "repository": "acme/foo",
    "workflow": "release.yml",
    "environment": None,
}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (provenance(GITHUB), ("GitHub acme/foo (release.yml)",)),
        (provenance(GITHUB, GITHUB), ("GitHub acme/foo (release.yml)",)),
        (provenance({"kind": "Google", "email": "x@y.example"}), ("Google x@y.example",)),
        (provenance({"kind": "Later", "repository": 3}), ("Later",)),
        (provenance({"kind": "x" * 1000}), ("x" * 200,)),
        (provenance(), ()),
        (provenance("text"), ()),
        (b"", ()),
        (b"\xff", ()),
        (b"[]", ()),
        (b'{"attestation_bundles": 3}', ()),
        (b"[" * 100_000, ()),
    ],
)
def test_publishers_are_named_in_one_line(document: bytes, expected: tuple[str, ...]) -> None:
    assert publishers_in(document) == expected
