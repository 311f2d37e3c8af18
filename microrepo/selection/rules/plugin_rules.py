"""Rules from other distributions: their protocol, and how they are called.

A distribution offers a rule under the entry point group ``microrepo.rules``: a callable that is
given the rule's settings and returns an object with `api` and `check`. `operations` loads it; here
it is asked, and named when it fails.
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

    It must be pure: the same project and file always get the same answer, since answers are only
    asked for again when a record, the settings or the version of the distribution change.
    """

    api: int

    def check(self, project: Project, file: File) -> str | None:
        """Say why a file is left out, None when it may stay.

        Args:
            project: the record, all its files included.
            file: one of these, which all other rules on files let pass.
        """


class LoadedRule(Struct, frozen=True):
    """A rule that is ready to be asked.

    Attributes:
        name: of the entry point.
        origin: distribution and version that it comes from.
        settings: what the configuration says to it, JSON.
        check: the rule's method.
    """

    name: str
    origin: str
    settings: str
    check: Callable[[Project, File], object]

    @property
    def identity(self) -> tuple[str, str, str]:
        """What it is, for the fingerprint of the rules."""
        return self.name, self.origin, self.settings


def check_rules(project: Project, file: File, rules: Iterable[LoadedRule]) -> str | None:
    """Say which rule leaves a file out, and why; None when none does.

    Raises:
        RuleFailed: a rule raised an error, or answered with something else than a text or None.
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
