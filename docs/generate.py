"""Write what is made from the declaration of the settings: the reference page and the sample.

Run from anywhere with ``python docs/generate.py``; a test compares.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

_WIDTH = 100
CHECKOUT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))

from microrepo.config.schema import Option, json_schema, options, sample  # noqa: E402

_HEAD = """\
# Settings

<!-- Made by `python docs/generate.py` from microrepo/config/schema.py: edit that file. -->

The config file is a JSON object; each key is optional. It is looked up as `--config FILE`, the
variable `MICROREPO_CONFIG`, `~/.microrepo` (a file), `/etc/microrepo.json`: the first that there is.

Each key is also a flag of most commands (`python_versions` is `--python-versions 3.11,3.12`; `prune`
is `--prune` or `--no-prune`) and a variable (`MICROREPO_PYTHON_VERSIONS`). Flags go before
variables, variables before the file, the file before the defaults; `microrepo config` shows the
result and where each value comes from. In a variable a list stands between commas or as JSON;
`MICROREPO_PACKAGES` takes one requirement, `everything`, or a JSON list.

A file that cannot be read, an unknown key, a wrong type or a bad value ends every command with exit
code 2 and one line that names the place (`$.platforms[2]`; line and column for broken JSON). Words
that no file has had so far are a warning in `package_types`, `extensions` and `python_versions`, since
they may be formats of tomorrow. The file is never overwritten by anything but `init --force`.

Sizes are numbers of bytes or texts: `"500 MB"` is 500 x 10^6, `"500 MiB"` is 500 x 2^20. Times are
ISO 8601, UTC unless they say otherwise. `sample_config.json` is a small working example, and
`microrepo config --schema` prints a JSON Schema for editors.

How the keys choose files is told in [Selection](../explanation/selection.md).

| key | type | default |
| --- | --- | --- |
"""
_JSON_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "null": "`null`",
}


def config_page() -> str:
    """Return the text of docs/reference/config.md."""
    properties = _properties()
    types = {option.key: _type_of(properties[option.key]) for option in options()}
    rows = [
        f"| [`{option.key}`](#{option.key}) | {types[option.key]} | {_default_of(option)} |\n"
        for option in options()
    ]
    sections = [
        f"\n## {option.key}\n\n{_capitalised(types[option.key])}; default: "
        f"{_default_of(option)}.\n\n{textwrap.fill(option.help, _WIDTH)}\n"
        for option in options()
    ]
    return _HEAD + "".join(rows) + "".join(sections)


def _properties() -> Mapping[str, Mapping[str, object]]:
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)  # noqa: S101 - narrows the type
    properties: Mapping[str, Mapping[str, object]] = definitions["Config"]["properties"]
    return properties


def _type_of(about: Mapping[str, object]) -> str:
    """Say a JSON Schema in words."""
    choices = about.get("anyOf")
    if isinstance(choices, Sequence):
        named = [_type_of(choice) for choice in choices if choice.get("type") != "null"]
        if named == ["list of texts", "text"]:
            return "list of texts, or a word"
        return " or ".join(dict.fromkeys(named))
    words = about.get("enum")
    if isinstance(words, Sequence):
        return " or ".join(f'`"{word}"`' for word in words)
    if about.get("type") == "array":
        items = about.get("items")
        mixed = isinstance(items, Mapping) and "anyOf" in items
        return "list of texts or tables" if mixed else "list of texts"
    if about.get("type") == "object":
        return "table"
    return _JSON_TYPES[str(about["type"])] + _range_of(about)


def _range_of(about: Mapping[str, object]) -> str:
    lowest, highest = about.get("minimum"), about.get("maximum")
    if lowest is not None and highest is not None:
        return f" from {lowest:g} to {highest:g}"
    if lowest is not None:
        return f" from {lowest:g}"
    above = about.get("exclusiveMinimum")
    return f" above {above:g}" if above is not None else ""


def _default_of(option: Option) -> str:
    if option.default is not None:
        return f"`{json.dumps(option.default)}`"
    return "see there" if "Default:" in option.help else "none"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def main() -> None:
    """Write all generated files."""
    (CHECKOUT / "docs" / "reference" / "config.md").write_text(config_page(), encoding="utf-8")
    (CHECKOUT / "sample_config.json").write_bytes(sample())


if __name__ == "__main__":
    main()
