"""Place of the bill of materials of a bundle in the repository."""

from __future__ import annotations

import os
from collections.abc import Mapping

from microrepo.standalone.importer.bundle_header import SBOM_MEMBER
from microrepo.standalone.importer.control_files import IMPORTS_FOLDER
from microrepo.standalone.importer.intake.staging import Staging


def sbom_moves(
    staging: Staging, extras: Mapping[str, str], snapshot: str
) -> tuple[tuple[str, str], ...]:
    """Return the move that keeps the bill of materials of a bundle; none without one.

    Its name has the snapshot that it describes, so that a later bundle without one does not make it
    wrong.

    Args:
        staging: in the control folder of the repository.
        extras: digests of members of the bundle.
        snapshot: id of the snapshot that the bundle leads to.
    """
    staged = staging.object_path(extras.get(SBOM_MEMBER, "none"))
    if not os.path.exists(staged):
        return ()
    control = os.path.dirname(staging.folder)
    name = SBOM_MEMBER.replace(".", f"-{snapshot[:12]}.", 1)
    return ((os.path.relpath(staged, control).replace(os.sep, "/"), f"{IMPORTS_FOLDER}/{name}"),)
