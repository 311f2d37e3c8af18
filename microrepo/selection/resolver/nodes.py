"""Nodes of the solver: requirements and choices, about projects and about their extras."""

from __future__ import annotations

from resolvelib.structs import RequirementInformation

from microrepo.formats.version_numbers import has_upper_bound, is_pin
from microrepo.model import NormalizedName
from microrepo.selection.resolver.releases import Release


class Req:
    """A requirement for the solver: on a project, or on its extras."""

    __slots__ = (
        "direct",
        "exact",
        "extras",
        "ident",
        "impossible",
        "known",
        "pinned",
        "project",
        "specifiers",
        "text",
        "upper",
        "url",
    )

    def __init__(
        self,
        project: NormalizedName,
        extras: tuple[str, ...] = (),
        specifiers: str = "",
        text: str = "",
        *,
        url: str = "",
        exact: Release | None = None,
        impossible: str = "",
    ) -> None:
        self.project = project
        self.extras = extras
        self.ident = f"{project}[{','.join(extras)}]" if extras else str(project)
        self.specifiers = specifiers
        self.text = text
        self.url = url
        self.exact = exact
        self.impossible = impossible
        self.direct = bool(url)
        self.known: dict[Release, bool] = {}
        self.pinned = bool(specifiers) and is_pin(specifiers)
        self.upper = bool(specifiers) and has_upper_bound(specifiers)
        if impossible:
            self.ident = f"\0{impossible}"


class Choice:
    """A candidate for the solver: a release, or its extras."""

    __slots__ = ("extras", "ident", "release")

    def __init__(self, release: Release, extras: tuple[str, ...]) -> None:
        self.release = release
        self.extras = extras
        self.ident = f"{release.project}[{','.join(extras)}]" if extras else str(release.project)


def node_of(identifier: str) -> tuple[NormalizedName, tuple[str, ...]]:
    """Return project and extras of a node from its name."""
    project, bracket, extras = identifier.removesuffix("]").partition("[")
    return NormalizedName(project), tuple(extras.split(",")) if bracket else ()


Information = RequirementInformation[Req, Choice]
