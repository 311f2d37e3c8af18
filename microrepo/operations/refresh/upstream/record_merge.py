"""Merge of a new record of a project with the stored one, where the new one is silent."""

from __future__ import annotations

import msgspec

from microrepo.errors import StateCorrupt
from microrepo.model import FACTS, Digests, File, Project
from microrepo.state import unpack
from microrepo.state.rows import pack


def facts_of(document: bytes) -> int:
    """Return the facts of a stored record, as counted by `model.FACTS`; all if it is damaged."""
    try:
        return unpack(document).facts
    except StateCorrupt:
        return FACTS  # reported where the record is read


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


def as_kept(document: bytes, stored: bytes, *, keeps_advisories: bool) -> bytes:
    """Return the record to store: the stored one if nothing is new."""
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
