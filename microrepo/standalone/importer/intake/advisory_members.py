"""Advisories in a bundle: members that become the kept advisories of the repository."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import NamedTuple

from microrepo.standalone.importer.bundle_header import ADVISORY_MEMBERS
from microrepo.standalone.importer.intake.staging import Staging
from microrepo.standalone.server.advisories.advisory_index import (
    ARCHIVE_PLACE,
    INDEX_PLACE,
    ORIGIN_PLACE,
    OSV_FOLDER,
)

_MAX_ORIGIN_BYTES = 1 << 16
ARCHIVE_MEMBER, INDEX_MEMBER, ORIGIN_MEMBER = ADVISORY_MEMBERS
_MEMBER_PLACES = (
    (ARCHIVE_MEMBER, ARCHIVE_PLACE),
    (INDEX_MEMBER, INDEX_PLACE),
    (ORIGIN_MEMBER, ORIGIN_PLACE),
)


class BundleAdvisories(NamedTuple):
    """The advisories that a bundle brings.

    Attributes:
        moves: from the staging to their places, below the control folder; empty if nothing is to
            change.
        remark: about them, for people; "" without any.
    """

    moves: tuple[tuple[str, str], ...] = ()
    remark: str = ""


def bundle_advisories(staging: Staging, extras: Mapping[str, str]) -> BundleAdvisories:
    """Return what becomes of the advisories of a bundle; older ones than the kept are not used.

    Args:
        staging: in the control folder of the repository.
        extras: digests of members of the bundle.
    """
    staged = {
        member: staging.object_path(extras.get(member, "none")) for member, _ in _MEMBER_PLACES
    }
    if ARCHIVE_MEMBER not in extras:
        return BundleAdvisories()
    if not all(map(os.path.exists, staged.values())):
        return BundleAdvisories(remark="its advisories were not read completely and are not used")
    control = os.path.dirname(staging.folder)
    new = _as_of(staged[ORIGIN_MEMBER])
    kept = _as_of(os.path.join(control, OSV_FOLDER, *ORIGIN_PLACE))
    if kept > new:
        return BundleAdvisories(
            remark=f"its advisories, of {new[:10]}, are older than the kept ones, of {kept[:10]}"
        )
    moves = [
        (
            os.path.relpath(staged[member], control).replace(os.sep, "/"),
            "/".join((OSV_FOLDER, *place)),
        )
        for member, place in _MEMBER_PLACES
    ]
    return BundleAdvisories(tuple(moves), f"advisories of {new[:10]}")


def _as_of(path: str) -> str:
    """Return the time that a record of advisories states, "" without one."""
    try:
        with open(path, "rb") as stream:
            found = json.loads(stream.read(_MAX_ORIGIN_BYTES).decode())["as_of"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) and found[:40].isprintable() else ""
