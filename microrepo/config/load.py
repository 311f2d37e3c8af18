"""Loader of settings: defaults < file < environment < flags, checked and completed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.config.checks import check, spell_out
from microrepo.config.declared_options import KEYS, keys_of, options
from microrepo.config.option_values import parse_text
from microrepo.config.profiles import profile_values
from microrepo.config.schema import EVERYTHING, RUNNING_PYTHON, Config, Kind
from microrepo.config.security_presets import preset_values
from microrepo.errors import ConfigError
from microrepo.suggestions import nearest

SYSTEM_CONFIG = Path("/etc/microrepo.json")
ENVIRONMENT_PREFIX = "MICROREPO_"
_FILE_ENTRY = re.compile(r"\s*(?:-r\s*|--requirement(?:\s+|=))(\S.*?)\s*\Z")
_CREDENTIALS = re.compile(r"://[^/?#\s]*@")


class Loaded(Struct, frozen=True):
    """A configuration, loaded.

    Attributes:
        config: complete and checked; paths absolute.
        path: the file it was read from, or None.
        origins: origin of each key: ``default``, the file, a variable, a flag.
        base: directory that relative file names are relative to.
    """

    config: Config
    path: Path | None
    origins: dict[str, str]
    base: Path


def find_config(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """Return the path of the config file, which need not exist.

    The first that applies: `explicit` (the flag), `MICROREPO_CONFIG`, `~/.microrepo` if it exists,
    `/etc/microrepo.json` if it exists, `~/.microrepo`.

    Raises:
        ConfigError: the name begins with the home directory of a user that does not exist.
    """
    named = explicit or environ.get("MICROREPO_CONFIG")
    if named:
        return _expand_home(Path(named))
    personal = Path("~/.microrepo").expanduser()
    if not personal.is_file() and SYSTEM_CONFIG.is_file():
        return SYSTEM_CONFIG
    return personal


def load(
    path: Path | None,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    profile: str | None = None,
) -> Loaded:
    """Return the settings of the file (if any), the environment and the flags, complete and checked.

    Args:
        path: an existing config file, or None for none.
        flags: JSON values by key, only those that were given.
        environ: environment variables; `MICROREPO_<KEY>` sets a key, as JSON or plain text.
        profile: name of one of the file's profiles; its settings take precedence over the others
            of the file.

    Raises:
        ConfigError: broken JSON (with line and column), unknown key or profile, wrong type, bad
            value.
    """
    of_file: dict[str, object] = {} if path is None else read_file(path)
    origins = dict.fromkeys(KEYS, "default") | dict.fromkeys(of_file, str(path))
    where = str(path) if path else "the settings"
    if of_file.get("profiles"):
        own = profile_values(convert(of_file, where), profile, where)
        of_file |= own
        origins |= dict.fromkeys(own, f"{path}, profile {profile}" if profile else str(path))
    elif profile is not None:
        raise ConfigError(f"{where}: profile {profile!r} not found; the file has no `profiles`")
    of_environment = _from_environment(environ)
    origins |= {key: ENVIRONMENT_PREFIX + key.upper() for key in of_environment}
    origins |= {key: "--" + key.replace("_", "-") for key in flags}
    values = {**of_file, **of_environment, **flags}
    config = _convert_all(
        (where if profile is None else f"{where}, profile {profile}", of_file),
        ("the environment", of_environment),
        ("the command line", flags),
    )
    origins |= dict.fromkeys(preset_values(values), f"security {config.security}")

    def base_of(key: str) -> Path:
        is_of_file = path is not None and origins[key].startswith(str(path))
        return path.resolve().parent if path and is_of_file else Path.cwd()

    resolved = resolve(config, base_of)
    return Loaded(resolved, path, origins, base_of("packages"))


def _convert_all(*places: tuple[str, Mapping[str, object]]) -> Config:
    """Return the settings of several places, of which later ones take precedence.

    Raises:
        ConfigError: it names the first place whose values, with those before it, are not valid.
    """
    values: dict[str, object] = {}
    for _, own in places:
        values |= own
    try:
        return convert(values, "the settings")
    except ConfigError:
        before: dict[str, object] = {}
        for where, own in places:
            before |= own
            if own:
                convert(before, where)
        raise


def read_file(path: Path) -> dict[str, object]:
    """Return a config file as a JSON object, whatever its keys.

    Raises:
        ConfigError: not readable, or broken JSON, with line, column and a hint.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(_explain_broken(path, text, error)) from error
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond all bounds
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must be a JSON object {{...}}, not {type(values).__name__}")
    return values


