"""Provenance objects beside the files of a switch (PEP 740), and the trusted root of a bundle."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Collection, Iterable, Mapping

from microrepo.standalone.importer.bundle_header import TRUSTED_ROOT_MEMBER
from microrepo.standalone.importer.control_files import CONTROL_FOLDER, TRUSTED_ROOT
from microrepo.standalone.importer.intake.content_survey import file_status
from microrepo.standalone.importer.intake.staging import Staging, file_sha256
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.standalone.server.names import PROVENANCE_SUFFIX
from microrepo.standalone.server.publishers import MAX_PROVENANCE_BYTES


def put_provenance(
    repository: str,
    entries: Iterable[ManifestProject | ManifestFile],
    projects: Collection[str],
) -> None:
    """Put the objects that a manifest lists beside the files in place; can be done again.

    They come from the staging or from the contents that snapshots protect. One that is nowhere is
    left out, and no page lists it.

    Args:
        repository: path of the repository.
        entries: of the manifest.
        projects: those that change.
    """
    # Without projects, the manifest need not be read.
    for entry in entries if projects else ():
        if isinstance(entry, ManifestFile) and entry.project in projects:
            _put_one(repository, entry)


def _put_one(repository: str, entry: ManifestFile) -> None:
    if not entry.provenance_sha256:
        return
    path = os.path.join(repository, entry.filename)
    status = file_status(path)
    if status is None or status.st_size != entry.size_bytes:
        return
    target, sha256 = path + PROVENANCE_SUFFIX, entry.provenance_sha256
    present = file_status(target)
    is_for_it = present is not None and present.st_mtime_ns == status.st_mtime_ns
    if is_for_it and file_sha256(target) == sha256:
        return
    control = os.path.join(repository, CONTROL_FOLDER)
    for place in (("staging", "objects", sha256), ("objects", sha256[:2], sha256)):
        content = _content(os.path.join(control, *place), sha256)
        if content:
            _write(control, target, content, status.st_mtime_ns)
            return


def _content(path: str, sha256: str) -> bytes:
    """Return the content of a file if it has the digest, else b""."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(MAX_PROVENANCE_BYTES + 1)
    except OSError:
        return b""
    return content if hashlib.sha256(content).hexdigest() == sha256 else b""


def _write(control: str, target: str, content: bytes, mtime_ns: int) -> None:
    folder = os.path.join(control, "partial")
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f"{secrets.token_hex(8)}.switch")
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
        os.utime(temporary, ns=(mtime_ns, mtime_ns))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def trusted_root_moves(staging: Staging, extras: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the move of a bundle's trusted root to its place below the control folder.

    Args:
        staging: in the control folder of the repository.
        extras: digests of members of the bundle.
    """
    sha256 = extras.get(TRUSTED_ROOT_MEMBER)
    if sha256 is None or not os.path.exists(staging.object_path(sha256)):
        return ()
    control = os.path.dirname(staging.folder)
    source = os.path.relpath(staging.object_path(sha256), control).replace(os.sep, "/")
    return ((source, TRUSTED_ROOT),)
