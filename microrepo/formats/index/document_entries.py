"""Entries of PyPI's JSON documents, and the records made of them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.index.index_records import join_link
from microrepo.formats.index.values import (
    announced_digests,
    checked_digest,
    checked_size,
    is_yanked,
)
from microrepo.formats.times import normalize_time
from microrepo.model import File, Info, Vulnerability


class RawFile(Struct):
    """A file as the document lists it."""

    filename: str
    url: str
    packagetype: str | None = None
    python_version: str | None = None
    size: int | None = None
    digests: dict[str, str | None] | None = None
    md5_digest: str | None = None
    requires_python: str | msgspec.UnsetType | None = msgspec.UNSET
    upload_time_iso_8601: str | None = None
    upload_time: str | None = None
    yanked: bool | str | int | None = False
    yanked_reason: str | None = None
    core_metadata: bool | dict[str, str | None] | None = field(default=None, name="core-metadata")


class RawInfo(Info, frozen=True):
    """The key `info` of a document."""

    name: str | None = None


class RawVulnerability(Struct):
    """An advisory on the release that `info` describes."""

    id: str
    aliases: list[str] | None = None
    summary: str | None = None
    fixed_in: list[str] | None = None
    link: str | None = None
    withdrawn: str | None = None


def to_file(raw: RawFile, version: str, base_url: str) -> File:
    """Return the record of a file.

    Raises:
        ValueError: its URL, size or digests cannot be those of a file.
    """
    size = checked_size(raw.size)
    url = raw.url
    if not url.startswith(("https://", "http://")):
        url = join_link(base_url, url)
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"URL is not http(s): {raw.url[:80]!r}")
    metadata = raw.core_metadata
    digests = raw.digests or {}
    if raw.md5_digest and not digests.get("md5"):
        digests = {**digests, "md5": raw.md5_digest}
    return File(
        filename=raw.filename,
        url=url,
        version=version,
        package_type=raw.packagetype or package_type_of(raw.filename) or "unknown",
        digests=announced_digests(digests, raw.filename),
        size=size,
        requires_python=raw.requires_python or None,
        upload_time=normalize_time(raw.upload_time_iso_8601 or raw.upload_time),
        python_version=raw.python_version,
        yanked=is_yanked(raw.yanked),
        yanked_reason=raw.yanked_reason or None,
        core_metadata=bool(metadata),
        core_metadata_sha256=(
            checked_digest("sha256", metadata.get("sha256")) if isinstance(metadata, dict) else None
        ),
    )


def to_info(raw: RawInfo) -> Info:
    """Return the record of `info`; what is empty there is absent here."""
    values: dict[str, Any] = {name: getattr(raw, name) for name in Info.__struct_fields__}
    # Some owners paste the whole text of a license here; one line is what rules look at.
    values["license"] = (raw.license or "").strip().partition("\n")[0][:200]
    return Info(**{name: value for name, value in values.items() if value})


def to_vulnerabilities(raw: list[RawVulnerability] | None) -> tuple[Vulnerability, ...]:
    """Return the advisories that are not withdrawn."""
    return tuple(
        Vulnerability(
            id=entry.id,
            aliases=tuple(entry.aliases or ()),
            summary=entry.summary,
            fixed_in=tuple(entry.fixed_in or ()),
            link=entry.link,
        )
        for entry in raw or ()
        if not entry.withdrawn
    )
