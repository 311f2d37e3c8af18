"""Requirements of one release, by extra."""

from __future__ import annotations

import re
from collections.abc import Iterable

from microrepo.formats.requirements.requirement import Requirement, stated_requirement

_ABOUT = re.compile(r"\bextra == \"([^\"]*)\"")
_ANY_MENTION = re.compile(r"\bextra\b")
_EITHER = re.compile(r"\bor\b")
# Requirements with markers beyond `extra == "name"`, evaluated for each extra.
_MAX_GENERAL = 200


class StatedRequirements:
    """Requirements of a release, each parsed once.

    A release can have thousands of extras that lead to each other; for one of them, only the
    requirements that mention it are read.

    Raises:
        ValueError: a requirement cannot be parsed, or the markers are unreasonable.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._plain: list[Requirement] = []
        self._general: list[Requirement] = []
        self._by_extra: dict[str, list[Requirement]] = {}
        for requirement in map(stated_requirement, texts):
            self._add(requirement)
        if len(self._general) > _MAX_GENERAL:
            raise ValueError("has too many conditions on extras")

    def _add(self, requirement: Requirement) -> None:
        mentions = len(_ANY_MENTION.findall(requirement.marker))
        extras = _ABOUT.findall(requirement.marker)
        if not mentions:
            self._plain.append(requirement)
        elif mentions != len(extras):
            self._general.append(requirement)
        else:
            # One side of an "or" can be true without any extra.
            base = [""] if _EITHER.search(requirement.marker) else []
            for extra in dict.fromkeys([*base, *extras]):
                self._by_extra.setdefault(extra, []).append(requirement)

    def about(self, extra: str) -> Iterable[Requirement]:
        """Return the requirements that can apply to one extra; for "", those without extras."""
        if not extra:
            return (*self._plain, *self._general, *self._by_extra.get("", ()))
        return (*self._by_extra.get(extra, ()), *self._general)
