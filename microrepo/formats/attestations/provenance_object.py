"""Parser of provenance objects (PEP 740): their form, publishers and subjects; no cryptography.

An object is kept beside its file and handed on, so it must have the form that the PEP demands, and its
statements must name the file. Whether the signatures hold is another question.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import PROVENANCE, check_size
from microrepo.formats.index.values import JSON_MARKS, UNREADABLE
from microrepo.model import Evidence, TrustedPublisher

_LONGEST_NAME = 300
_MAX_DEPTH = 64
_Some = Meta(min_length=1, max_length=PROVENANCE.entries)


class _Material(Struct):
    certificate: str
    transparency_entries: Annotated[list[dict[str, msgspec.Raw]], _Some]


class _Envelope(Struct):
    statement: str
    signature: str


class _Attestation(Struct):
    version: Literal[1]
    verification_material: _Material
    envelope: _Envelope


class _AttestationBundle(Struct):
    publisher: dict[str, msgspec.Raw]
    attestations: Annotated[list[_Attestation], _Some]


class _Provenance(Struct):
    attestation_bundles: Annotated[list[_AttestationBundle], _Some]
    version: Literal[1] = 1


class _Subject(Struct):
    name: str | None = None
    digest: dict[str, str] = {}


class _Statement(Struct):
    subject: Annotated[list[_Subject], _Some]


_decode = msgspec.json.Decoder(_Provenance).decode
_decode_statement = msgspec.json.Decoder(_Statement).decode
_decode_text = msgspec.json.Decoder(str).decode


def read_provenance(body: bytes, name: str, sha256: str | None = None) -> Evidence:
    """Return what the provenance object of a file contains.

    Args:
        name: the object's name in messages.
        sha256: digest of the file, which each attestation must name; None if it is unknown.

    Raises:
        MalformedResponse: it is too large, has not the form of PEP 740, or is about another file.
    """
    check_size(body, PROVENANCE, name, JSON_MARKS)
    _check_depth(body, name)
    try:
        found = _decode(body)
    except UNREADABLE as error:
        raise MalformedResponse(name, f"not a provenance object ({error})") from error
    publishers: dict[TrustedPublisher, None] = {}
    for bundle in found.attestation_bundles:
        publishers[_publisher(bundle.publisher, name)] = None
        for attestation in bundle.attestations:
            _check_statement(attestation.envelope.statement, name, sha256)
    return Evidence(hashlib.sha256(body).hexdigest(), tuple(publishers))


def _check_depth(body: bytes, name: str) -> None:
    """Raise MalformedResponse if brackets outnumber any real nesting; decoders may recurse."""
    depth = deepest = 0
    for byte in body.translate(None, _NOT_BRACKETS):
        # Brackets within texts may close more than was opened.
        depth = depth + 1 if byte in b"[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        raise MalformedResponse(name, "not a provenance object (nested too deeply)")


_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def _check_statement(encoded: str, name: str, sha256: str | None) -> None:
    try:
        statement = _decode_statement(base64.b64decode(encoded, validate=True))
    except (*UNREADABLE, ValueError) as error:
        raise MalformedResponse(
            name, f"not a provenance object (its statement: {error})"
        ) from error
    if sha256 is None:
        return
    if not any(one.digest.get("sha256") == sha256 for one in statement.subject):
        raise MalformedResponse(name, "its attestations are about another file")


def _publisher(raw: dict[str, msgspec.Raw], name: str) -> TrustedPublisher:
    """Return the identity in a publisher of any kind; fields of new kinds may be unknown."""
    values = {key: text for key in raw if (text := _text(raw[key]))}
    kind = values.get("kind")
    if not kind:
        raise MalformedResponse(name, "not a provenance object (a publisher has no kind)")
    project = values.get("project_id") or "/".join(
        values[key] for key in ("namespace", "project") if key in values
    )
    return TrustedPublisher(
        kind,
        values.get("repository") or values.get("email") or project,
        values.get("workflow")
        or values.get("workflow_filepath")
        or values.get("pipeline_definition_id", ""),
        values.get("environment", ""),
    )


def _text(raw: msgspec.Raw) -> str:
    """Return a JSON text, shortened, "" for another value."""
    try:
        return _decode_text(raw)[:_LONGEST_NAME]
    except UNREADABLE:
        return ""
