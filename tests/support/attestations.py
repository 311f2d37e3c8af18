"""Provenance objects of the form of PEP 740, for files of the stand-in index; nothing is signed."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.support.packages import BuiltFile

ACME = {"kind": "GitHub", "repository": "acme/tool", "workflow": "release.yml"}


def provenance_of(built: BuiltFile, publisher: dict[str, Any] | None = None) -> bytes:
    """Return the provenance object of a file, as published by a repository."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": built.filename, "digest": {"sha256": built.sha256}}],
        "predicateType": "https://docs.example/attestations/publish/v1",
        "predicate": None,
    }
    attestation = {
        "version": 1,
        "verification_material": {
            "certificate": base64.b64encode(b"certificate").decode(),
            "transparency_entries": [{"logIndex": "1"}],
        },
        "envelope": {
            "statement": base64.b64encode(json.dumps(statement).encode()).decode(),
            "signature": base64.b64encode(b"signature").decode(),
        },
    }
    bundle = {"publisher": publisher or ACME, "attestations": [attestation]}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()
