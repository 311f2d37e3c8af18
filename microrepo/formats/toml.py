"""TOML in, tables out: `tomllib` of the standard library, `tomli` where that is older."""

from __future__ import annotations

import importlib
import re
import sys
from typing import cast

from microrepo.errors import ConfigError

_toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
_PLACE = re.compile(r"\(at line (\d+), column \d+\)")
# Parsers need quadratic time and memory for the parts of a key.
_MAX_KEY_PARTS = 100
_TOKEN = re.compile(r"""[\w-]+|"[^"\n]*"|'[^'\n]*'|[ \t]+|.""", re.DOTALL)
# A pyproject.toml of a source distribution is smaller by far.
MAX_FOREIGN_BYTES = 1 << 20
_MAX_BYTES = 64 << 20


def read_toml(body: bytes, max_bytes: int = _MAX_BYTES) -> dict[str, object] | None:
    """Return a TOML document, None for what is not one or would cost too much."""
    if len(body) > max_bytes:
        return None
    try:
        text = body.decode("utf-8-sig")
        if _has_long_key(text):
            return None
        table: dict[str, object] = _toml.loads(text)
    except (ValueError, RecursionError):
        return None
    return table


def read_table(body: bytes, name: str) -> dict[str, object]:
    """Return the TOML document that a user named.

    Raises:
        ConfigError: it cannot be read.
    """
    table = read_toml(body)
    if table is None:
        raise ConfigError(f"{name}: not a TOML document")
    return table


def table_of(value: object) -> dict[str, object]:
    """Return a value that should be a table; an empty one when it is not."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def strings_of(value: object) -> tuple[str, ...]:
    """Return the texts of a value that should be a list of them."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _has_long_key(text: str) -> bool:
    if all(line.count(".") <= _MAX_KEY_PARTS for line in text.split("\n")):
        return False
    dots = 0
    for match in _TOKEN.finditer(text):
        first = match[0][0]
        if first == ".":
            dots += 1
            if dots > _MAX_KEY_PARTS:
                return True
        elif not (first in "\"' \t-_" or first.isalnum()):
            dots = 0
    return False


def toml_mistake(text: str) -> tuple[int, str]:
    """Return where a text stops being TOML: the number of the line, and what is wrong there.

    The result is meaningless for a valid document.
    """
    if _has_long_key(text):
        return 1, f"a key has more than {_MAX_KEY_PARTS} parts"
    try:
        _toml.loads(text)
    except ValueError as error:
        found = _PLACE.search(str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        return line, str(error).partition(" (at ")[0]
    except RecursionError:
        pass
    return 1, "nested too deep"
