"""Real attestations, and the trusted roots that sigstore brings."""

from __future__ import annotations

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[3] / "cases" / "attestations"
SDIST = "pypi_attestations-0.0.19.tar.gz"


class RealObject:
    """A real provenance object, to be changed and encoded again."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = json.loads((CASES / f"{SDIST}.provenance").read_bytes())
        self.filename = SDIST
        self.sha256: str = self.statement["subject"][0]["digest"]["sha256"]

    @property
    def bundle(self) -> dict[str, Any]:
        bundle: dict[str, Any] = self.values["attestation_bundles"][0]
        return bundle

    @property
    def attestation(self) -> dict[str, Any]:
        attestation: dict[str, Any] = self.bundle["attestations"][0]
        return attestation

    @property
    def statement(self) -> dict[str, Any]:
        statement: dict[str, Any] = json.loads(
            base64.b64decode(self.attestation["envelope"]["statement"])
        )
        return statement

    def restate(self, statement: dict[str, Any]) -> None:
        """Replace what was signed, without a new signature."""
        encoded = base64.b64encode(json.dumps(statement).encode()).decode()
        self.attestation["envelope"]["statement"] = encoded

    def encode(self) -> bytes:
        return json.dumps(self.values).encode()


@pytest.fixture
def real() -> RealObject:
    return RealObject()


def root_of(instance: str) -> Path:
    """Return the trusted root of one of sigstore's instances."""
    pytest.importorskip("sigstore", reason="the extra provenance is not installed")
    folders = [one for one in resources.files("sigstore._store").iterdir() if instance in one.name]
    return Path(str(folders[0])) / "trusted_root.json"
