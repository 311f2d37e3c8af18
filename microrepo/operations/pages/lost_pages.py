"""Finder of recorded pages that are missing from the tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microrepo.state.publication import Publication
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.page_paths import index_pages

# Larger repositories are sampled, so that a run every few minutes stays fast.
_LOOKED_AT = 2000


def lost_pages(directory: FlatDirectory, publication: Publication) -> list[str]:
    """Return the projects whose page was written but is missing."""
    some = publication.page_names(_LOOKED_AT)
    lost = _without_pages(directory.path, some)
    if not lost or len(some) < _LOOKED_AT:
        return lost
    return _without_pages(directory.path, publication.page_names())


def _without_pages(root: Path, names: Sequence[str]) -> list[str]:
    return [
        name for name in names if not all((root / path).is_file() for path in index_pages(name))
    ]
