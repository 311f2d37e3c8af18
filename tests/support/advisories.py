"""Advisories in the OSV format, and the archive of them that OSV serves."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from microrepo.formats.advisories.index_building import build_index
from microrepo.formats.advisories.known_advisories import KnownAdvisories
from microrepo.standalone.server.advisories.advisory_index import AdvisoryIndex

MODIFIED = "2026-11-20T12:00:00Z"


def osv_record(
    record_id: str,
    project: str,
    *,
    introduced: str = "0",
    fixed: str = "",
    last_affected: str = "",
    versions: Iterable[str] = (),
    aliases: Iterable[Any] = (),
    modified: str = MODIFIED,
    **fields: Any,
) -> dict[str, Any]:
    """Return a record about one project; without `introduced` it has no range."""
    events: list[dict[str, str]] = [{"introduced": introduced}] if introduced else []
    events += [{"fixed": fixed}] if fixed else []
    events += [{"last_affected": last_affected}] if last_affected else []
    ranges = [{"type": "ECOSYSTEM", "events": events}] if events else []
    return {
        "schema_version": "1.6.0",
        "id": record_id,
        "modified": modified,
        "published": modified,
        "aliases": list(aliases),
        "summary": f"A flaw of {project}",
        "details": f"{project} has a flaw.",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": project, "purl": f"pkg:pypi/{project}"},
                "ranges": ranges,
                "versions": list(versions),
            }
        ],
        **fields,
    }


def osv_archive(
    records: Iterable[Mapping[str, Any]], members: Mapping[str, bytes] | None = None
) -> bytes:
    """Return the archive of some records, the same bytes for the same records.

    Args:
        members: other members, by name.
    """
    packed = io.BytesIO()
    every = {f"{one['id']}.json": json.dumps(one).encode() for one in records} | dict(members or {})
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in every.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 0, 0, 0)), body)
    return packed.getvalue()


def known_advisories(*records: dict[str, Any], ignored: Iterable[str] = ()) -> KnownAdvisories:
    """Return what is known by some records."""
    content = build_index(io.BytesIO(osv_archive(records)), "all.zip", "").content
    index = AdvisoryIndex(lambda offset, size: content[offset : offset + size])
    return KnownAdvisories(index, ignored)
