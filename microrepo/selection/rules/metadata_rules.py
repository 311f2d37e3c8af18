"""Rules on a project's metadata: fields of the JSON API's `info`, by name."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from microrepo.config.schema import MetadataRule
from microrepo.errors import ConfigError
from microrepo.model import FACTS_SINCE, Info, Project
from microrepo.selection.rules.patterns import checked_regex, compiled, first_found
from microrepo.suggestions import nearest

_FIELDS = ("name", *Info.__struct_fields__)
_TABLES = ("project_urls",)


class FieldRule(Struct, frozen=True):
    """One entry of the `metadata` setting, parsed.

    Attributes:
        field: its name in `Info`, or ``name``.
        key: entry of a field that is a table; "" for all entries.
        drop_missing: skip projects without the field.
    """

    field: str
    key: str = ""
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    drop_missing: bool = False

    @property
    def label(self) -> str:
        """The field as written in the settings."""
        return f"{self.field}.{self.key}" if self.key else self.field


def parse_rules(settings: Mapping[str, MetadataRule]) -> tuple[FieldRule, ...]:
    """Parse the `metadata` setting.

    Raises:
        ConfigError: a field is unknown, or an expression is invalid.
    """
    rules = []
    for written, rule in sorted(settings.items()):
        place = f"$.metadata.{written}"
        field, _, key = written.removeprefix("info.").partition(".")
        if field not in _FIELDS or (key and field not in _TABLES):
            near = nearest(field, _FIELDS)
            hint = f"did you mean {near!r}?" if near else f"known fields: {', '.join(_FIELDS)}"
            raise ConfigError(f"{place}: is not a field of a project; {hint}")

        def checked(part: str, texts: list[str], place: str = place) -> tuple[str, ...]:
            return tuple(sorted({checked_regex(text, f"{place}.{part}") for text in texts}))

        rules.append(
            FieldRule(
                field,
                key,
                checked("any", rule.any),
                checked("all", rule.all),
                checked("none", rule.none),
                rule.missing == "drop",
            )
        )
    return tuple(rules)


def facts_needed(rules: tuple[FieldRule, ...]) -> int:
    """Return the version of a record's facts that rules need, see `model.FACTS`."""
    return max((FACTS_SINCE.get(rule.field, 0) for rule in rules), default=0)


def check_metadata(project: Project, rules: tuple[FieldRule, ...]) -> str | None:
    """Return the rule that a project breaks and how, or None.

    A record from before a field was stored breaks no rule on it.
    """
    for rule in rules:
        if project.facts < FACTS_SINCE.get(rule.field, 0):
            continue
        broken = _broken(rule, values_of(project, rule.field, rule.key))
        if broken is not None:
            return f"metadata: {rule.label}: {broken}"
    return None


def _broken(rule: FieldRule, values: tuple[str, ...]) -> str | None:
    if not values:
        return "is missing" if rule.drop_missing else None
    for value in values:
        pattern = first_found(rule.none, value)
        if pattern is not None:
            return f"{value[:100]!r} matches {pattern!r} of `none`"
    if rule.any and all(first_found(rule.any, value) is None for value in values):
        return f"matches nothing in `any` ({', '.join(rule.any)})"
    for pattern in rule.all:
        if not any(compiled(pattern).search(value) for value in values):
            return f"does not match {pattern!r} of `all`"
    return None


def values_of(project: Project, field: str, key: str = "") -> tuple[str, ...]:
    """Return a project's values in a field, as texts."""
    value = project.display_name if field == "name" else getattr(project.info, field)
    if isinstance(value, Mapping):
        value = (value.get(key),) if key else tuple(value.values())
    if isinstance(value, str) or value is None:
        value = (value,)
    return tuple(text for text in value if text)
