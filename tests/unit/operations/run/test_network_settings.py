"""Where the credentials of the configured sources come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from microrepo.client.credentials import Given
from microrepo.config.load import load
from microrepo.errors import ConfigError
from microrepo.operations.run.network_settings import source_logins, worker_settings
from microrepo.repositories.sources.source_registry import describe_sources
from microrepo.stores.flat_directory import FlatDirectory

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
SINGLE = {"sources": TWO["sources"][:1]}
UNNAMED = {"sources": ["https://a.example/simple/", "https://b.example/simple/"]}
A = "https://a.example"


@pytest.fixture(autouse=True)
def no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this user's files nor a keyring have logins."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "environ", "expected"),
    [
        pytest.param(ONE, {}, {}, id="none"),
        pytest.param(ONE, PLAIN, {A: ("u", "p")}, id="one source"),
        pytest.param({"source": "pypi"}, PLAIN, {}, id="never sent to PyPI"),
        pytest.param(TWO, PLAIN, {}, id="several sources: not without a name"),
        pytest.param(TWO, NAMED, {A: ("u", "p")}, id="several sources: by name"),
        pytest.param(SINGLE, PLAIN, {A: ("u", "p")}, id="a single entry: without its name"),
        pytest.param(SINGLE, NAMED, {A: ("u", "p")}, id="a single entry: by name"),
        pytest.param(
            SINGLE,
            {**PLAIN, "MICROREPO_SOURCE_ACME_INSIDE_USERNAME": "n"}
            | {"MICROREPO_SOURCE_ACME_INSIDE_PASSWORD": "q"},
            {A: ("n", "q")},
            id="a single entry: the name first",
        ),
        pytest.param(UNNAMED, PLAIN, {}, id="several without names"),
        pytest.param(
            {"source": "https://x@a.example/simple/"},
            {"MICROREPO_SOURCE_PASSWORD": "p"},
            {A: ("x", "p")},
            id="the user in the URL",
        ),
        pytest.param(
            {"source": "https://x@a.example/simple/"}, {}, {A: ("x", "")}, id="only a token"
        ),
        pytest.param(
            {"source": "https://x:@a.example/simple/"}, {}, {A: ("x", "")}, id="an empty password"
        ),
        pytest.param(
            {"source": "https://A.example:443/simple/"}, PLAIN, {A: ("u", "p")}, id="one spelling"
        ),
        pytest.param(
            {"source": "https://a.example/simple/", "file_host": "https://f:g@b.example/"},
            {},
            {"https://b.example": ("f", "g")},
            id="the host of the files",
        ),
        pytest.param(
            {"source": "https://x:y@a.example/simple/"}, PLAIN, {A: ("x", "y")}, id="the URL first"
        ),
    ],
)
def test_logins(
    settings: dict[str, Any], environ: dict[str, str], expected: dict[str, tuple[str, str]]
) -> None:
    found = source_logins(load(None, settings, {}).config, environ)
    assert found == expected


@pytest.mark.parametrize(
    ("settings", "environ", "given", "words"),
    [
        pytest.param(
            ONE, {"MICROREPO_SOURCE_USERNAME": "u"}, None, "no password for user", id="no password"
        ),
        pytest.param(
            ONE, {"MICROREPO_SOURCE_PASSWORD": "p"}, None, "but no user name", id="no user"
        ),
        pytest.param(
            TWO, {}, Given("u"), "name one with --source", id="a flag for one of several sources"
        ),
        pytest.param(
            {"sources": ["https://u:p@a.example/x/simple/", "https://v:q@a.example/y/simple/"]},
            {},
            None,
            "two logins",
            id="two in URLs",
        ),
        pytest.param(
            {
                "sources": [
                    {"url": "https://a.example/x/simple/", "name": "acme-inside"},
                    "https://v:q@a.example/y/simple/",
                ]
            },
            NAMED,
            None,
            "two logins",
            id="one in variables",
        ),
    ],
)
def test_refused_logins(
    settings: dict[str, Any], environ: dict[str, str], given: Given | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        source_logins(load(None, settings, {}).config, environ, given)


def test_logins_of_files(tmp_path: Path) -> None:
    (tmp_path / ".pypirc").write_text(
        "[inside]\nrepository = https://a.example/simple/\nusername = u\npassword = p\n"
    )
    found = source_logins(load(None, ONE, {}).config, {})
    assert found == {A: ("u", "p")}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"source": "pypi"}, (16, 16, 8), id="PyPI"),
        pytest.param({"sources": ["pypi"]}, (16, 16, 8), id="PyPI, in a list"),
        pytest.param(ONE, (3, 16, 8), id="another index"),
        pytest.param(UNNAMED, (3, 16, 8), id="other indexes"),
        pytest.param(TWO, (3, 16, 8), id="PyPI and others"),
        pytest.param({"source": "pypi", "connections": 3}, (2, 2, 2), id="set"),
        pytest.param({**ONE, "connections": 50}, (25, 25, 25), id="set for another index"),
        pytest.param({"source": "/srv/wheels"}, (5, 5, 5), id="directory"),
    ],
)
def test_parallel_requests_of_a_process(
    tmp_path: Path, settings: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    config = load(None, {**settings, "processes": 2}, {}).config
    made = worker_settings(config, describe_sources(config), FlatDirectory(tmp_path))
    assert (made.first_threads, made.threads, made.downloads) == expected
    assert made.client.connections == expected[1]
