"""The reference pages say what the program does: generated ones, and lists that must be complete."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

import microrepo
from docs.generate import config_page
from microrepo import errors
from microrepo.cli.parser.command_line import build_parser
from microrepo.config.declared_options import KEYS
from microrepo.formats.foreign.bandersnatch_conf import MIRROR_OPTIONS
from microrepo.formats.foreign.bandersnatch_plugins import PLUGIN_SECTIONS, PLUGINS
from microrepo.model import Cause
from microrepo.state import open_state
from microrepo.state.tables import table_schema as schema

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
# Pages that others link to already and that are still being written.
PAGES = sorted([*DOCS.rglob("*.md"), *CHECKOUT.glob("*.md")])


def read(*parts: str) -> str:
    return DOCS.joinpath(*parts).read_text(encoding="utf-8")


def test_settings_page_is_what_the_generator_makes() -> None:
    """If this fails: python docs/generate.py."""
    assert read("reference", "config.md") == config_page()


def commands() -> dict[str, argparse.ArgumentParser]:
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                command.complete()
            return dict(action.choices)
    raise AssertionError("no commands")


def command_sections() -> dict[str, str]:
    """The reference of each command: name -> text."""
    parts = re.split(r"^### `([a-z-]+)[^`]*`$", read("reference", "cli.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_its_section() -> None:
    assert set(command_sections()) == set(commands())


GLOBAL_FLAGS = {
    option
    for action in build_parser()._actions
    for option in action.option_strings
    if not isinstance(action, argparse._SubParsersAction)
}
SETTING_FLAGS = {f"--{no}{key.replace('_', '-')}" for key in KEYS for no in ("", "no-")}


def _flags(parser: argparse.ArgumentParser) -> set[str]:
    """Return the flags of a command, and of its actions if it has any."""
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(*map(_flags, action.choices.values()))
    return found


@pytest.mark.parametrize("name", commands())
def test_every_flag_of_a_command_is_told(name: str) -> None:
    own = _flags(commands()[name]) - GLOBAL_FLAGS - SETTING_FLAGS
    rows = re.findall(r"^\| (`-.*?`) \|", command_sections()[name], flags=re.MULTILINE)
    told = {flag.split()[0] for row in rows for flag in re.findall(r"`([^`]+)`", row)}
    assert own <= told <= own | SETTING_FLAGS


def test_every_flag_that_stands_everywhere_is_told() -> None:
    section = read("reference", "cli.md").partition("## Exit codes")[0]
    told = {flag.split()[0] for flag in re.findall(r"`(-[^`]+)`", section)}
    assert told >= GLOBAL_FLAGS


def test_commands_that_take_few_settings_are_told() -> None:
    text = " ".join(read("reference", "cli.md").split())
    for name, parser in commands().items():
        settings = SETTING_FLAGS & set(parser._option_string_actions)
        if settings == {"--repository"}:
            listed = text.partition("`list`,")[2].partition("take only `--repository`")[0]
            assert name == "list" or f"`{name}`" in listed


def test_every_exit_code_is_told() -> None:
    told = set(re.findall(r"^\| (\d+) \|", read("reference", "cli.md"), flags=re.MULTILINE))
    codes = {
        str(kind.exit_code)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.MicrorepoError)
    }
    assert told == codes | {"0", "3", "130", "143"}


def test_every_table_and_column_of_the_state_is_told(tmp_path: Path) -> None:
    state, _ = open_state(tmp_path / "state.db")
    rows = state._db.execute(
        "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c "
        "WHERE t.type = 'table'"
    ).fetchall()
    state.close()
    page = read("reference", "files.md")
    told = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, flags=re.MULTILINE))
    untold = [f"{table}.{column}" for table, column in rows if f"`{column}`" not in told[table]]
    assert untold == []
    assert set(told) == {table for table, _ in rows}


def test_schema_version_is_told() -> None:
    assert f"schema {schema.SCHEMA_VERSION}" in read("reference", "files.md")


@pytest.mark.parametrize("cause", Cause, ids=lambda cause: cause.name.lower())
def test_every_cause_is_told(cause: Cause) -> None:
    assert f"| {cause.value} |" in read("explanation", "selection.md")


def test_the_api_page_has_every_public_name() -> None:
    page = read("reference", "api.md")
    documented = set(re.findall(r"^\.\. auto\w+:: microrepo\.(\w+)$", page, flags=re.MULTILINE))
    assert documented == set(microrepo.__all__) - {"__version__"}


DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decisions_are_short_and_say_what_they_cost(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    number = int(page.name.partition("-")[0])
    assert lines[0].startswith(f"# {number}. ")
    assert number == DECISIONS.index(page) + 1
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Choice",
        "## Cost",
    ]
    assert len(lines) <= 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]+)(?:#[^)]*)?\)", text)
    targets = [(page.parent / link).resolve() for link in links]
    assert [target for target in targets if not target.exists()] == []


def predecessors() -> list[tuple[str, str]]:
    """The rows of the tables on mirror programs: theirs, ours."""
    page = read("reference", "coming-from.md").partition("\n## bandersnatch 8\n")[2]
    rows = re.findall(r"^\| (.+?) \| (.*?) \| (?:has|better|not)? ?\|", page, flags=re.MULTILINE)
    found = [row for row in rows if not row[1].startswith(("---", "microrepo"))]
    assert len(found) > 120
    return found


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_option_of_bandersnatch_is_told() -> None:
    told = {
        word.lower().replace("-", "_")
        for theirs, _ in predecessors()
        for text in quoted(theirs)
        for word in re.findall(r"[\w-]+", text)
    }
    assert {*MIRROR_OPTIONS, *PLUGINS} - told == set()
    assert {section for section in PLUGIN_SECTIONS if section not in PLUGINS} - told == set()


def test_what_is_said_to_take_their_place_is_there() -> None:
    own = {name: set(parser._option_string_actions) for name, parser in commands().items()}
    flags = GLOBAL_FLAGS.union(*own.values())
    for _, ours in predecessors():
        for text in quoted(ours):
            first, *rest = text.split()
            assert not text.startswith("--") or first in flags, text
            if re.fullmatch(r"[a-z_]+", first) and first not in {"re", "abi"}:
                assert first in KEYS or first in own, text
            if first in own:
                assert {word for word in rest if word.startswith("-")} <= own[first], text
