"""Options derived from the declaration, for flags, variables, pages and schemas."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from microrepo.config.schema import ALL, Config, Group, Kind, Scope

KEYS: tuple[str, ...] = Config.__struct_fields__
SAMPLE_KEYS = ("packages", "versions", "python_versions", "platforms", "repository")


class Option(Struct, frozen=True):
    """One setting, as flags, pages and the loader see it.

    Attributes:
        key: name in the config file.
        help: the whole help text.
        group: section.
        kind: form of its value as text. default: as a JSON value.
        default_text: the default in words, or "".
        choices: the words of a `Kind.CHOICE`.
        example: as a JSON value, or None.
        basic: shown in the short help.
        scope: what it means to a copy.
    """

    key: str
    help: str
    group: Group
    kind: Kind
    default: object
    default_text: str
    choices: tuple[str, ...]
    example: object
    basic: bool
    scope: Scope

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return "--" + self.key.replace("_", "-")

    @property
    def summary(self) -> str:
        """The first sentence of the help, without its full stop."""
        return self.help.partition(". ")[0].rstrip(".")

    @property
    def neutral(self) -> object:
        """The value that selects everything."""
        return ALL if self.kind is Kind.NAMES or self.key == "versions" else self.default


@lru_cache(maxsize=1)
def options() -> tuple[Option, ...]:
    """Return all options in the order of their declaration."""
    return tuple(_option(declared) for declared in msgspec.structs.fields(Config))


def _option(declared: msgspec.structs.FieldInfo) -> Option:
    meta: msgspec.Meta = declared.type.__metadata__[-1]
    extra: dict[str, Any] = meta.extra or {}
    default = declared.default
    if default is msgspec.NODEFAULT and declared.default_factory is not msgspec.NODEFAULT:
        default = declared.default_factory()
    inner = declared.type.__origin__
    return Option(
        key=declared.name,
        help=meta.description or "",
        group=extra["group"],
        kind=extra["kind"] or _kind_of(inner),
        default=default,
        default_text=extra["default"],
        choices=get_args(inner) if get_origin(inner) is Literal else (),
        example=meta.examples[0] if meta.examples else None,
        basic=extra["basic"],
        scope=extra["scope"],
    )


def _kind_of(declared: Any) -> Kind:
    """Return the kind that a type has by itself."""
    if get_origin(declared) is Literal:
        return Kind.CHOICE
    parts = get_args(declared) if get_origin(declared) in {Union, UnionType} else (declared,)
    return Kind.SWITCH if bool in parts else Kind.NUMBER


def keys_of(*kinds: Kind) -> tuple[str, ...]:
    """Return the keys of all options of these kinds."""
    return tuple(option.key for option in options() if option.kind in kinds)


def keys_in(*groups: Group) -> tuple[str, ...]:
    """Return the keys of all options in these groups."""
    return tuple(option.key for option in options() if option.group in groups)


def filter_keys() -> tuple[str, ...]:
    """Return the keys that also narrow down a copy."""
    return tuple(option.key for option in options() if option.scope is Scope.FILTER)


def defaults() -> dict[str, object]:
    """Return the default of every key, as JSON values."""
    return {option.key: option.default for option in options()}


def neutral(config: Config, keep: Collection[str] = ()) -> Config:
    """Return settings that select everything, for a copy between repositories.

    Args:
        config: settings of one repository; network, sources and paths stay.
        keep: keys of filters that count nevertheless.
    """
    reset = {
        option.key: option.neutral
        for option in options()
        if option.scope is Scope.REPOSITORY
        or (option.scope is Scope.FILTER and option.key not in keep)
    }
    return msgspec.structs.replace(config, **reset)


def sample() -> bytes:
    """Return the text of `sample_config.json`, a small working configuration."""
    config = {
        option.key: option.default if option.example is None else option.example
        for option in options()
        if option.key in SAMPLE_KEYS
    }
    msgspec.convert(config, Config)
    return msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of the configuration file."""
    schema: dict[str, object] = msgspec.json.schema(Config)
    schema["title"] = "microrepo configuration"
    return schema
