"""Real attestations are verified; forged ones are told from those that cannot be known here."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from microrepo.config.schema import Config
from microrepo.model import Verdict
from microrepo.operations.provenance.attestation_verifier import AttestationVerifier, verifier_of
from microrepo.operations.provenance.trusted_root import read_trusted_root
from tests.unit.operations.provenance.conftest import CASES, RealObject, root_of


def open_verifier(path: Path) -> AttestationVerifier:
    return AttestationVerifier(read_trusted_root(Config(trusted_root=str(path))))


@pytest.fixture(scope="module")
def verifier() -> AttestationVerifier:
    return open_verifier(root_of("sigstore.dev"))


def judge(verifier: AttestationVerifier, real: RealObject) -> tuple[Verdict, str]:
    return verifier.verify(real.encode(), real.filename, real.sha256)


def test_a_real_object_is_verified(verifier: AttestationVerifier, real: RealObject) -> None:
    assert judge(verifier, real) == (Verdict.VERIFIED, "")


def test_a_name_spelt_otherwise_is_the_same_file(
    verifier: AttestationVerifier, real: RealObject
) -> None:
    found = verifier.verify(real.encode(), "PyPI-Attestations-0.0.19.tar.gz", real.sha256)
    assert found == (Verdict.VERIFIED, "")


def test_publishers_of_other_services_are_verified(verifier: AttestationVerifier) -> None:
    path = CASES / "gitlab_oidc_project-0.0.3.tar.gz.publish.attestation"
    attestation = json.loads(path.read_bytes())
    statement = json.loads(base64.b64decode(attestation["envelope"]["statement"]))
    subject = statement["subject"][0]
    publisher = {
        "kind": "GitLab",
        "repository": "facutuesca/gitlab-oidc-project",
        "workflow_filepath": ".gitlab-ci.yml",
    }
    values = {
        "version": 1,
        "attestation_bundles": [{"publisher": publisher, "attestations": [attestation]}],
    }
    body = json.dumps(values).encode()
    found = verifier.verify(body, subject["name"], subject["digest"]["sha256"])
    assert found == (Verdict.VERIFIED, "")


def _other_subject(real: RealObject) -> None:
    real.restate({**real.statement, "subject": [{"name": real.filename, "digest": {}}]})


def _other_predicate(real: RealObject) -> None:
    real.restate({**real.statement, "predicate": {"a": 1}})


def _other_signature(real: RealObject) -> None:
    signature = bytearray(base64.b64decode(real.attestation["envelope"]["signature"]))
    signature[-1] ^= 1
    real.attestation["envelope"]["signature"] = base64.b64encode(signature).decode()


def _other_repository(real: RealObject) -> None:
    real.bundle["publisher"]["repository"] = "evil/pypi-attestations"


def _other_workflow(real: RealObject) -> None:
    real.bundle["publisher"]["workflow"] = "evil.yml"


def _other_service(real: RealObject) -> None:
    real.bundle["publisher"] = {"kind": "Google", "email": "evil@example.com"}


def _broken_certificate(real: RealObject) -> None:
    real.attestation["verification_material"]["certificate"] = "YQ=="


def _other_time(real: RealObject) -> None:
    entry = real.attestation["verification_material"]["transparency_entries"][0]
    entry["integratedTime"] = str(int(entry["integratedTime"]) + 60)


def _other_index(real: RealObject) -> None:
    entry = real.attestation["verification_material"]["transparency_entries"][0]
    entry["inclusionProof"]["logIndex"] = str(int(entry["inclusionProof"]["logIndex"]) + 1)


def _odd_kind(real: RealObject) -> None:
    real.attestation["verification_material"]["transparency_entries"][0]["kindVersion"]["kind"] = []


def _far_time(real: RealObject) -> None:
    entry = real.attestation["verification_material"]["transparency_entries"][0]
    entry["integratedTime"] = "99999999999999999"


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (_odd_kind, "malformed"),
        (_far_time, ""),
        (_other_subject, "wrong signature"),
        (_other_predicate, "wrong signature"),
        (_other_signature, "wrong signature"),
        (_other_repository, "another publisher"),
        (_other_workflow, "another publisher"),
        (_other_service, "another publisher"),
        (_broken_certificate, "malformed"),
        (_other_time, "wrong proof"),
        (_other_index, "malformed"),
    ],
)
def test_forged_objects_are_recognised(
    verifier: AttestationVerifier, real: RealObject, forge: Any, words: str
) -> None:
    forge(real)
    verdict, detail = judge(verifier, real)
    assert verdict is Verdict.FORGED
    assert words in detail


def test_an_object_of_another_file_is_forged(
    verifier: AttestationVerifier, real: RealObject
) -> None:
    body = real.encode()
    other_name = verifier.verify(body, "pypi_attestations-0.0.20.tar.gz", real.sha256)
    assert other_name[0] is Verdict.FORGED
    assert "another file name" in other_name[1]
    other_content = verifier.verify(body, real.filename, "0" * 64)
    assert other_content == (Verdict.FORGED, "signed for another content")


def test_one_forged_attestation_among_good_ones_counts(
    verifier: AttestationVerifier, real: RealObject
) -> None:
    good = json.loads(json.dumps(real.attestation))
    _other_signature(real)
    real.bundle["attestations"].insert(0, good)
    assert judge(verifier, real)[0] is Verdict.FORGED


def test_a_root_that_does_not_know_the_log_proves_nothing(real: RealObject) -> None:
    found = judge(open_verifier(root_of("sigstage.dev")), real)
    assert found == (Verdict.UNVERIFIABLE, "the trusted root does not know its log")


def test_a_root_without_the_issuer_proves_nothing(real: RealObject, tmp_path: Path) -> None:
    values = json.loads(root_of("sigstore.dev").read_bytes())
    values["certificateAuthorities"] = json.loads(root_of("sigstage.dev").read_bytes())[
        "certificateAuthorities"
    ]
    path = tmp_path / "root.json"
    path.write_text(json.dumps(values))
    verdict, detail = judge(open_verifier(path), real)
    assert (verdict, "issuer" in detail) == (Verdict.UNVERIFIABLE, True)


def test_a_root_without_the_log_of_certificates_proves_nothing(
    real: RealObject, tmp_path: Path
) -> None:
    values = json.loads(root_of("sigstore.dev").read_bytes())
    values["ctlogs"] = json.loads(root_of("sigstage.dev").read_bytes())["ctlogs"]
    path = tmp_path / "root.json"
    path.write_text(json.dumps(values))
    verdict, detail = judge(open_verifier(path), real)
    assert (verdict, "log of its certificate" in detail) == (Verdict.UNVERIFIABLE, True)


def _newer_publisher(real: RealObject) -> None:
    real.bundle["publisher"] = {"kind": "Later", "repository": "a/b"}


def _newer_entry(real: RealObject) -> None:
    entry = real.attestation["verification_material"]["transparency_entries"][0]
    entry["kindVersion"]["version"] = "0.0.9"


@pytest.mark.parametrize("change", [_newer_publisher, _newer_entry])
def test_what_is_newer_than_this_program_proves_nothing(
    verifier: AttestationVerifier, real: RealObject, change: Any
) -> None:
    change(real)
    assert judge(verifier, real)[0] is Verdict.UNVERIFIABLE


def test_one_verifier_serves_a_run() -> None:
    config = Config(provenance="verify", trusted_root=str(root_of("sigstore.dev")))
    assert verifier_of(config) is verifier_of(config)
    assert verifier_of(Config(provenance="keep")) is None
