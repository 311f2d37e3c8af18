"""Random small indexes and goals, and an independent judge of what solves them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from hypothesis import strategies as st
from packaging.requirements import Requirement

NAMES = ("a", "b", "c", "d", "e")
VERSIONS = ("1.0", "1.1", "2.0", "3.0")
EXTRAS = ("x", "y")

Index = dict[str, dict[str, Any]]


@st.composite
def requirements(draw: st.DrawFn, names: Sequence[str] = NAMES) -> str:
    """A requirement on one of the projects, most of them easy to meet."""
    extra = draw(st.sampled_from(("", "", "", "[x]", "[y]", "[x,y]")))
    operator = draw(st.sampled_from(("", "", ">=", "<=", "<", ">", "==", "!=", "~=")))
    version = draw(st.sampled_from(VERSIONS)) if operator else ""
    marker = draw(
        st.sampled_from(
            ("",) * 6
            + ("; extra == 'x'", "; extra == 'y'", "; sys_platform == 'nowhere'")
            + ("; python_version >= '3'",)
        )
    )
    return f"{draw(st.sampled_from(names))}{extra}{operator}{version}{marker}"


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    """Up to five projects with up to four releases each."""
    index: Index = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)):
        versions = draw(st.lists(st.sampled_from(VERSIONS), unique=True, min_size=1))
        index[name] = {
            version: {"requires": draw(st.lists(requirements(), max_size=3)), "extras": EXTRAS}
            for version in versions
        }
    return index


def roots() -> st.SearchStrategy[list[str]]:
    """The requirements of a goal."""
    return st.lists(requirements(), min_size=1, max_size=3)


def wanted_by(
    index: Index, chosen: Mapping[str, str], goal: Sequence[str], markers: Mapping[str, str]
) -> Iterator[Requirement]:
    """Yield every requirement that counts once releases are chosen, with extras followed."""
    extras: dict[str, set[str]] = {}
    queue: list[Requirement] = [Requirement(text) for text in goal]
    pending = [(requirement, "") for requirement in queue]
    while pending:
        requirement, extra = pending.pop()
        environment = {**markers, "extra": extra}
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        yield requirement
        name = requirement.name
        known = extras.setdefault(name, set())
        for found in {"", *requirement.extras} - known:
            known.add(found)
            release = index.get(name, {}).get(chosen.get(name, ""), {"requires": ()})
            pending.extend((Requirement(text), found) for text in release["requires"])


def is_solution(
    index: Index, chosen: Mapping[str, str], goal: Sequence[str], markers: Mapping[str, str]
) -> bool:
    """Return whether the chosen releases meet the goal and everything they need."""
    return all(
        requirement.name in chosen
        and chosen[requirement.name] in index.get(requirement.name, {})
        and requirement.specifier.contains(chosen[requirement.name], prereleases=True)
        for requirement in wanted_by(index, chosen, goal, markers)
    )


def has_solution(index: Index, goal: Sequence[str], markers: Mapping[str, str]) -> bool:
    """Try every combination of releases."""
    names = list(index)
    return any(
        is_solution(index, dict(zip(names, versions, strict=True)), goal, markers)
        for versions in product(*(index[name] for name in names))
    )
