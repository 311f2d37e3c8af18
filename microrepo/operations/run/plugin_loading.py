"""Loader of rules from other distributions: entry points of the group ``microrepo.rules``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from microrepo.errors import ConfigError
from microrepo.selection.rules.plugin_rules import API, LoadedRule

GROUP = "microrepo.rules"


def load_rules(settings: Mapping[str, Any] | list[str]) -> tuple[LoadedRule, ...]:
    """Load the rules that the setting `rules` names, sorted by name.

    Args:
        settings: names, or names with the settings of each rule.

    Raises:
        ConfigError: a rule is not installed, is offered by several distributions, cannot be loaded,
            refuses its settings, or uses another protocol version.
    """
    told = settings if isinstance(settings, Mapping) else {name: {} for name in settings}
    if not told:
        return ()
    offered: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        if point not in offered.setdefault(point.name, []):
            offered[point.name].append(point)
    return tuple(_load(name, told[name], offered) for name in sorted(told))


def _load(name: str, settings: object, offered: Mapping[str, list[EntryPoint]]) -> LoadedRule:
    place = f"$.rules.{name}"
    points = offered.get(name, [])
    if not points:
        known = ", ".join(sorted(offered)) or "none is offered"
        raise ConfigError(f"{place}: no installed distribution offers such a rule ({known})")
    origins = sorted({_origin(point) for point in points})
    if len(origins) > 1:
        raise ConfigError(f"{place}: offered by several distributions: {', '.join(origins)}")
    if not isinstance(settings, dict):
        raise ConfigError(f"{place}: expected a table of settings, not {settings!r}")
    try:
        rule = points[0].load()(dict(settings))
        api, check = getattr(rule, "api", None), rule.check
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{place} ({origins[0]}): cannot be created: {why}") from error
    if api != API:
        raise ConfigError(
            f"{place} ({origins[0]}): uses protocol version {api!r}, this microrepo {API}"
        )
    encoded = msgspec.json.encode(settings, order="deterministic").decode()
    return LoadedRule(name, origins[0], encoded, check)


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
