"""Third-party rules: their protocol, and how they are called.

A distribution offers a rule under the entry point group ``microrepo.rules``: a callable that takes
the rule's settings and returns an object with `api` and `check`. `operations` loads it; this module
calls it, and names it if it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from microrepo.errors import RuleFailed
from microrepo.model import File, NormalizedName, Project

# The protocol's version; another one is refused.
API = 1


class Rule(Protocol):
    """A rule, version 1 of the protocol.

    It must be pure: the same project and file always get the same answer, since `check` is called
    again only when a record, the settings or the version of the distribution change.
    """

    api: int

    def check(self, project: Project, file: File) -> str | None:
        """Return why a file is skipped, None to keep it.

        Args:
            project: the record, all its files included.
            file: one of these, which all other rules on files accept.
        """


class LoadedRule(Struct, frozen=True):
    """A loaded rule.

    Attributes:
        name: name of the entry point.
        origin: distribution and version that it comes from.
        settings: its settings in the configuration, JSON.
        check: the rule's method.
    """

    name: str
    origin: str
    settings: str
    check: Callable[[Project, File], object]

    @property
    def identity(self) -> tuple[str, str, str]:
        """Identity for the fingerprint of the rules."""
        return self.name, self.origin, self.settings


def check_rules(project: Project, file: File, rules: Iterable[LoadedRule]) -> str | None:
    """Return the rule that skips a file, and why, or None.

    Raises:
        RuleFailed: a rule raised an error, or returned anything but a string or None.
    """
    for rule in rules:
        answer = _ask(rule, project, file)
        if answer is not None:
            return f"{rule.name}: {answer or 'no reason given'}"
    return None


def _ask(rule: LoadedRule, project: Project, file: File) -> str | None:
    try:
        answer = rule.check(project, file)
    except Exception as error:
        raise _failed(rule, project.name, file, f"{type(error).__name__}: {error}") from error
    if answer is not None and not isinstance(answer, str):
        kind = type(answer).__name__
        raise _failed(rule, project.name, file, f"returned {kind}, not a string or None")
    return answer


def _failed(rule: LoadedRule, project: NormalizedName, file: File, why: str) -> RuleFailed:
    return RuleFailed(f"{rule.name} ({rule.origin})", f"{project}, {file.filename}", why)
