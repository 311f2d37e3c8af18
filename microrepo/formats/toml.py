"""TOML in, tables out: `tomllib` of the standard library, `tomli` where that is older."""

from __future__ import annotations

import importlib
import re
import sys

_toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
_PLACE = re.compile(r"\(at line (\d+), column \d+\)")


def read_toml(body: bytes) -> dict[str, object] | None:
    """Read a TOML document; None when it is none."""
    try:
        table: dict[str, object] = _toml.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return table


def toml_mistake(text: str) -> tuple[int, str]:
    """Say where a text stops being TOML: the number of the line, and what is wrong there.

    Of a correct document the answer means nothing.
    """
    try:
        _toml.loads(text)
    except ValueError as error:
        found = _PLACE.search(str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        return line, str(error).partition(" (at ")[0]
    except RecursionError:
        pass
    return 1, "nested too deep"
