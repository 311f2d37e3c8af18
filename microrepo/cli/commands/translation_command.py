"""Handler of `config --from-...`: settings of other programs, translated."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from microrepo.cli import terminal
from microrepo.cli.prompt.config_file import config_text, write_config
from microrepo.config.load import convert
from microrepo.errors import ConfigError, MicrorepoError
from microrepo.exit_codes import ExitCode
from microrepo.formats.foreign.bandersnatch_conf import translate_bandersnatch
from microrepo.formats.foreign.morgan_ini import translate_morgan
from microrepo.formats.foreign.translation import Lookups, Translation
from microrepo.formats.requirements.requirements_txt import decode, logical_lines
from microrepo.repositories.sources.pypi_index import pypi_json_root


def translate(arguments: argparse.Namespace) -> int:
    """Print or write the translation that `config --from-...` asks for; notes go to stderr."""
    if arguments.from_bandersnatch and arguments.from_morgan:
        raise ConfigError("one file at a time: --from-bandersnatch or --from-morgan")
    name = arguments.from_bandersnatch or arguments.from_morgan
    path = Path(name).expanduser()
    translation = _read(path, is_morgan=bool(arguments.from_morgan))
    convert(translation.values, f"the translation of {name}")
    if not arguments.quiet:
        for note in translation.notes:
            terminal.note(f"note: {note.about or name}: {note.text}")
    if arguments.output:
        write_config(Path(arguments.output).expanduser(), translation.values)
        terminal.note(f"wrote {arguments.output}")
    else:
        terminal.write_out(config_text(translation.values))
    return ExitCode.DONE


def _read(path: Path, *, is_morgan: bool) -> Translation:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: cannot be read: {words}") from error
    if is_morgan:
        return translate_morgan(text, str(path))
    return translate_bandersnatch(text, str(path), file_access())


def file_access() -> Lookups:
    """Return the access of a translation to files and addresses."""
    return Lookups(is_pypi=_is_pypi, expand=_expand, read_names=_read_names)


def _is_pypi(url: str) -> bool:
    return urlsplit(url).hostname == urlsplit(pypi_json_root()).hostname


def _expand(folder: str, name: str) -> Sequence[str]:
    place = Path(folder).expanduser() if folder else Path.cwd()
    if "*" in name:
        return [str(path.absolute()) for path in sorted(place.glob(name))]
    path = (place / name).absolute()
    return [str(path)] if path.is_file() else []


def _read_names(name: str) -> Sequence[str] | None:
    """Return the requirement lines of a file, as bandersnatch reads them: without options."""
    try:
        text = decode(Path(name).read_bytes(), name)
    except (OSError, MicrorepoError):
        return None
    lines = (line.partition(" --")[0].strip() for _, line in logical_lines(text))
    return [line for line in lines if line and not line.startswith("-")]
