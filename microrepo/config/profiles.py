"""Profiles: several repositories from one config file."""

from __future__ import annotations

import re

from microrepo.config.declared_options import KEYS
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.suggestions import nearest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# A setting of the file, not of one repository.
_SHARED = frozenset({"profiles"})


def check_profiles(config: Config) -> None:
    """Raise ConfigError if a profile has an unusable name, or an unknown key."""
    folded: dict[str, str] = {}
    for name, values in config.profiles.items():
        other = folded.setdefault(name.lower().rstrip("."), name)
        if other != name:
            raise ConfigError(
                f"$.profiles: {other!r} and {name!r} are one directory on some systems; rename one"
            )
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"$.profiles: {name!r} is not a name; use letters, digits, '.', '_' and '-'"
            )
        for key in values:
            if key in _SHARED:
                raise ConfigError(f"$.profiles.{name}.{key}: a profile has no `{key}` of its own")
            if key not in KEYS:
                near = nearest(key.replace("-", "_"), KEYS)
                hint = f"; did you mean {near!r}?" if near else ""
                raise ConfigError(f"$.profiles.{name}.{key}: unknown key{hint}")


def profile_values(config: Config, name: str | None, where: str) -> dict[str, object]:
    """Return the settings of one profile, with its repository and the store of all.

    Args:
        config: settings of the file, with its paths as written.
        name: the profile; None for what all of them share.
        where: the file, for messages.

    Raises:
        ConfigError: the file has no such profile.
    """
    shared: dict[str, object] = {}
    if config.store is None:
        shared["store"] = f"{config.repository}/.store"
    if name is None:
        return shared
    if name not in config.profiles:
        near = nearest(name, config.profiles)
        known = ", ".join(config.profiles) or "none"
        hint = f"did you mean {near!r}?" if near else f"it has {known}"
        raise ConfigError(f"{where}: profile {name!r} not found; {hint}")
    return {**shared, "repository": f"{config.repository}/{name}", **config.profiles[name]}
