"""Check of the provenance objects beside files: their form, their subject, their signatures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from microrepo.config.schema import Config
from microrepo.errors import MalformedResponse
from microrepo.formats.attestations.provenance_object import read_provenance
from microrepo.formats.bounds import PROVENANCE
from microrepo.model import Verdict
from microrepo.operations.provenance.attestation_verifier import AttestationVerifier, verifier_of
from microrepo.operations.records.report import Failure
from microrepo.state import FileRow
from microrepo.stores.flat_directory import FlatDirectory, provenance_name
from microrepo.stores.plain_files import open_plain_file


def faults_of_provenance(
    config: Config, directory: FlatDirectory, rows: Iterable[FileRow]
) -> Iterator[tuple[Failure, bool]]:
    """Yield the faults of provenance objects, and whether each is a mere warning.

    Nothing is checked unless the settings ask for provenance. What a trusted root does not know is
    a warning: it can be old.

    Raises:
        ConfigError: the settings ask for signatures, and the extra or the trusted root is missing.
    """
    if config.provenance == "off":
        return
    verifier = verifier_of(config)
    for row in rows:
        name = provenance_name(row.filename)
        if directory.stat(name) is None:
            continue
        verdict, why = _judge(directory, row, verifier)
        if verdict is not Verdict.VERIFIED:
            yield Failure(name, why), verdict is Verdict.UNVERIFIABLE


def _judge(
    directory: FlatDirectory, row: FileRow, verifier: AttestationVerifier | None
) -> tuple[Verdict, str]:
    name, sha256 = provenance_name(row.filename), row.digests.sha256
    try:
        with open_plain_file(directory.file(name)) as stream:
            body = stream.read(PROVENANCE.size_bytes + 1)
        read_provenance(body, name, sha256)
    except OSError as error:
        return Verdict.FORGED, f"cannot be read: {error.strerror}"
    except MalformedResponse as error:
        return Verdict.FORGED, error.why(name)
    if verifier is None or sha256 is None:
        return Verdict.VERIFIED, ""
    verdict, detail = verifier.verify(body, row.filename, sha256)
    shown = "forged" if verdict is Verdict.FORGED else "cannot be verified"
    return verdict, f"{shown}: {detail}"
