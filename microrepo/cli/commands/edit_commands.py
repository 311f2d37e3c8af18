"""Handlers of `add` and `remove`: edit `packages` in the config file, then refresh."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from msgspec import Struct

from microrepo.cli import terminal
from microrepo.cli.commands.refresh_commands import run_refresh
from microrepo.cli.prompt.answer_parsers import parse_requirement as checked_requirement
from microrepo.cli.prompt.config_edit import edit_packages
from microrepo.config.load import convert, find_config, named_file, read_file
from microrepo.config.schema import EVERYTHING, Config, Words
from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.stores.atomic_write import write_atomically


class _Edit(Struct, frozen=True):
    """A change of the `packages` list of a config file."""

    path: Path
    before: tuple[str, ...]
    changed: dict[int, str | None]
    added: tuple[str, ...] = ()

    @property
    def after(self) -> list[str]:
        """The entries of the new list."""
        edited = (self.changed.get(n, entry) for n, entry in enumerate(self.before))
        return [*(entry for entry in edited if entry is not None), *self.added]


def command_add(arguments: argparse.Namespace) -> int:
    """Add requirements to the config file and refresh them."""
    path, before = _configured(arguments)
    texts = list(arguments.requirements)
    if arguments.from_wants:
        from microrepo.operations.monitor.wants import read_wants

        texts += read_wants(Path(arguments.from_wants))
    if not texts:
        raise ConfigError("add: name requirements, or a file with --from-wants")
    wanted: dict[str, str] = {}
    for text in texts:
        name = _name_of(text)
        if name in wanted and wanted[name] != text:
            terminal.note(f"{name} is named twice; {text} is added, {wanted[name]} is not")
        wanted[name] = checked_requirement(text)
    new = dict(wanted)
    changed: dict[int, str | None] = {}
    for index, entry in enumerate(before):
        name = _name_of(entry)
        if name in wanted:
            changed[index] = new.pop(name, None)
            if changed[index] not in {None, entry}:
                terminal.note(f"replaces {entry} with {changed[index]}")
    edit = _Edit(path, before, changed, tuple(new.values()))
    return _finish(arguments, edit, refresh=list(wanted.values()))


def command_remove(arguments: argparse.Namespace) -> int:
    """Remove projects from the config file and refresh."""
    path, before = _configured(arguments)
    names = {_name_of(text) for text in arguments.requirements}
    changed: dict[int, str | None] = {
        index: None for index, entry in enumerate(before) if _name_of(entry) in names
    }
    missing = names - {_name_of(before[index]) for index in changed}
    if missing:
        listed = ", ".join(sorted(missing))
        raise ConfigError(f"{path}: `packages` does not name {listed}. Nothing was changed.")
    if len(changed) == len(before):
        raise ConfigError(
            f"{path}: `packages` would be empty. Delete the files with `microrepo delete` instead."
        )
    return _finish(arguments, _Edit(path, before, changed), refresh=[])


def _configured(arguments: argparse.Namespace) -> tuple[Path, tuple[str, ...]]:
    path = find_config(arguments.config, os.environ)
    if not path.is_file():
        raise ConfigError(f"{path}: config file not found. Run `microrepo init` to write one.")
    config = convert(read_file(path), str(path))
    packages = config.packages
    if config.profiles:
        packages = _packages_of_profile(config, arguments.profile, path)
    if packages == EVERYTHING:
        raise ConfigError(f'{path}: `packages` is "{EVERYTHING}". Use `exclude` to skip projects.')
    return path, tuple(packages or ())


def _packages_of_profile(config: Config, name: str | None, path: Path) -> Words:
    if name not in config.profiles:
        known = ", ".join(config.profiles)
        raise ConfigError(f"{path} has profiles; choose one with --profile: {known}")
    packages = config.profiles[name].get("packages")
    if packages is None:
        raise ConfigError(
            f"{path}: profile {name} has no `packages` of its own; edit the file by hand"
        )
    return convert({"packages": packages}, f"{path}, profile {name}").packages or []


def _name_of(entry: str) -> str:
    """Return the project of an entry; of a requirements file, the entry itself."""
    is_file = named_file(entry) or entry.lstrip().startswith("-")
    return entry.strip() if is_file else parse_requirement(entry).project


def _finish(arguments: argparse.Namespace, edit: _Edit, *, refresh: list[str]) -> int:
    if edit.after == list(edit.before):
        terminal.note(f"{edit.path}: `packages` is unchanged")
    elif arguments.dry_run:
        terminal.note(f"would write {edit.path}: packages = {', '.join(edit.after)}")
    else:
        text = edit.path.read_bytes().decode("utf-8-sig")
        edited = edit_packages(text, edit.changed, edit.added, arguments.profile).encode()
        try:
            write_atomically(edit.path, edited, edit.path.stat().st_mode & 0o777)
        except OSError as error:
            raise ConfigError(f"{edit.path}: cannot be written: {error.strerror}") from error
        terminal.note(f"wrote {edit.path}")
    if arguments.no_refresh:
        return ExitCode.DONE
    if arguments.dry_run:
        base = edit.path.resolve().parent
        arguments.setting_packages = [
            f"-r {base / name}" if (name := named_file(entry)) else entry for entry in edit.after
        ]
    arguments.requirements, arguments.requirement = refresh, []
    arguments.force_check = arguments.replace = False
    return run_refresh(arguments)
