"""Editor of the `packages` list in a config file, which keeps the layout of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from json import JSONDecoder

_SPACE = re.compile(r"\s*")
_decode = JSONDecoder().raw_decode
Span = tuple[int, int]


def edit_packages(
    text: str,
    changed: Mapping[int, str | None],
    added: Sequence[str],
    profile: str | None = None,
) -> str:
    """Return the text of a config file with another `packages` list.

    Args:
        text: a JSON object that `load.read_file` accepts.
        changed: index of an entry -> its new text, or None to remove it.
        added: new entries.
        profile: change the list of this profile, which exists.
    """
    if profile is None:
        return _edited(text, changed, added)
    start, end = _profile_span(text, profile)
    return text[:start] + _edited(text[start:end], changed, added) + text[end:]


def _edited(text: str, changed: Mapping[int, str | None], added: Sequence[str]) -> str:
    value = _value_of(text, "packages")
    if value is None:
        return _with_new_key(text, added)
    items = _items(text, value)
    kept = [index for index in range(len(items)) if changed.get(index, "") is not None]
    if not kept:
        return text[: value[0]] + json.dumps([*added], ensure_ascii=False) + text[value[1] :]
    edits: list[tuple[int, int, str]] = []
    for index, (start, end) in enumerate(items):
        if index not in changed:
            continue
        new = changed[index]
        if new is not None:
            edits.append((start, end, _quoted(new)))
        elif index < kept[-1]:
            edits.append((start, items[index + 1][0], ""))
        elif index == kept[-1] + 1:
            edits.append((items[kept[-1]][1], items[-1][1], ""))
    last = items[kept[-1]][1]
    between = _separator(text, value, items)
    tail = "".join(between + _quoted(entry) for entry in added)
    if edits and edits[-1][0] == last:  # entries behind the last kept one go
        edits[-1] = (*edits[-1][:2], tail)
    else:
        edits.append((last, last, tail))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _profile_span(text: str, profile: str) -> Span:
    """Return the position of a profile's object."""
    outer = _value_of(text, "profiles") or (0, len(text))
    inner = _value_of(text[outer[0] : outer[1]], profile) or (0, outer[1] - outer[0])
    return outer[0] + inner[0], outer[0] + inner[1]


def _quoted(entry: str) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _separator(text: str, value: Span, items: Sequence[Span]) -> str:
    """Return the text between two entries; for a single one, what its layout suggests."""
    if len(items) > 1:
        return text[items[-2][1] : items[-1][0]]
    before = text[value[0] + 1 : items[0][0]]
    return "," + before if "\n" in before else ", "


def _value_of(text: str, wanted: str) -> Span | None:
    """Return the position of a key's value; the last one, if the key occurs several times."""
    found = None
    position = _skip(text, text.index("{") + 1)
    while text[position] != "}":
        key, position = _decode(text, position)
        position = _skip(text, _skip(text, position) + 1)  # the colon
        _, end = _decode(text, position)
        if key == wanted:
            found = (position, end)
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _items(text: str, value: Span) -> list[Span]:
    found: list[Span] = []
    if text[value[0]] != "[":
        return found  # null
    position = _skip(text, value[0] + 1)
    while text[position] != "]":
        _, end = _decode(text, position)
        found.append((position, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _with_new_key(text: str, added: Sequence[str]) -> str:
    start = text.index("{") + 1
    space = text[start : _skip(text, start)]
    comma = "" if text[_skip(text, start)] == "}" else ","
    entry = f'"packages": {json.dumps([*added], ensure_ascii=False)}{comma}'
    return (
        text[:start]
        + (space if comma else "")
        + entry
        + (space or " " * bool(comma))
        + text[start + len(space) :]
    )


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
