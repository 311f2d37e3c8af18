"""Requirements that a script states in its head (PEP 723)."""

from __future__ import annotations

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement, read_requirement
from microrepo.formats.requirements.requirement_set import RequirementSet
from microrepo.formats.requirements.requirements_txt import decode
from microrepo.formats.toml import read_toml, toml_mistake

_OPENING, _CLOSING = "# /// script", "# ///"


class _Block(Struct, frozen=True):
    """The lines between the marks, without their ``# ``; `first` is the number of the first."""

    first: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def line_of(self, text: str) -> int:
        """Return the number of the line that holds a text; that of the block if none does."""
        found = (number for number, line in enumerate(self.lines, self.first) if text in line)
        return next(found, self.first)


def parse_script(body: bytes, name: str) -> RequirementSet:
    """Read the dependencies of a script, and the Pythons it is for (PEP 723).

    Raises:
        ConfigError: it has more than one such block, or one that cannot be read; the text begins
            with ``file:line``.
    """
    blocks = _blocks(decode(body, name))
    if not blocks:
        return RequirementSet((), notes=(f"{name}: states no dependencies (PEP 723)",))
    if len(blocks) > 1:
        raise ConfigError(f"{name}:{blocks[1].first - 1}: more than one `script` block")
    (block,) = blocks
    table = read_toml(block.text.encode())
    if table is None:
        line, why = toml_mistake(block.text)
        raise ConfigError(f"{name}:{block.first + line - 1}: not a TOML document: {why}")
    return RequirementSet(
        tuple(dict.fromkeys(_dependencies(table, block, name))),
        requires_python=_requires_python(table, block, name),
    )


def _dependencies(table: dict[str, object], block: _Block, name: str) -> list[Requirement]:
    entries = table.get("dependencies", [])
    place = f"{name}:{block.line_of('dependencies')}"
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ConfigError(f"{place}: `dependencies` must be a list of requirements")
    found = []
    for text in entries:
        line = f"{name}:{block.line_of(text)}"
        try:
            found.append(read_requirement(text, line)[0])
        except ValueError as error:
            raise ConfigError(f"{line}: {error}") from error
    return found


def _requires_python(table: dict[str, object], block: _Block, name: str) -> str:
    text = table.get("requires-python", "")
    place = f"{name}:{block.line_of('requires-python')}"
    if not isinstance(text, str):
        raise ConfigError(f'{place}: `requires-python` must be text, such as ">=3.11"')
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ConfigError(f"{place}: `requires-python`: {error}") from error
    return text


def _blocks(text: str) -> list[_Block]:
    lines = text.splitlines()
    found: list[_Block] = []
    number = 0
    while number < len(lines):
        number += 1
        if lines[number - 1].rstrip() != _OPENING:
            continue
        end = _end(lines, number)
        if end is not None:
            content = tuple(line[2:] for line in lines[number:end])
            found.append(_Block(number + 1, content))
            number = end
    return found


def _end(lines: list[str], start: int) -> int | None:
    """Return the place of the closing mark: the last one of the comment; None without one."""
    found = None
    for place in range(start, len(lines)):
        line = lines[place].rstrip()
        if line != "#" and not line.startswith("# "):
            break
        if line == _CLOSING:
            found = place
    return found
