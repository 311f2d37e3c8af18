"""Pinned versions out of a buildout configuration. Pure."""

from __future__ import annotations

import configparser

from microrepo.errors import ConfigError


def parse_versions(text: str, name: str) -> tuple[str, ...]:
    """Return the ``name==version`` of each pin, in their order, names as written.

    The section is ``[versions]``, or the one that ``[buildout] versions`` names.

    Args:
        name: its name in messages.

    Raises:
        ConfigError: it cannot be read, or has no such section.
    """
    parser = configparser.RawConfigParser(
        delimiters=("=",), strict=False, interpolation=None, allow_no_value=True
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text, source=name)
    except configparser.Error as error:
        raise ConfigError(f"{name}: {str(error).partition(chr(10))[0]}") from error
    section = parser.get("buildout", "versions", fallback=None) or "versions"
    if not parser.has_section(section):
        raise ConfigError(f"{name}: has no section [{section}]")
    pins = [(key.strip(), (value or "").strip()) for key, value in parser.items(section)]
    return tuple(f"{key}=={value}" for key, value in pins if value)