def _explain_broken(path: Path, text: str, error: json.JSONDecodeError) -> str:
    before = text[: error.pos].rstrip()
    after = text[error.pos :].lstrip()
    hint = ""
    rest = after.lstrip(", \t\r\n")  # newer Pythons point at the comma, older ones after it
    if rest[:1] in {"}", "]"} and (before.endswith(",") or after.startswith(",")):
        hint = f"; remove the comma before '{rest[0]}'"
    elif error.msg.startswith("Expecting ',' delimiter"):
        line = text.count("\n", 0, len(before)) + 1
        hint = f"; a comma is missing at the end of line {line}"
    elif after[:1] == "'":
        hint = '; use double quotes (")'
    return f"{path}: line {error.lineno} column {error.colno}: {error.msg}{hint}"


def convert(values: Mapping[str, object], where: str) -> Config:
    """Return the settings that JSON values stand for.

    Raises:
        ConfigError: unknown key (with a "did you mean"), wrong type or value, with its JSON path.
    """
    for key in values:
        if key not in KEYS:
            near = nearest(key.replace("-", "_"), KEYS)
            hint = f"; did you mean {near!r}?" if near else "; `microrepo config` lists the keys"
            raise ConfigError(f"{where}: $.{key}: unknown key{hint}")
    try:
        complete = {**values, **preset_values(values)}
        config = msgspec.convert(spell_out(complete, where), Config)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `")
        raise ConfigError(f"{where}: {place.rstrip('`') or '$'}: {text}") from error
    except UnicodeEncodeError as error:
        raise ConfigError(f"{where}: $: half a surrogate pair: {error.object!r}") from error
    check(config, where)
    return config


def resolve(config: Config, base_of: Callable[[str], Path]) -> Config:
    """Return settings with the defaults of this machine and with absolute paths.

    Args:
        base_of: key -> directory that its path is relative to.

    Raises:
        ConfigError: a path begins with the home directory of a user that does not exist.
    """

    def absolute(key: str) -> str | None:
        text = getattr(config, key)
        return _utf8(str(expand(text, base_of(key))), key) if text is not None else None

    return msgspec.structs.replace(
        config,
        processes=config.processes or os.cpu_count() or 1,
        python_versions=(
            config.python_versions if config.python_versions is not None else RUNNING_PYTHON
        ),
        dependencies=(
            config.dependencies
            if config.dependencies is not None
            else config.packages != EVERYTHING
        ),
        advisories=_placed(config.advisories, base_of("advisories")),
        **{key: absolute(key) for key in keys_of(Kind.PATH)},
        **{key: _located(getattr(config, key), base_of(key)) for key in keys_of(Kind.PATTERNS)},
    )


def _placed(text: str, base: Path) -> str:
    """Return a URL as it is, and a path as an absolute one."""
    is_path = text and not text.startswith(("http:", "https:", "file:"))
    return _utf8(str(expand(text, base)), "advisories") if is_path else text


def _located(entries: list[str], base: Path) -> list[str]:
    """Return entries in which the files of ``-r FILE`` are absolute."""
    return [
        f"-r {expand(name, base)}" if (name := named_file(entry)) is not None else entry
        for entry in entries
    ]


def named_file(entry: str) -> str | None:
    """Return the file of an entry ``-r FILE``, or None."""
    match = _FILE_ENTRY.match(entry)
    return match[1] if match else None


def _utf8(path: str, key: str) -> str:
    """Return the path if it is UTF-8, as reports, pages and the state need it.

    Raises:
        ConfigError: its bytes are not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"$.{key}: {path!r}: the bytes of this path are not UTF-8") from error
    return path


def expand(text: str, base: Path) -> Path:
    """Return an absolute path: `~` and `$VAR` expanded, relative to `base`.

    Raises:
        ConfigError: it begins with the home directory of a user that does not exist.
    """
    return base / _expand_home(Path(os.path.expandvars(text)))


def _expand_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{path}: home directory not found") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for option in options():
        text = environ.get(ENVIRONMENT_PREFIX + option.key.upper())
        if text is not None:
            try:
                values[option.key] = parse_text(text, option)
            except (ValueError, RecursionError):
                values[option.key] = text  # refused with its place by `convert`
    return values


def shown(loaded: Loaded) -> dict[str, dict[str, object]]:
    """Return key -> {value, origin} of the effective settings, for `microrepo config`.

    User and password of a URL are not shown.
    """
    values = {key: _masked(value) for key, value in msgspec.to_builtins(loaded.config).items()}
    return {key: {"value": values[key], "origin": loaded.origins[key]} for key in KEYS}


def _masked(value: object) -> object:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    return _CREDENTIALS.sub("://***@", value) if isinstance(value, str) else value
