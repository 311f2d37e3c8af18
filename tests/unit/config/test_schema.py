"""The one declaration of all options, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from microrepo.config.declared_options import KEYS, defaults, json_schema, options, sample
from microrepo.config.load import convert
from microrepo.config.schema import Config

CHECKOUT = Path(__file__).resolve().parents[3]
DESIGNED_DEFAULTS = {
    "repository": "~/microrepo",
    "connections": None,
    "package_types": ["bdist_wheel", "sdist"],
    "extensions": ["whl", "gz", "zip"],
    "platforms": "all",
    "exclude": [],
    "resolve": "solve",
    "build_requirements": False,
    "allow_urls": False,
    "versions": "latest",
    "prereleases": None,
    "yanked": False,
    "uploaded_before": None,
    "min_age_days": 0,
    "max_file_size": None,
    "max_total_size": None,
    "min_free_space": "1 GB",
    "prune": True,
    "max_deletes": "50 %",
    "removed": "delete",
    "simple": True,
    "server": True,
    "source": "pypi",
    "api": "json",
    "requests_per_second": None,
    "bandwidth": None,
    "contact": None,
    "retries": 5,
    "allow_http": False,
    "require_digests": True,
}


@pytest.mark.parametrize(("key", "value"), DESIGNED_DEFAULTS.items())
def test_default(key: str, value: object) -> None:
    assert defaults()[key] == value


def test_every_key_is_an_option_with_help() -> None:
    assert tuple(option.key for option in options()) == KEYS
    for option in options():
        assert option.help.endswith((".", ")")), option.key


def test_defaults_make_a_config() -> None:
    assert convert(defaults(), "the defaults") == Config()


def test_lists_of_defaults_are_not_shared() -> None:
    Config().package_types.append("x")  # type: ignore[union-attr]
    assert Config().package_types == ["bdist_wheel", "sdist"]


def test_sample_is_a_valid_config() -> None:
    convert(json.loads(sample()), "the sample")


def test_sample_file_is_what_the_schema_makes() -> None:
    assert (CHECKOUT / "sample_config.json").read_bytes() == sample()


def test_json_schema_knows_every_key_with_its_help() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    declared = definitions["Config"]
    assert tuple(declared["properties"]) == KEYS
    assert declared["additionalProperties"] is False
    assert all(about["description"] for about in declared["properties"].values())
    json.dumps(schema)


def test_config_travels_as_json() -> None:
    config = convert({"packages": ["flask"], "versions": 3, "environments": ["cp312-win32"]}, "x")
    assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config
