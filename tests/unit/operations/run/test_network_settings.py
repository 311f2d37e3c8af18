"""Where the credentials of the configured sources come from."""

from __future__ import annotations

from typing import Any

import pytest

from microrepo.config.load import load
from microrepo.operations.run.network_settings import source_logins

ONE = {"source": "https://a.example/simple/"}
TWO = {
    "sources": [
        {"url": "https://a.example/simple/", "name": "acme-inside", "packages": ["acme-*"]},
        {"url": "https://b.example/simple/", "name": "b"},
        "pypi",
    ]
}
PLAIN = {"MICROREPO_SOURCE_USERNAME": "u", "MICROREPO_SOURCE_PASSWORD": "p"}
NAMED = {
    "MICROREPO_SOURCE_ACME_INSIDE_USERNAME": "u",
    "MICROREPO_SOURCE_ACME_INSIDE_PASSWORD": "p",
}
A = "https://a.example"


@pytest.mark.parametrize(
    ("settings", "environ", "expected"),
    [
        pytest.param(ONE, {}, {}, id="none"),
        pytest.param(ONE, PLAIN, {A: ("u", "p")}, id="one source"),
        pytest.param({"source": "pypi"}, PLAIN, {}, id="never sent to PyPI"),
        pytest.param(TWO, PLAIN, {}, id="several sources: not without a name"),
        pytest.param(TWO, NAMED, {A: ("u", "p")}, id="several sources: by name"),
        pytest.param(ONE, {"MICROREPO_SOURCE_USERNAME": "u"}, {}, id="no password"),
        pytest.param(
            {"source": "https://x:y@a.example/simple/"}, PLAIN, {A: ("x", "y")}, id="the URL first"
        ),
    ],
)
def test_logins(
    settings: dict[str, Any], environ: dict[str, str], expected: dict[str, tuple[str, str]]
) -> None:
    found = source_logins(load(None, settings, {}).config, environ)
    assert {origin.rstrip("/").removesuffix(":443"): login for origin, login in found.items()} == (
        expected
    )
