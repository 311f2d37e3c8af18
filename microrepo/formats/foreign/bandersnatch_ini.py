"""Reader of bandersnatch's configuration: sections, references, enabled plugins."""

from __future__ import annotations

import configparser
import re
from collections.abc import Sequence

from microrepo.errors import ConfigError
from microrepo.formats.foreign.translation import (
    Sections,
    Translating,
    lines_of,
    read_ini,
    values_of,
)

_REFERENCE = re.compile(r"^(.*)\{\{\s*([^_\s](?:[^_]*[^_\s])?)\s*_\s*(\S(?:.*?\S)?)\s*\}\}(.*)$")
_OLD_NAMES = {"whitelist": "allowlist", "blacklist": "blocklist"}


def read_sections(to: Translating, text: str, name: str) -> tuple[Sections, frozenset[str]]:
    """Return the sections by their present names, and the options that `[DEFAULT]` gives to all.

    Raises:
        ConfigError: it is not an INI file, or has no `[mirror]`.
    """
    parser = configparser.ConfigParser(delimiters=("=",), strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    read_ini(text, name, parser)
    found: Sections = {}
    for section in parser.sections():
        values = values_of(to, parser, section, "bandersnatch")
        found.setdefault(_OLD_NAMES.get(section, section), {}).update(values)
    if "mirror" not in found:
        raise ConfigError(f"{name}: has no [mirror], so it is not a configuration of bandersnatch")
    return found, frozenset(parser.defaults())


def resolved(value: str, sections: Sections) -> str:
    """Put in what `{{section_option}}` refers to, as long as it is there."""
    match = _REFERENCE.match(value)
    if match is None:
        return value
    before, section, option, after = match.groups()
    referred = sections.get(section, {}).get(option)
    return value if referred is None else f"{before}{referred}{after}"


def enabled_plugins(to: Translating, sections: Sections, every: Sequence[str]) -> list[str]:
    """Return the enabled plugins: one per line, in `[plugins]` or as versions 2 and 3 had it."""
    words = lines_of(sections.pop("plugins", {}).get("enabled"))
    for section in _OLD_NAMES.values():
        older = lines_of(sections.get(section, {}).get("plugins"))
        if older:
            to.note(f"{section}.plugins", "read as the plugins that are enabled, as in version 3")
        words += older
    words = [re.sub("whitelist", "allowlist", re.sub("blacklist", "blocklist", w)) for w in words]
    return list(every) if "all" in words else list(dict.fromkeys(words))
