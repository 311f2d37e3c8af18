"""Laws of the settings: what is written is read back, and no mistake ends in a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microrepo.cli.prompt.config_file import config_text
from microrepo.config.declared_options import KEYS
from microrepo.config.load import convert, load, read_file
from microrepo.config.sizes import format_size, parse_size
from microrepo.errors import ConfigError
from microrepo.formats.times import normalize_time
from microrepo.selection.rules.policy import build_policy
from tests.property.strategies import json_values, settings_objects, valid_settings


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "config.json"


@given(valid_settings())
def test_a_config_survives_the_way_through_a_file(path: Path, values: dict[str, Any]) -> None:
    """load(dump(config)) == config."""
    config = convert(values, "test")
    path.write_text(config_text(msgspec.to_builtins(config)), encoding="utf-8")
    assert convert(read_file(path), "the file") == config


@given(valid_settings())
def test_valid_settings_are_loaded(path: Path, values: dict[str, Any]) -> None:
    path.write_text(config_text(values), encoding="utf-8")
    loaded = load(path, {}, {})
    assert Path(loaded.config.repository).is_absolute()
    assert {key for key, origin in loaded.origins.items() if origin != "default"} == set(values)


def refusal(call: Callable[[], object]) -> str | None:
    """What a user would read when the call refuses its settings; None when it takes them."""
    try:
        call()
    except ConfigError as error:
        return str(error)
    return None


@given(settings_objects())
def test_any_settings_are_taken_or_refused_in_words(values: dict[str, Any]) -> None:
    words = refusal(lambda: convert(values, "test"))
    assert words is None or words.startswith("test: $")
    if words is None:
        config = convert(values, "test")
        assert set(values) <= set(KEYS)
        assert msgspec.convert(msgspec.to_builtins(config), type(config)) == config


@given(settings_objects())
def test_settings_that_are_taken_make_a_policy(values: dict[str, Any]) -> None:
    try:
        config = convert(values, "test")
        policy = build_policy(config, None)
    except ConfigError:
        return
    # A limit that cannot be read must not turn into no limit.
    assert (policy.uploaded_before is None) is (config.uploaded_before is None)
    assert (policy.max_file_bytes is None) is (config.max_file_size is None)


@given(json_values())
def test_any_json_file_is_read_or_refused_in_words(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
    words = refusal(lambda: load(path, {}, {}))
    assert words is None or str(path) in words


@given(st.binary(max_size=60) | st.text("{}[]\":,'tru0123. \n").map(str.encode))
def test_any_bytes_are_read_or_refused_in_words(path: Path, body: bytes) -> None:
    path.write_bytes(body)
    words = refusal(lambda: read_file(path))
    assert words is None or words.startswith(f"{path}: ")


@given(st.sampled_from(KEYS), st.text(st.characters(exclude_characters="\0"), max_size=12))
def test_any_variable_is_taken_or_refused_in_words(key: str, text: str) -> None:
    words = refusal(lambda: load(None, {}, {f"MICROREPO_{key.upper()}": text}))
    known = (f"$.{key}", "home directory not found", "half a surrogate pair")
    assert words is None or any(part in words for part in known)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.text("0123456789-:T Z+.W", max_size=28) | st.datetimes().map(str) | st.dates().map(str))
def test_a_date_that_is_taken_can_be_read(text: str) -> None:
    try:
        convert({"uploaded_before": text}, "test")
    except ConfigError:
        return
    assert normalize_time(text) is not None


@given(st.integers(0, 2**63 - 1))
def test_size_for_people_is_about_the_size(size: int) -> None:
    text = format_size(size)
    if size < 1000 * 10**12:
        assert parse_size(text, "key") == pytest.approx(size, rel=0.06)
    assert text == format_size(float(size))
