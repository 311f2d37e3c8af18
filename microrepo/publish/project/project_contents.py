"""Contents of a project's pages, from the state and the source's record. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from microrepo.formats.distribution.filenames import package_type_of, python_label
from microrepo.model import File, Info, NormalizedName, Project, Vulnerability
from microrepo.publish.links import Links
from microrepo.standalone.server.disk.files import rfc3339
from microrepo.standalone.server.names import parse_filename
from microrepo.state import FileRow

# Relative path from pypi/<project>/json and from simple/<project>/ to the flat directory.
BASE = "../../"
_encode_facts = msgspec.msgpack.Encoder().encode


class Contents(Struct, frozen=True, gc=False):
    """Contents of the pages of one project.

    Attributes:
        files: files in the flat directory, with the digests of their sidecars.
        serial: serial of the source's record; None without one.
        info: metadata of the project, for its document.
    """

    name: NormalizedName
    display_name: str
    files: tuple[File, ...]
    status: str = "active"
    status_reason: str | None = None
    serial: int | None = None
    info: Info = Info()
    vulnerabilities: tuple[Vulnerability, ...] = ()

    def digest(self) -> bytes:
        """Return a digest of the pages' content, without the serial."""
        facts = (
            self.display_name,
            self.files,
            self.status,
            self.status_reason,
            self.info,
            self.vulnerabilities,
        )
        return hashlib.blake2b(_encode_facts(facts), digest_size=16).digest()


def held_file(
    row: FileRow,
    listed: File | None,
    metadata_sha256: str | None,
    links: Links,
    is_attested: bool = False,
) -> File:
    """Return the record of a file in the flat directory.

    Args:
        row: its row in the state.
        listed: the source's record, None if it no longer lists the file.
        metadata_sha256: digest of its metadata file, or None.
        is_attested: its provenance object is beside it.
    """
    if listed is None:
        listed = unlisted_file(row)
    digests = row.digests if row.digests.sha256 else row.digests.completed_by(listed.digests)
    return msgspec.structs.replace(
        listed,
        url=links.kept(row.filename),
        version=row.version or listed.version,
        size=row.size,
        digests=digests,
        core_metadata=metadata_sha256 is not None,
        core_metadata_sha256=metadata_sha256,
        provenance=links.provenance(row.filename) if is_attested else None,
        evidence=None,
    )


def listed_file(row: FileRow, listed: File, links: Links) -> File:
    """Return the record of a file stored elsewhere.

    Its metadata file is listed if the source has one.
    """
    return msgspec.structs.replace(
        listed,
        url=links.url_of(row),
        version=row.version or listed.version,
        size=row.size,
        digests=listed.digests.completed_by(row.digests),
        core_metadata=links.at_source and listed.core_metadata,
        core_metadata_sha256=listed.core_metadata_sha256 if links.at_source else None,
        provenance=listed.provenance if links.at_source else None,
        evidence=None,
    )


def unlisted_file(row: FileRow) -> File:
    """Return the record of a file that only the state has."""
    parsed = parse_filename(row.filename)
    return File(
        filename=row.filename,
        url="",
        version=row.version or (parsed.version if parsed else ""),
        package_type=package_type_of(row.filename) or "unknown",
        upload_time=rfc3339(row.mtime_ns),
        python_version=python_label(row.filename),
    )


def contents_of(
    name: NormalizedName,
    display_name: str,
    files: tuple[File, ...],
    record: Project | None,
    serial: int | None,
) -> Contents:
    """Return the contents of a project's pages."""
    if record is None:
        return Contents(name, display_name, files, serial=serial)
    return Contents(
        name,
        display_name,
        files,
        record.status,
        record.status_reason,
        serial,
        record.info,
        record.vulnerabilities,
    )


def by_filename(record: Project | None) -> Mapping[str, File]:
    """Return the files of a source's record by name."""
    return {file.filename: file for file in record.files} if record else {}
