"""Texts of the settings: effective values, and the explanation of every key."""

from __future__ import annotations

import json
import textwrap

from microrepo.cli.terminal import join_lines
from microrepo.config.declared_options import options
from microrepo.config.load import Loaded, shown


def settings_text(loaded: Loaded) -> str:
    """Return the effective settings, one per line, with where each comes from."""
    rows = [
        (f"{key} = {json.dumps(about['value'], ensure_ascii=False)}", str(about["origin"]))
        for key, about in shown(loaded).items()
    ]
    width = min(60, max(len(row[0]) for row in rows))
    head = f"config file: {loaded.path or 'none'}"
    return join_lines([head, *(f"{text:<{width}}  # {origin}" for text, origin in rows)])


def keys_text() -> str:
    """Return every key with its default, help and example."""
    blocks = []
    for option in options():
        default = option.default_text or json.dumps(option.default)
        about = textwrap.fill(option.help, 76, initial_indent="    ", subsequent_indent="    ")
        example = ""
        if option.example is not None:
            example = f'    Example: "{option.key}": {json.dumps(option.example)}\n'
        blocks.append(f"{option.key} (default: {default})\n{about}\n{example}")
    return "\n".join(blocks)
