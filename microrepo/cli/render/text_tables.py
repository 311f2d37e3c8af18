"""Building blocks of texts: tables, counts, lists of failures, lines of a plan."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Protocol

from microrepo.cause_texts import action_text
from microrepo.cli.terminal import escape_line
from microrepo.config.sizes import format_size
from microrepo.model import Action, ActionKind, Cause

_SHOWN_LINES = 20
_WIDTH = 119
# How the closing table names what skipped a file; other rules are named by themselves.
_SKIPPED_BY = {
    Cause.NOT_IN_CLOSURE: "nothing depends on",
    Cause.UNSAFE_NAME: "unsafe name",
    Cause.NO_DIGEST: "no digest",
    Cause.NOT_REQUESTED: "other versions",
    Cause.INVALID_VERSION: "invalid version",
    Cause.THIRD_PARTY: "rule of a plugin",
    Cause.TOO_LATE: "uploaded too late",
    Cause.TOO_YOUNG: "too new",
}


class _Failed(Protocol):
    """The part of a failure that is needed here."""

    @property
    def what(self) -> str: ...
    @property
    def why(self) -> str: ...


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``12,048 files``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def files(number: int, size_bytes: int | None = None) -> str:
    """Return a number of files, with their size if it is known."""
    return count(number, "file") + ("" if size_bytes is None else f", {format_size(size_bytes)}")


def table(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return rows of names and values as aligned lines; rows without a name are left out."""
    rows = [row for row in rows if row[0]]
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def skipped_row(rejected: Mapping[str, int]) -> tuple[str, str]:
    """Return the row of the files that rules skipped, most frequent rule first."""
    by_count = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    if not by_count:
        return ("", "")
    reasons = ", ".join(f"{number:,} {_skipped_by(rule)}" for rule, number in by_count)
    return ("skipped", f"{files(sum(rejected.values()))} ({reasons})")


def _skipped_by(rule: str) -> str:
    try:
        return _SKIPPED_BY.get(Cause(rule), rule)
    except ValueError:
        return rule


def failure_lines(title: str, failures: Iterable[_Failed], *, verbose: bool) -> list[str]:
    """Return failures under a title, one per line; only the first ones unless `verbose`."""
    return text_lines(title, (f"{one.what}: {one.why}" for one in failures), verbose=verbose)


def text_lines(title: str, texts: Iterable[str], *, verbose: bool) -> list[str]:
    """Return texts under a title, one per line; only the first ones unless `verbose`."""
    texts = list(texts)
    if not texts:
        return []
    limit = len(texts) if verbose else _SHOWN_LINES
    lines = [f"{title}:", *(line for text in texts[:limit] for line in wrapped(text))]
    if len(texts) > limit:
        lines.append(f"  ... and {len(texts) - limit:,} more (--verbose shows all)")
    return lines


def wrapped(text: str, indent: int = 2) -> list[str]:
    """Return a text as lines of less than 120 characters, indented; long names stay whole."""
    return textwrap.wrap(
        escape_line(text),
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )


def action_line(action: Action) -> str:
    """Return one line of a plan."""
    size = f" ({format_size(action.size_bytes)})" if action.size_bytes else ""
    why = "" if action.kind is ActionKind.DOWNLOAD else f": {action_text(action)}"
    return f"{action.kind.value:<9} {action.filename}{size}{why}"
