"""Reader of provenance objects (PEP 740) from sources."""

from __future__ import annotations

from pathlib import Path

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.errors import MicrorepoError, Unavailable
from microrepo.formats.attestations.provenance_object import read_provenance
from microrepo.formats.bounds import PROVENANCE
from microrepo.repositories.sources.directory_source import local_path
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.plain_files import open_plain_file, read_plain_file, write_plain_file
from microrepo.stores.sidecars import write_provenance
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.download.side_document import read_side_document
from microrepo.transfer.tasks import FetchProvenance, ProvenanceOutcome

_HEADERS = {"Accept": "application/vnd.pypi.integrity.v1+json, application/json;q=0.5"}


def fetch_provenance(client: Client, task: FetchProvenance, place: Place) -> ProvenanceOutcome:
    """Return what the provenance object of a file contains; failures as an outcome with `error`.

    Args:
        place: the repository, for objects that are kept.
    """
    staged = Path(place.partial, f"{task.sha256}.provenance") if task.sha256 else None
    fetched_bytes = 0
    try:
        body = _staged(staged) if task.keep else None
        if body is None:
            body = provenance_body(client, task.url)
            fetched_bytes = len(body)
        evidence = read_provenance(body, f"{task.filename}.provenance", task.sha256)
        if task.keep:
            write_provenance(place.directory, task.filename, body)
            if staged is not None:
                staged.unlink(missing_ok=True)
        elif task.stage and staged is not None:
            write_plain_file(staged, body)
    except MicrorepoError as error:
        return ProvenanceOutcome(task.filename, error=error.why(task.filename))
    except OSError as error:
        return ProvenanceOutcome(task.filename, error=f"cannot be kept: {disk_words(error)}")
    return ProvenanceOutcome(task.filename, evidence, fetched_bytes=fetched_bytes)


def _staged(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return read_plain_file(path)
    except OSError:
        return None


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
