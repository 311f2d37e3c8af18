"""Provenance objects: their form, publishers and subjects."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.attestations.provenance_object import read_provenance
from microrepo.formats.bounds import PROVENANCE
from microrepo.model import TrustedPublisher

SHA256 = "ab" * 32


def attestation(sha256: str = SHA256, **changed: object) -> dict[str, Any]:
    statement = {"subject": [{"name": "foo-1.0.tar.gz", "digest": {"sha256": sha256}}]}
    encoded = base64.b64encode(json.dumps(statement).encode()).decode()
    return {
        "version": 1,
        "verification_material": {"certificate": "YQ==", "transparency_entries": [{"a": 1}]},
        "envelope": {"statement": encoded, "signature": "YQ=="},
        **changed,
    }


def provenance(*attestations: dict[str, Any], publisher: object = None) -> dict[str, Any]:
    known = {"kind": "GitHub", "repository": "acme/foo", "workflow": "release.yml"}
    bundle = {
        "publisher": publisher or known,
        "attestations": list(attestations or (attestation(),)),
    }
    return {"version": 1, "attestation_bundles": [bundle]}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def test_the_publisher_and_the_digest_are_read() -> None:
    body = encoded(provenance())
    found = read_provenance(body, "foo.provenance", SHA256)
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert found.publishers == (TrustedPublisher("GitHub", "acme/foo", "release.yml"),)
    assert found.verdict is None


@pytest.mark.parametrize(
    ("publisher", "expected"),
    [
        (
            {"kind": "GitLab", "repository": "a/b", "workflow_filepath": ".gitlab-ci.yml",
             "environment": "prod"},
            TrustedPublisher("GitLab", "a/b", ".gitlab-ci.yml", "prod"),
        ),
        ({"kind": "Google", "email": "x@y.example"}, TrustedPublisher("Google", "x@y.example")),
        (
            {"kind": "CircleCI", "project_id": "p1", "pipeline_definition_id": "d1"},
            TrustedPublisher("CircleCI", "p1", "d1"),
        ),
        ({"kind": "New", "claims": {"a": 1}, "environment": None}, TrustedPublisher("New")),
    ],
)  # fmt: skip
def test_publishers_of_all_kinds_are_read(publisher: object, expected: TrustedPublisher) -> None:
    found = read_provenance(encoded(provenance(publisher=publisher)), "foo", SHA256)
    assert found.publishers == (expected,)


def test_long_names_are_shortened() -> None:
    publisher = {"kind": "GitHub", "repository": "x" * 10_000}
    (found,) = read_provenance(encoded(provenance(publisher=publisher)), "foo").publishers
    assert len(found.repository) == 300


def test_an_object_about_another_file_is_refused() -> None:
    body = encoded(provenance(attestation("cd" * 32)))
    with pytest.raises(MalformedResponse, match="about another file"):
        read_provenance(body, "foo", SHA256)
    with pytest.raises(MalformedResponse, match="about another file"):
        read_provenance(encoded(provenance(attestation(), attestation("cd" * 32))), "foo", SHA256)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="empty"),
        pytest.param({"version": 2, **provenance()} | {"version": 2}, id="a later version"),
        pytest.param({"version": 1, "attestation_bundles": []}, id="no bundles"),
        pytest.param(provenance(publisher={"repository": "a/b"}), id="a publisher without a kind"),
        pytest.param(provenance(publisher={"kind": 3}), id="a kind that is a number"),
        pytest.param(provenance(attestation(version=2)), id="an attestation of a later version"),
        pytest.param(provenance(attestation(envelope={"statement": "!"})), id="no signature"),
        pytest.param(
            provenance(attestation(envelope={"statement": "!", "signature": "YQ=="})),
            id="a statement that is not base64",
        ),
        pytest.param(
            provenance(attestation(envelope={"statement": "YQ==", "signature": "YQ=="})),
            id="a statement that is not JSON",
        ),
        pytest.param(
            provenance(
                attestation(
                    verification_material={"certificate": "YQ==", "transparency_entries": []}
                )
            ),
            id="no log entries",
        ),
    ],
)
def test_other_forms_are_refused(value: object) -> None:
    with pytest.raises(MalformedResponse):
        read_provenance(encoded(value), "foo", SHA256)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"attestation_bundles":' * 5_000, id="deep objects"),
        pytest.param(b" " * (PROVENANCE.size_bytes + 1), id="large"),
        pytest.param(b"[" + b"1," * PROVENANCE.marks + b"1]", id="many elements"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_bodies_beyond_the_bounds_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        read_provenance(body, "foo", SHA256)
