"""Names of well-known projects, which others imitate."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def well_known_names() -> frozenset[str]:
    """Return the normalised names of well-known projects, from the list in this folder.

    The list is our own: projects that are known to most users of their field. Each of them exists,
    since a name that anybody can still register must not count as known.
    """
    return frozenset(files(__package__).joinpath("well_known_names.txt").read_text("ascii").split())
