"""Reader of option values written as text: in a flag or an environment variable."""

from __future__ import annotations

import json
import re
import shlex

from microrepo.config.declared_options import Option
from microrepo.config.schema import ALL, EVERYTHING, Kind

LIST_KINDS = frozenset(
    {Kind.NAMES, Kind.WORDS, Kind.REQUIREMENTS, Kind.PATTERNS, Kind.REGEXES, Kind.ENTRIES}
)
_TEXT_KINDS = frozenset({Kind.CHOICE, Kind.TEXT, Kind.PATH, Kind.URL})
_WHOLE = {Kind.NAMES: ALL, Kind.REQUIREMENTS: EVERYTHING}
# A comma separates requirements, except before an operator and inside brackets: `a[x,y]>=1,<3`.
_COMMA = re.compile(r"\s*,(?!\s*[<>=!~])(?![^\[\]]*\])\s*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_UNSPLIT = re.compile(r"re:|-r\b|--requirement\b|.*[@;]")


def parse_text(text: str, option: Option) -> object:
    """Return the JSON value that a text stands for.

    Only the form is read here; `load.convert` checks types and values.

    Raises:
        ValueError: not JSON where JSON is needed, or unbalanced quotes in a command.
    """
    kind = option.kind
    if kind in _TEXT_KINDS:
        return text
    if kind in _WHOLE and text.strip() == _WHOLE[kind]:
        return _WHOLE[kind]
    if kind in LIST_KINDS:
        return _parse_list(text, kind)
    if kind is Kind.COMMAND:
        return json.loads(text) if text.startswith("[") else shlex.split(text)
    if kind is Kind.DAYS:
        return json.loads(text) if _NUMBER.fullmatch(text) else text
    if kind in {Kind.SIZE, Kind.COUNT}:
        return int(text) if text.isascii() and text.isdigit() else text
    if kind is Kind.SWITCH and text not in {"true", "false"}:
        return text
    return json.loads(text)


def _parse_list(text: str, kind: Kind) -> object:
    if kind is Kind.ENTRIES and text.lstrip().startswith(("{", "[")):
        return json.loads(text)
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except ValueError:
            values = None  # a pattern such as `[ab]*`
        if isinstance(values, list):
            return values
    if kind is Kind.REGEXES:
        return [text] if text else []
    if kind in {Kind.REQUIREMENTS, Kind.PATTERNS}:
        return split_requirements(text)
    return split_names(text)


def split_names(text: str) -> list[str]:
    """Return the words of a comma list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parse_names(text: str) -> list[str]:
    """Return the words of a comma list that must name something.

    Raises:
        ValueError: it has no word.
    """
    if not (found := split_names(text)):
        raise ValueError(text)
    return found


def split_requirements(text: str) -> list[str]:
    """Return the requirements of a comma list; markers, URLs, patterns and files stay whole."""
    if _UNSPLIT.match(text.strip()):
        return [text]
    return [part for part in _COMMA.split(text.strip()) if part]
