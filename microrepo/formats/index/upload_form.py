"""Fields of the legacy upload form. Pure.

The field names are those of PyPI's upload API, which every index with uploads uses.
"""

from __future__ import annotations

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.filenames import (
    package_type_of,
    python_label,
    split_release,
)
from microrepo.formats.distribution.header_fields import metadata_fields
from microrepo.model import Digests

UNKNOWN = "UNKNOWN"
_OLD_STYLE_FIELDS = ("summary", "home_page", "author", "author_email", "license", "platform")
# Header -> form field, where the form says it otherwise than in lower case with underscores.
_RENAMED = {"classifier": "classifiers", "project-url": "project_urls"}
_REPEATED = frozenset(
    {
        "classifier",
        "dynamic",
        "license-file",
        "obsoletes",
        "obsoletes-dist",
        "platform",
        "project-url",
        "provides",
        "provides-dist",
        "provides-extra",
        "requires",
        "requires-dist",
        "requires-external",
        "supported-platform",
    }
)
_SINGLE = frozenset(
    {
        "author",
        "author-email",
        "description-content-type",
        "download-url",
        "home-page",
        "keywords",
        "license",
        "license-expression",
        "maintainer",
        "maintainer-email",
        "metadata-version",
        "name",
        "requires-python",
        "summary",
        "version",
    }
)


def form_fields(filename: str, metadata: bytes | None, digests: Digests) -> list[tuple[str, str]]:
    """Return the fields of the form, without the file itself.

    Args:
        filename: of the distribution; tells its type and Pythons.
        metadata: METADATA or PKG-INFO. None for an old distribution without any: name and version
            come from the file name then, and the rest is ``UNKNOWN``.
        digests: of the content.

    Raises:
        MalformedResponse: neither metadata nor file name give name and version.
    """
    described = _from_metadata(metadata) if metadata is not None else []
    names = {name for name, _ in described}
    if not {"name", "version"} <= names:
        described = _from_name(filename)
    fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        *described,
        ("filetype", package_type_of(filename) or "sdist"),
        ("pyversion", python_label(filename)),
    ]
    if digests.sha256:
        fields.append(("sha256_digest", digests.sha256))
    if digests.blake2b_256:
        fields.append(("blake2_256_digest", digests.blake2b_256))
    return fields


def _from_metadata(metadata: bytes) -> list[tuple[str, str]]:
    headers, payload = metadata_fields(metadata)
    fields: list[tuple[str, str]] = []
    for header, values in headers.items():
        name = _RENAMED.get(header, header.replace("-", "_"))
        if header in _REPEATED:
            fields.extend((name, value) for value in values if value)
        elif header in _SINGLE and values[0]:
            fields.append((name, values[0]))
    description = headers.get("description", [""])[0] or payload.strip("\n")
    if description:
        fields.append(("description", description))
    return fields


def _from_name(filename: str) -> list[tuple[str, str]]:
    release = split_release(filename)
    if release is None:
        raise MalformedResponse(filename, "neither its metadata nor its name gives a version")
    name, version = release
    return [
        ("metadata_version", "1.0"),
        ("name", name),
        ("version", version),
        *((field, UNKNOWN) for field in _OLD_STYLE_FIELDS),
    ]
