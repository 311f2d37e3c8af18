"""TOML in, tables out: `tomllib` of the standard library, `tomli` where that is older."""

from __future__ import annotations

import importlib
import sys

_toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def read_toml(body: bytes) -> dict[str, object] | None:
    """Read a TOML document; None when it is none."""
    try:
        table: dict[str, object] = _toml.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return table
