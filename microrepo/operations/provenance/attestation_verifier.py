"""Verifier of provenance objects (PEP 740), offline.

Each attestation is checked in an order that tells a forgery from what cannot be known here. One whose
form is newer than this program is unverifiable. Then:

1. The signature, by the key in its own certificate; the subject, by name and SHA-256; the publisher,
   by the certificate. If one of these is wrong, it is forged, whatever the trusted root says.
2. Whether the trusted root knows the logs. A log that is newer than the root, or that of another
   instance, makes an attestation unverifiable.
3. Everything else by sigstore, with one verifier for the whole run. A certificate that no known
   authority has issued is unverifiable; a wrong proof of a known log is forged.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.model import Verdict
from microrepo.operations.provenance.trusted_root import TrustedRootFile, read_trusted_root

_PAYLOAD_TYPE = b"application/vnd.in-toto+json"
_LOG_ENTRIES = frozenset({("dsse", "0.0.1"), ("hashedrekord", "0.0.2")})
Judged = tuple[Verdict, str]


class AttestationVerifier:
    """Verifies provenance objects with one trusted root.

    Attributes:
        root: the trusted root.
    """

    def __init__(self, root: TrustedRootFile) -> None:
        from pypi_attestations import AttestationType
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier

        self.root = root
        self._kinds = {one.value for one in AttestationType}
        self._verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root.path)))

    def verify(self, body: bytes, filename: str, sha256: str) -> Judged:
        """Return whether an object proves who published a file, and why not.

        Args:
            body: the object, of the form of PEP 740.
            sha256: digest of the file.
        """
        from pydantic import ValidationError
        from pypi_attestations import Provenance

        try:
            provenance = Provenance.model_validate_json(body)
        except ValidationError as error:
            # The form was checked before: a publisher or a field of a newer kind.
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            return Verdict.UNVERIFIABLE, f"this version cannot read {place}"
        found = [
            self._judged(bundle.publisher, attestation, filename, sha256)
            for bundle in provenance.attestation_bundles
            for attestation in bundle.attestations
        ]
        for verdict in (Verdict.FORGED, Verdict.UNVERIFIABLE):
            for one in found:
                if one[0] is verdict:
                    return one
        return Verdict.VERIFIED, ""

    def _judged(self, publisher: Any, attestation: Any, filename: str, sha256: str) -> Judged:
        """Return the verdict on one attestation, also if the libraries stumble over it."""
        from cryptography.exceptions import UnsupportedAlgorithm

        try:
            return self._verify_one(publisher, attestation, filename, sha256)
        except UnsupportedAlgorithm as error:
            return Verdict.UNVERIFIABLE, f"this version cannot read its key ({error})"
        except Exception as error:  # noqa: BLE001 - errors of several decoders of foreign bytes
            return Verdict.FORGED, f"malformed: {type(error).__name__}"

    def _verify_one(self, publisher: Any, attestation: Any, filename: str, sha256: str) -> Judged:
        from pypi_attestations import ConversionError
        from sigstore.errors import CertValidationError, Error

        if _entry_kind(attestation) not in _LOG_ENTRIES:
            return Verdict.UNVERIFIABLE, "an entry of an unknown kind in the log"
        try:
            bundle = attestation.to_bundle()
        except (ConversionError, Error) as error:
            return Verdict.FORGED, f"malformed: {error}"
        certificate, policy = bundle.signing_certificate, publisher._as_policy()  # noqa: SLF001
        forgery = _forgery(attestation, certificate, filename, sha256) or _other_identity(
            policy, certificate
        )
        if forgery:
            return Verdict.FORGED, forgery
        unknown = self._unknown(attestation, bundle, certificate)
        if unknown:
            return Verdict.UNVERIFIABLE, unknown
        try:
            self._verifier.verify_dsse(bundle, policy)
        except CertValidationError:
            return (
                Verdict.UNVERIFIABLE,
                "the trusted root does not know the issuer of its certificate",
            )
        except Error as error:
            return Verdict.FORGED, f"wrong proof: {error}"
        return Verdict.VERIFIED, ""

    def _unknown(self, attestation: Any, bundle: Any, certificate: Any) -> str:
        """Return what the trusted root, or this version, does not know; "" if it knows all."""
        if attestation.statement.get("predicateType") not in self._kinds:
            return "an attestation of an unknown kind"
        entry = bundle.log_entry._inner  # noqa: SLF001
        if base64.b64encode(entry.log_id.key_id).decode() not in self.root.logs:
            return "the trusted root does not know its log"
        if not (entry.integrated_time and entry.inclusion_promise):
            return "the log does not say when it was signed"
        if not _certificate_logs(certificate) <= self.root.certificate_logs:
            return "the trusted root does not know the log of its certificate"
        return ""


def _entry_kind(attestation: Any) -> tuple[object, object]:
    """Return kind and version of the first entry in a log, which is the one that is verified."""
    kind = attestation.verification_material.transparency_entries[0].get("kindVersion")
    return (kind.get("kind"), kind.get("version")) if isinstance(kind, dict) else ("", "")


def _forgery(attestation: Any, certificate: Any, filename: str, sha256: str) -> str:
    """Return what is wrong in an attestation by itself, "" if nothing is."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    statement = attestation.envelope.statement
    signed = b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE, len(statement), statement)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return "a key of another kind than sigstore's"
    try:
        key.verify(attestation.envelope.signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return "wrong signature"
    subjects = attestation.statement.get("subject")
    if not isinstance(subjects, list) or len(subjects) != 1 or not isinstance(subjects[0], dict):
        return "not about one file"
    name, digest = subjects[0].get("name"), subjects[0].get("digest")
    if not isinstance(name, str) or not _is_same_name(name, filename):
        return f"signed for another file name, {str(name)[:100]!r}"
    if not isinstance(digest, dict) or digest.get("sha256") != sha256:
        return "signed for another content"
    return ""


def _is_same_name(signed: str, filename: str) -> bool:
    """Return whether two names are one file: build services spell the project in other ways."""
    if signed == filename:
        return True
    parse: Any = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
    try:
        return bool(parse(signed) == parse(filename))
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return False


def _other_identity(policy: Any, certificate: Any) -> str:
    from sigstore.errors import VerificationError

    try:
        policy.verify(certificate)
    except VerificationError:
        return "signed by another publisher than the object names"
    except ValueError:
        return "a certificate without the claims of its publisher"
    return ""


def _certificate_logs(certificate: Any) -> frozenset[str]:
    """Return the ids of the logs that have a certificate, as the certificate says."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(
            x509.PrecertificateSignedCertificateTimestamps
        )
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(base64.b64encode(one.log_id).decode() for one in found.value)


def verifier_of(config: Config) -> AttestationVerifier | None:
    """Return the verifier of a run, None unless the settings ask for one.

    Raises:
        ConfigError: the trusted root cannot be read, or the extra is not installed.
    """
    if config.provenance != "verify":
        return None
    return _open(read_trusted_root(config))


@lru_cache(maxsize=2)
def _open(root: TrustedRootFile) -> AttestationVerifier:
    try:
        return AttestationVerifier(root)
    except Exception as error:  # sigstore raises errors of several libraries
        raise ConfigError(f"$.trusted_root: {root.path}: not a trusted root: {error}") from error
