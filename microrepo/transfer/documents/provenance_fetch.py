"""Reader of provenance objects (PEP 740) from sources."""

from __future__ import annotations

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.errors import MicrorepoError, Unavailable
from microrepo.formats.attestations.provenance_object import read_provenance
from microrepo.formats.bounds import PROVENANCE
from microrepo.repositories.sources.directory_source import local_path
from microrepo.stores.plain_files import open_plain_file
from microrepo.transfer.download.side_document import read_side_document
from microrepo.transfer.tasks import FetchProvenance, ProvenanceOutcome

_HEADERS = {"Accept": "application/vnd.pypi.integrity.v1+json, application/json;q=0.5"}


def fetch_provenance(client: Client, task: FetchProvenance) -> ProvenanceOutcome:
    """Return what the provenance object of a file contains; failures as an outcome with `error`."""
    try:
        body = provenance_body(client, task.url)
        evidence = read_provenance(body, f"{task.filename}.provenance", task.sha256)
    except MicrorepoError as error:
        return ProvenanceOutcome(task.filename, error=error.why(task.filename))
    return ProvenanceOutcome(task.filename, evidence, fetched_bytes=len(body))


def provenance_body(client: Client, url: str) -> bytes:
    """Return the bytes of a provenance object, from the web or a local directory.

    Raises:
        SourceError: it cannot be read, or is too large.
    """
    path = local_path(url)
    if path is None:
        client.await_turn()
        body = read_side_document(client, url, _HEADERS, PROVENANCE)
    else:
        try:
            with open_plain_file(path) as stream:
                body = stream.read(PROVENANCE.size_bytes + 1)
        except OSError as error:
            raise Unavailable(str(path), f"cannot be read: {error.strerror}") from error
    if body is None:
        raise Unavailable(public_url(url), "the announced attestations do not exist")
    return body
