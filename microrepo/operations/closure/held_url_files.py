"""Files of direct URLs, from the state."""

from __future__ import annotations

import msgspec

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.model import File
from microrepo.plan import same_content
from microrepo.selection.resolver.facts import UrlFile
from microrepo.state import FileRow


def is_behind(row: FileRow, file: File) -> bool:
    """Return whether a recorded file is that of a direct URL."""
    same = same_content(file.digests, row.digests)
    return row.url == file.url if same is None else same


def held_url_file(row: FileRow, metadata: CoreMetadata) -> UrlFile:
    """Return the file of a direct URL from its recorded row and metadata."""
    file = file_of_row(row)
    return UrlFile(
        msgspec.structs.replace(file, requires_python=metadata.requires_python), metadata
    )


def file_of_row(row: FileRow) -> File:
    """Return the file that a row records."""
    kind = package_type_of(row.filename) or ""
    return File(row.filename, row.url, row.version, kind, row.digests, row.size)
