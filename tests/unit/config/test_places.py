"""A wrong value is blamed on the place that it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microrepo.config.load import load
from microrepo.errors import ConfigError


@pytest.mark.parametrize(
    ("of_file", "environ", "flags", "place"),
    [
        ({"versions": "x"}, {}, {}, "microrepo.json"),
        ({}, {"MICROREPO_VERSIONS": "x"}, {}, "the environment"),
        ({}, {}, {"versions": "x"}, "the command line"),
        ({"versions": "x"}, {"MICROREPO_VERSIONS": "x"}, {"versions": "x"}, "microrepo.json"),
    ],
)
def test_the_first_wrong_place_is_named(
    tmp_path: Path,
    of_file: dict[str, object],
    environ: dict[str, str],
    flags: dict[str, object],
    place: str,
) -> None:
    path = tmp_path / "microrepo.json"
    path.write_text(json.dumps(of_file))
    with pytest.raises(ConfigError, match=rf"{place}: \$\.versions: 'x'"):
        load(path, flags, environ)


def test_a_wrong_value_that_another_replaces_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "microrepo.json"
    path.write_text('{"versions": "x"}')
    assert load(path, {"versions": "all"}, {}).config.versions == "all"
