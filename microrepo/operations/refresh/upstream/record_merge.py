"""Merge of a new record of a project with the stored one, where the new one is silent."""

from __future__ import annotations

import msgspec

from microrepo.errors import StateCorrupt
from microrepo.model import PROVENANCE_FACTS, Digests, File, Project
from microrepo.state import unpack
from microrepo.state.rows import pack

# The newest attested files that a source no longer lists, per project.
_MOST_WITHDRAWN = 100


def facts_of(document: bytes) -> int:
    """Return the facts of a stored record, see `model.FACTS`; all if it is damaged."""
    try:
        return unpack(document).facts
    except StateCorrupt:
        return PROVENANCE_FACTS  # reported where the record is read


def _unless_told_more(document: bytes, stored: bytes) -> bytes:
    """Return the stored record if a new one differs only in advisories on releases."""
    try:
        before = unpack(stored)
    except StateCorrupt:
        return document
    if before.advised_at is None:
        return document
    project = msgspec.structs.replace(
        unpack(document), advisories=before.advisories, advised_at=before.advised_at
    )
    return stored if pack(project) == stored else document


def as_kept(
    document: bytes, stored: bytes, *, keeps_advisories: bool, keeps_provenance: bool = False
) -> bytes:
    """Return the record to store: the stored one if nothing is new."""
    if keeps_provenance:
        document = _with_known_provenance(document, stored)
    if keeps_advisories:
        document = _unless_told_more(document, stored)
    return with_known_values(document, stored)


def with_known_values(document: bytes, stored: bytes) -> bytes:
    """Return a new record, completed with facts of the previous one."""
    project = unpack(document)
    if not (project.silent_on_python or project.silent_on_status):
        return document
    try:
        before = unpack(stored)
    except StateCorrupt:
        return document
    if project.silent_on_status:
        project = msgspec.structs.replace(
            project,
            status=before.status,
            status_reason=before.status_reason,
            silent_on_status=before.silent_on_status,
        )
    if project.silent_on_python:
        project = _with_known_pythons(project, before)
    return pack(project)


def with_first_seen(document: bytes | None, stored: bytes | None, now: str) -> bytes | None:
    """Return a record in which files without an upload time have the time they were first seen.

    Args:
        document: the record; None without one.
        stored: the previous record, if there is one.
        now: the present time.
    """
    try:
        project = unpack(document) if document is not None else None
        before = unpack(stored).files if stored is not None else ()
    except StateCorrupt:
        return document
    if project is None or all(file.upload_time or file.seen_at for file in project.files):
        return document
    told = {_content_key(one): one.seen_at or now for one in before}
    files = tuple(
        file
        if file.upload_time
        else msgspec.structs.replace(file, seen_at=told.get(_content_key(file), now))
        for file in project.files
    )
    return pack(msgspec.structs.replace(project, files=files))


def _with_known_pythons(project: Project, before: Project) -> Project:
    """Return a new record with the Requires-Python read from wheels before."""
    told = {_content_key(one): one.requires_python for one in before.files}
    files = tuple(
        msgspec.structs.replace(one, requires_python=told.get(_content_key(one)))
        if one.requires_python is None
        else one
        for one in project.files
    )
    return msgspec.structs.replace(project, files=files)


def _content_key(file: File) -> tuple[object, ...]:
    """Return a key that is equal for records with the same content."""
    if file.digests == Digests():
        return file.filename, file.url, file.size
    return file.filename, file.digests


def _with_known_provenance(document: bytes, stored: bytes) -> bytes:
    """Return a new record with what attestations were known to contain.

    Attested files that the source no longer lists are remembered: a new owner who deletes the old
    releases of a project does not delete its history.
    """
    try:
        before = unpack(stored)
    except StateCorrupt:
        return document
    project = unpack(document)
    earlier = {_content_key(one): one for one in (*before.withdrawn, *before.files)}
    is_silent = project.silent_on_provenance
    files = tuple(_with_evidence(one, earlier, is_silent=is_silent) for one in project.files)
    listed = {_content_key(one) for one in files}
    gone = [one for key, one in earlier.items() if one.provenance and key not in listed]
    withdrawn = sorted(gone, key=lambda one: (one.upload_time or "", one.filename))
    merged = msgspec.structs.replace(
        project, files=files, withdrawn=tuple(withdrawn[-_MOST_WITHDRAWN:])
    )
    return document if merged == project else pack(merged)


def _with_evidence(file: File, earlier: dict[tuple[object, ...], File], *, is_silent: bool) -> File:
    known = earlier.get(_content_key(file))
    if known is None or not known.provenance:
        return file
    if is_silent or file.provenance == known.provenance:
        return msgspec.structs.replace(file, provenance=known.provenance, evidence=known.evidence)
    return file


def without_unread_evidence(project: Project) -> Project:
    """Return a record that asks again for the provenance that could not be read."""
    if not any(one.evidence is not None and one.evidence.problem for one in project.files):
        return project
    files = tuple(
        msgspec.structs.replace(one, evidence=None)
        if one.evidence is not None and one.evidence.problem
        else one
        for one in project.files
    )
    return msgspec.structs.replace(project, files=files)
