"""Evidence of files, verified by their objects on disk; a verdict is given once per trusted root."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.formats.attestations.provenance_object import read_provenance
from microrepo.model import Digests, Evidence, File, Verdict
from microrepo.operations.provenance.evidence_check import (
    EvidenceCheck,
    check_of,
    with_trusted_root,
)
from microrepo.selection.rules.policy import build_policy
from microrepo.stores.flat_directory import FlatDirectory
from tests.unit.operations.provenance.conftest import RealObject, root_of


@pytest.fixture
def directory(tmp_path: Path) -> FlatDirectory:
    directory = FlatDirectory(tmp_path / "repository")
    directory.prepare()
    return directory


@pytest.fixture
def check(directory: FlatDirectory) -> EvidenceCheck:
    config = Config(provenance="verify", trusted_root=str(root_of("sigstore.dev")))
    check = check_of(config, directory)
    assert check is not None
    return check


def file_of(real: RealObject) -> File:
    return File(
        real.filename, "u", "0.0.19", "sdist", Digests(real.sha256), provenance="https://i.example",
        evidence=read_provenance(real.encode(), "p"),
    )  # fmt: skip


def stage(directory: FlatDirectory, real: RealObject, *, beside: bool) -> None:
    if not beside:
        (directory.partial / f"{real.sha256}.provenance").write_bytes(real.encode())
        return
    directory.file(real.filename).write_bytes(b"content")
    path = directory.file(f"{real.filename}.provenance")
    path.write_bytes(real.encode())
    os.utime(path, ns=(directory.file(real.filename).stat().st_mtime_ns,) * 2)


@pytest.mark.parametrize("beside", [True, False], ids=["beside the file", "staged"])
def test_an_object_on_disk_is_verified(
    check: EvidenceCheck, directory: FlatDirectory, real: RealObject, beside: bool
) -> None:
    stage(directory, real, beside=beside)
    file = file_of(real)
    assert not check.is_done(file)
    evidence = check.checked(file).evidence
    assert evidence is not None
    assert (evidence.verdict, len(evidence.root)) == (Verdict.VERIFIED, 64)
    assert check.is_done(msgspec.structs.replace(file, evidence=evidence))


def test_without_its_object_it_is_unverifiable_and_asked_for_again(
    check: EvidenceCheck, directory: FlatDirectory, real: RealObject
) -> None:
    other = RealObject()
    other.bundle["publisher"]["repository"] = "acme/other"
    for _ in range(2):
        file = check.checked(file_of(real))
        assert file.evidence is not None
        assert (file.evidence.verdict, file.evidence.root) == (Verdict.UNVERIFIABLE, "")
        assert not check.is_done(file)
        stage(directory, other, beside=False)


def test_without_a_sha256_it_is_unverifiable(
    check: EvidenceCheck, directory: FlatDirectory, real: RealObject
) -> None:
    stage(directory, real, beside=True)
    listed = msgspec.structs.replace(file_of(real), digests=Digests(sha512="0" * 128))
    file = check.checked(listed)
    assert file.evidence is not None
    assert file.evidence.verdict is Verdict.UNVERIFIABLE
    assert "SHA-256" in file.evidence.detail
    assert check.is_done(file)


def test_a_verdict_of_another_root_is_given_again(
    check: EvidenceCheck, directory: FlatDirectory, real: RealObject
) -> None:
    stage(directory, real, beside=False)
    file = file_of(real)
    assert file.evidence is not None
    old = msgspec.structs.replace(file.evidence, verdict=Verdict.UNVERIFIABLE, root="f" * 64)
    again = check.checked(msgspec.structs.replace(file, evidence=old)).evidence
    assert again is not None
    assert again.verdict is Verdict.VERIFIED


def test_evidence_that_could_not_be_read_is_left(check: EvidenceCheck, real: RealObject) -> None:
    file = msgspec.structs.replace(file_of(real), evidence=Evidence(problem="HTTP 404"))
    assert check.is_done(file)
    assert check.checked(file) is file


def test_the_policy_names_the_root(directory: FlatDirectory) -> None:
    path = root_of("sigstore.dev")
    config = Config(provenance="verify", trusted_root=str(path))
    policy = build_policy(config, None)
    named = with_trusted_root(config, policy)
    assert (named.trust.verify, named.trust.keep, len(named.trust.root)) == (True, True, 64)
    assert named.fingerprint() != policy.fingerprint()
    plain = Config()
    assert with_trusted_root(plain, policy) is policy
    assert check_of(plain, directory) is None
