"""Checks of settings beyond their types: words, sizes, dates, paths and URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from urllib.parse import urlsplit

from microrepo.config.declared_options import Option, keys_of, options
from microrepo.config.profiles import check_profiles
from microrepo.config.schema import ALL, EVERYTHING, Config, Kind, SourceEntry
from microrepo.config.sizes import parse_days, parse_deletes, parse_size, parse_versions
from microrepo.errors import ConfigError
from microrepo.suggestions import nearest

_WHOLE_WORDS = frozenset({ALL, EVERYTHING, "*"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def spell_out(values: Mapping[str, object], where: str) -> dict[str, object]:
    """Return settings in which a word for everything has its one form: `"all"`, `"everything"`.

    Raises:
        ConfigError: such a word among others, or a word that is not one of a setting's choices.
    """
    found = dict(values)
    for option in options():
        if option.key in found:
            try:
                found[option.key] = _spelt_out(found[option.key], option)
            except ConfigError as error:
                raise ConfigError(f"{where}: $.{option.key}: {error}") from error
    return found


def _spelt_out(value: object, option: Option) -> object:
    if option.kind is Kind.CHOICE and isinstance(value, str) and value not in option.choices:
        raise ConfigError(not_a_choice(value, option.choices))
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        return value
    words = [item for item in items if isinstance(item, str) and item.lower() in _WHOLE_WORDS]
    if option.kind is Kind.NAMES:
        if any(word != "*" for word in words):
            return _only(words, items, ALL)
    elif option.kind is Kind.REQUIREMENTS:
        if words and words[0].lower() != EVERYTHING:
            raise ConfigError(
                f'{words[0]!r} is not a requirement; write "{EVERYTHING}" for the whole index '
                "(put a project of that name in a requirements file)"
            )
        return _only(words, items, EVERYTHING) if words else value
    elif option.kind in {Kind.PATTERNS, Kind.WORDS}:
        for word in words:
            if word != "*":
                raise ConfigError(f'{word!r} is not valid here; write "*" to match all')
    return value


def _only(words: list[str], items: list[object], whole: str) -> str:
    if len(items) > 1:
        raise ConfigError(f'{words[0]!r} includes everything else; write "{whole}", or a list')
    return whole


def not_a_choice(value: str, choices: Sequence[str]) -> str:
    """Return the message about a word that is not among the choices."""
    near = nearest(value, choices)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"{value!r} is not one of {', '.join(choices)}{hint}"


def _check_span(value: float | str, key: str) -> None:
    if parse_days(value, key) <= 0 and key != "min_age_days":
        raise ConfigError(f"$.{key}: must be longer than 0")


def check(config: Config, where: str = "config") -> None:
    """Raise ConfigError if a value has the right type but cannot be used.

    Raises:
        ConfigError: not a size, a date, a share, a path, ...
    """
    try:
        _check_words_and_patterns(config)
        for key in keys_of(Kind.SIZE):
            value = getattr(config, key)
            if value is not None:
                parse_size(value, f"$.{key}")
        for key in keys_of(Kind.DAYS):
            value = getattr(config, key)
            if value is not None:
                _check_span(value, key)
        parse_deletes(config.max_deletes, "max_deletes")
        parse_versions(config.versions, "versions")
        _check_moment(config.uploaded_before)
        for key in keys_of(Kind.PATH):
            check_path(getattr(config, key), f"$.{key}")
        check_profiles(config)
        _check_sources(config)
        _check_advisories(config.advisories)
        for key in keys_of(Kind.URL):
            _check_web_url(getattr(config, key), key)
        _check_command(config.hook, "hook")
        _check_command(config.scan, "scan")
        _check_purpose(config)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _check_words_and_patterns(config: Config) -> None:
    for key in keys_of(Kind.NAMES):
        _check_words(getattr(config, key), key, ALL)
        if key in {"platforms", "python_versions"} and getattr(config, key) == []:
            raise ConfigError(f'$.{key}: is empty; write "{ALL}", or name some')
    _check_words(config.packages, "packages", EVERYTHING)
    for key in keys_of(Kind.PATTERNS, Kind.WORDS):
        _check_words(getattr(config, key), key, "")
    for key in keys_of(Kind.REGEXES):
        _check_regexes(getattr(config, key), key)
    for field, rule in config.metadata.items():
        for part in ("any", "all", "none"):
            _check_regexes(getattr(rule, part), f"metadata.{field}.{part}")


def entries_of(config: Config) -> tuple[SourceEntry, ...]:
    """Return all sources in the order of their priority; one without `sources`."""
    if not config.sources:
        return (SourceEntry(config.source),)
    return tuple(
        entry if isinstance(entry, SourceEntry) else SourceEntry(entry) for entry in config.sources
    )


def _check_sources(config: Config) -> None:
    if config.sources and config.source != Config().source:
        raise ConfigError(
            "$.source: cannot be combined with `sources`; add it to that list, or remove one of them"
        )
    for index, entry in enumerate(config.sources):
        url = entry.url if isinstance(entry, SourceEntry) else entry
        if not url.strip():
            raise ConfigError(f"$.sources[{index}]: is empty")
        if isinstance(entry, SourceEntry):
            _check_names_of_source(entry.packages, f"$.sources[{index}].packages")
            _check_names_of_source(entry.merged, f"$.sources[{index}].merged")
    merging = [entry for entry in entries_of(config) if entry.merged]
    if len(merging) == 1:
        raise ConfigError(
            f"$.sources: only {merging[0].name or merging[0].url.rpartition('@')[2]!r} has `merged`; "
            "name the projects in `merged` of each source that their files come from"
        )


def _check_names_of_source(patterns: Sequence[str], where: str) -> None:
    for number, pattern in enumerate(patterns):
        if not pattern.removeprefix("re:").strip():
            raise ConfigError(f"{where}[{number}]: is empty")
        try:
            re.compile(pattern[3:] if pattern.startswith("re:") else "")
        except re.error as error:
            raise ConfigError(
                f"{where}[{number}]: {pattern!r} is not a pattern: {error}"
            ) from error


def _check_words(value: list[str] | str | None, key: str, word: str) -> None:
    if isinstance(value, str) and value != word:
        # A requirement can contain commas and spaces; words for files cannot.
        parts = [value.strip()] if word == EVERYTHING else re.split(r"[\s,;]+", value.strip())
        entries = ", ".join(f'"{entry}"' for entry in parts)
        raise ConfigError(f'$.{key}: {value!r} is neither "{word}" nor a list; write [{entries}]')
    for index, item in enumerate(value or ()):
        if not item.strip():
            raise ConfigError(f"$.{key}[{index}]: is empty")


def _check_regexes(texts: list[str], key: str) -> None:
    for index, text in enumerate(texts):
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(
                f"$.{key}[{index}]: {text!r} is not a regular expression: {error}"
            ) from error


def _check_moment(text: str | None) -> None:
    if text is None:
        return
    # `formats` is above this layer and does the real parsing; this is only a check.
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
        if moment.tzinfo is not None:
            moment.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"$.uploaded_before: {text!r} is not a date or time such as '2026-05-31' or "
            "'2026-05-31T12:00:00Z'"
        ) from error


def _check_purpose(config: Config) -> None:
    if config.files_url and "@" in urlsplit(config.files_url).netloc:
        raise ConfigError("$.files_url: every page would show the password; remove it")
    if not (config.files or config.simple):
        raise ConfigError(
            "$.files: needs `simple` when off: without both there is nothing to write"
        )


def _check_web_url(text: str | None, key: str) -> None:
    if text is None:
        return
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    shown = text.rpartition("@")[2]  # a password may stand before it
    if not is_web:
        raise ConfigError(f"$.{key}: {shown!r} is not an http(s) URL")
    if parts.query or parts.fragment:
        raise ConfigError(f"$.{key}: {shown!r} must end with its path: no `?` and no `#`")


def _check_advisories(text: str) -> None:
    if not text:
        return
    if text.startswith(("http://", "https://")):
        _check_web_url(text, "advisories")
    elif not text.startswith("file:"):
        if _SCHEME.match(text):
            raise ConfigError(
                f"$.advisories: {text!r} is neither an http(s) or file: URL nor a path"
            )
        check_path(text, "$.advisories")


def _check_command(words: list[str], key: str) -> None:
    for index, word in enumerate(words):
        if "\0" in word or (index == 0 and not word.strip()):
            raise ConfigError(f"$.{key}[{index}]: {word!r} cannot be part of a command")


def check_path(text: str | None, name: str) -> None:
    """Raise ConfigError if a text cannot be a path on this machine.

    Args:
        text: the path; None is none.
        name: its name in the message.
    """
    if text is None:
        return
    if not text.strip():
        raise ConfigError(f"{name}: is empty")
    if _SCHEME.match(text):
        raise ConfigError(f"{name}: {text!r} is a URL; this must be a path on this machine")
    try:
        possible = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ConfigError(f"{name}: {text!r} cannot be a path")
