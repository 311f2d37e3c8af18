"""Check of evidence: the provenance object of a file, read from disk and verified."""

from __future__ import annotations

from pathlib import Path

import msgspec

from microrepo.config.schema import Config
from microrepo.errors import MalformedResponse
from microrepo.formats.attestations.provenance_object import read_provenance
from microrepo.model import Evidence, File, Verdict
from microrepo.operations.provenance.attestation_verifier import AttestationVerifier, verifier_of
from microrepo.selection.rules.policy import Policy
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.plain_files import read_plain_file
from microrepo.stores.sidecars import read_provenance_object


def with_trusted_root(config: Config, policy: Policy) -> Policy:
    """Return a policy that names the trusted root which verifies, if one does.

    Raises:
        ConfigError: the trusted root cannot be read, or the extra is not installed.
    """
    verifier = verifier_of(config)
    if verifier is None:
        return policy
    trust = msgspec.structs.replace(policy.trust, root=verifier.root.sha256)
    return msgspec.structs.replace(policy, trust=trust)


class EvidenceCheck:
    """Verifies the provenance objects that a repository has, or that were staged for it."""

    def __init__(self, directory: FlatDirectory, verifier: AttestationVerifier) -> None:
        self._directory = directory
        self._verifier = verifier

    def is_done(self, file: File) -> bool:
        """Return whether nothing can be said about a file's evidence beyond what is known."""
        evidence = file.evidence
        return evidence is not None and (
            bool(evidence.problem)
            or (evidence.verdict is not None and evidence.root == self._verifier.root.sha256)
        )

    def checked(self, file: File) -> File:
        """Return a file with the verdict on its evidence.

        A verdict holds for a content and a trusted root, so it is given once.
        """
        evidence, root = file.evidence, self._verifier.root.sha256
        if evidence is None or self.is_done(file):
            return file
        sha256 = file.digests.sha256
        body = self._body(file, evidence)
        if sha256 is None:
            verdict, detail = Verdict.UNVERIFIABLE, "the source lists no SHA-256 of the file"
        elif body is None:
            # Without a root, so that the next run asks for the object.
            verdict, detail, root = Verdict.UNVERIFIABLE, "its attestations are not at hand", ""
        else:
            verdict, detail = self._verifier.verify(body, file.filename, sha256)
        checked = msgspec.structs.replace(evidence, verdict=verdict, detail=detail, root=root)
        return msgspec.structs.replace(file, evidence=checked)

    def _body(self, file: File, evidence: Evidence) -> bytes | None:
        """Return the object that the evidence is about."""
        disk = self._directory.stat(file.filename)
        beside = (
            None
            if disk is None
            else read_provenance_object(self._directory.path, file.filename, disk.mtime_ns)
        )
        for body in (beside, _staged(self._directory.partial, file.digests.sha256)):
            if body is not None and _is_of(body, evidence):
                return body
        return None


def _staged(partial: Path, sha256: str | None) -> bytes | None:
    try:
        return read_plain_file(partial / f"{sha256}.provenance") if sha256 else None
    except OSError:
        return None


def _is_of(body: bytes, evidence: Evidence) -> bool:
    try:
        return read_provenance(body, "").sha256 == evidence.sha256
    except MalformedResponse:
        return False


def check_of(config: Config, directory: FlatDirectory) -> EvidenceCheck | None:
    """Return the check of a run, None unless the settings ask for one.

    Raises:
        ConfigError: as for `verifier_of`.
    """
    verifier = verifier_of(config)
    return None if verifier is None else EvidenceCheck(directory, verifier)
