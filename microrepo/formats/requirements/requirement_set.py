"""Requirement sets: what one file asks an installer for, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement, read_requirement
from microrepo.model import NormalizedName

ALL = "all"
Reader = Callable[[str], bytes]
_EVERY, _NONE = ":all:", ":none:"


class FormatControl(Struct, frozen=True):
    """Allowed kinds of files, by ``--no-binary`` and ``--only-binary``.

    Attributes:
        no_binary: projects of which no wheels are used, or ``:all:``.
        only_binary: projects of which only wheels are used, or ``:all:``.
    """

    no_binary: frozenset[str] = frozenset()
    only_binary: frozenset[str] = frozenset()

    def admits(self, project: NormalizedName, *, wheel: bool) -> bool:
        """Return whether wheels, or source distributions, of a project may be used."""
        if project in self.only_binary:
            return wheel
        if project in self.no_binary:
            return not wheel
        if _EVERY in self.only_binary:
            return wheel
        return not wheel or _EVERY not in self.no_binary

    def with_option(self, value: str, *, binary: bool) -> FormatControl:
        """Return the control after one more ``--only-binary`` (`binary`) or ``--no-binary``.

        The last option about a project counts, as in pip.
        """
        ours = set(self.only_binary if binary else self.no_binary)
        others = set(self.no_binary if binary else self.only_binary)
        for word in (word.strip() for word in value.split(",")):
            if word == _EVERY:
                ours, others = {_EVERY}, set()
            elif word == _NONE:
                ours = set()
            elif word:
                others.discard(canonicalize_name(word))
                ours.add(canonicalize_name(word))
        first, second = frozenset(ours), frozenset(others)
        return FormatControl(second, first) if binary else FormatControl(first, second)


ANY_FORMAT = FormatControl()


class RequirementSet(Struct, frozen=True):
    """Requirements of a file, which must install together.

    Attributes:
        requirements: what to install.
        constraints: limits on versions, URLs and digests of what is installed anyway.
        formats: the kinds of files that may be used.
        prefer_binary: an older wheel is preferred to a newer source distribution.
        prereleases: pre-releases count as releases.
        requires_hashes: installers refuse whatever has no digest here.
        requires_python: specifiers of the Pythons that the file is for; "" = any.
        build_requirements: what building the project itself needs.
        notes: what was skipped, and where.
    """

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    formats: FormatControl = ANY_FORMAT
    prefer_binary: bool = False
    prereleases: bool = False
    requires_hashes: bool = False
    requires_python: str = ""
    build_requirements: tuple[Requirement, ...] = ()
    notes: tuple[str, ...] = ()


def stated_in(place: str, texts: Iterable[str]) -> tuple[Requirement, ...]:
    """Return the requirements that a file states, each once.

    Raises:
        ConfigError: one of them cannot be read.
    """
    found: dict[Requirement, None] = {}
    for text in texts:
        try:
            requirement, _ = read_requirement(text, place)
        except ValueError as error:
            raise ConfigError(f"{place}: {error}") from error
        found[requirement] = None
    return tuple(found)
