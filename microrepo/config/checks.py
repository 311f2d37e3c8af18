"""What types alone do not say: whether a value is a size, a date, a path, a known word."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from urllib.parse import urlsplit

from microrepo.config.schema import (
    ALL,
    EVERYTHING,
    PATTERN_KEYS,
    REGEX_KEYS,
    Config,
    SourceEntry,
)
from microrepo.config.sizes import parse_deletes, parse_size, parse_versions
from microrepo.errors import ConfigError

ALL_WORD_KEYS = ("package_types", "extensions", "python_versions", "platforms")
_SIZE_KEYS = (
    *("max_file_size", "max_project_size"),
    *("max_total_size", "min_free_space", "bandwidth"),
)
_PATH_KEYS = ("repository", "ca_bundle", "client_cert", "lock", "change_list", "metrics_file")


def check(config: Config, where: str = "config") -> None:
    """Check what types alone do not say.

    Raises:
        ConfigError: a value is no size, date, share or known word.
    """
    try:
        for key in _SIZE_KEYS:
            value = getattr(config, key)
            if value is not None:
                parse_size(value, key)
        parse_deletes(config.max_deletes, "max_deletes")
        parse_versions(config.versions, "versions")
        for key in ALL_WORD_KEYS:
            _check_words(getattr(config, key), key, ALL)
        _check_words(config.packages, "packages", EVERYTHING)
        for key in (*PATTERN_KEYS, "exclude_platforms", "requires_python"):
            _check_words(getattr(config, key), key, "")
        for key in REGEX_KEYS:
            _check_regexes(getattr(config, key), key)
        for field, rule in config.metadata.items():
            for part in ("any", "all", "none"):
                _check_regexes(getattr(rule, part), f"metadata.{field}.{part}")
        _check_moment(config.uploaded_before)
        for key in _PATH_KEYS:
            _check_path(getattr(config, key), key)
        _check_sources(config)
        _check_web_url(config.file_host, "file_host")
        _check_hook(config.hook)
        _check_web_url(config.files_url, "files_url")
        _check_purpose(config)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


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
            "$.source: does not go together with `sources`; put it into that list, or leave one out"
        )
    for index, entry in enumerate(config.sources):
        url = entry.url if isinstance(entry, SourceEntry) else entry
        if not url.strip():
            raise ConfigError(f"$.sources[{index}]: is empty")
        for number, pattern in enumerate(entry.packages if isinstance(entry, SourceEntry) else ()):
            where = f"$.sources[{index}].packages[{number}]"
            if not pattern.removeprefix("re:").strip():
                raise ConfigError(f"{where}: is empty")
            try:
                re.compile(pattern[3:] if pattern.startswith("re:") else "")
            except re.error as error:
                raise ConfigError(f"{where}: {pattern!r} is no pattern: {error}") from error


def _check_words(value: list[str] | str | None, key: str, word: str) -> None:
    if isinstance(value, str) and value != word:
        raise ConfigError(f'$.{key}: {value!r} is neither "{word}" nor a list; write ["{value}"]')
    for index, item in enumerate(value or ()):
        if not item.strip():
            raise ConfigError(f"$.{key}[{index}]: is empty")


def _check_regexes(texts: list[str], key: str) -> None:
    for index, text in enumerate(texts):
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(
                f"$.{key}[{index}]: {text!r} is no regular expression: {error}"
            ) from error


def _check_moment(text: str | None) -> None:
    if text is None:
        return
    # `formats` stands above this layer, so the reading proper is done there; this is the check.
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
        if moment.tzinfo is not None:
            moment.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"$.uploaded_before: {text!r} is no date or time such as '2026-05-31' or "
            "'2026-05-31T12:00:00Z'"
        ) from error


def _check_purpose(config: Config) -> None:
    if config.files_url and "@" in urlsplit(config.files_url).netloc:
        raise ConfigError("$.files_url: a password in it would stand on every page; leave it out")
    if not (config.files or config.simple):
        raise ConfigError("$.files: without files and without `simple` there is nothing to do")


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
        raise ConfigError(f"$.{key}: {shown!r} is no http(s) URL")
    if parts.query or parts.fragment:
        raise ConfigError(f"$.{key}: {shown!r} must end with its path: no `?` and no `#`")


def _check_hook(words: list[str]) -> None:
    for index, word in enumerate(words):
        if "\0" in word or (index == 0 and not word.strip()):
            raise ConfigError(f"$.hook[{index}]: {word!r} cannot be part of a command")


def _check_path(text: str | None, key: str) -> None:
    if text is None:
        return
    if not text.strip():
        raise ConfigError(f"$.{key}: is empty")
    try:
        possible = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ConfigError(f"$.{key}: {text!r} cannot be a path")
