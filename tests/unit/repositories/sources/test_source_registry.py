"""How the `source` setting is read."""

from __future__ import annotations

import pytest

from microrepo.config.schema import Config, SourceEntry
from microrepo.errors import ConfigError
from microrepo.repositories.protocol import SourceSettings
from microrepo.repositories.sources.source_registry import describe_source, describe_sources


@pytest.mark.parametrize(
    ("source", "api", "expected"),
    [
        pytest.param(
            "https://m.example",
            "json",
            SourceSettings(
                "json", "https://m.example/simple/", "https://m.example/pypi", "https://m.example"
            ),
            id="a server like PyPI",
        ),
        pytest.param(
            "https://m.example/mirror/",
            "simple",
            SourceSettings(
                "simple",
                "https://m.example/mirror/simple/",
                "https://m.example/mirror/pypi",
                "https://m.example/mirror",
            ),
            id="the same by its Simple API, below a path",
        ),
        pytest.param(
            "https://m.example/repository/team/simple",
            "json",
            SourceSettings(
                "simple",
                "https://m.example/repository/team/simple/",
                "",
                "https://m.example/repository/team/simple",
            ),
            id="a simple index by its path",
        ),
        pytest.param(
            "simple+https://m.example/team/",
            "json",
            SourceSettings("simple", "https://m.example/team/", "", "https://m.example/team"),
            id="a simple index that says so",
        ),
        pytest.param(
            "/srv/python",
            "json",
            SourceSettings("directory", "/srv/python", name="/srv/python"),
            id="a directory",
        ),
        pytest.param(
            "file:///srv/my%20python",
            "json",
            SourceSettings("directory", "/srv/my python", name="/srv/my python"),
            id="the URL of a directory",
        ),
    ],
)
def test_source(source: str, api: str, expected: SourceSettings) -> None:
    assert describe_source(source, api) == expected


def test_pypi_has_both_apis_on_one_host() -> None:
    settings = describe_source("pypi", "json")
    host, _, path = settings.json_root.rpartition("/")
    assert (path, settings.simple_root, settings.name) == ("pypi", f"{host}/simple/", "PyPI")


def test_password_query_and_fragment_do_not_travel_along() -> None:
    settings = describe_source("https://ann:secret@m.example:8443/simple/?a=b#c", "json")
    assert settings.simple_root == "https://m.example:8443/simple/"
    assert "secret" not in str(settings)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("", id="empty"),
        pytest.param("pipy", id="a word"),
        pytest.param("m.example/simple/", id="no scheme"),
        pytest.param("ftp://m.example/", id="ftp"),
        pytest.param("https://", id="no host"),
        pytest.param("https://[::1", id="half an address"),
        pytest.param("https://m.example:99999/", id="no such port"),
        pytest.param("https://m.example:http/", id="port is a word"),
        pytest.param("https://ex℀mple/", id="character that no host has"),
        pytest.param("simple+file:///srv/simple/", id="a file that calls itself an index"),
    ],
)
def test_no_source(source: str) -> None:
    with pytest.raises(ConfigError, match=r"^\$\.source: .* is neither 'pypi' nor an http\(s\)"):
        describe_source(source, "json")


def test_message_hides_the_password() -> None:
    with pytest.raises(ConfigError) as caught:
        describe_source("ftp://ann:secret@m.example/", "json")
    assert "secret" not in str(caught.value)


def test_several_sources() -> None:
    table = SourceEntry("simple+https://a:b@m.example/team", packages=["acme-*"], name="team")
    found = describe_sources(Config(sources=[table, "pypi", SourceEntry("/srv/x", "simple")]))
    assert [one.name for one in found] == ["team", "PyPI", "/srv/x"]
    assert [one.packages for one in found] == [("acme-*",), (), ()]
    assert [one.by_page for one in found] == [False, True, False]
    assert found[0].simple_root == "https://m.example/team/"


def test_one_source_is_a_list_of_one() -> None:
    assert describe_sources(Config(source="/srv/x")) == (describe_source("/srv/x", "json"),)


@pytest.mark.parametrize(
    ("sources", "refused"),
    [
        pytest.param(["pypi", "/srv/x"], [("acme-*",), ()], id="PyPI, wherever it is"),
        pytest.param(["/srv/x", "/srv/y"], [(), ("acme-*",)], id="the last, without PyPI"),
        pytest.param([], [("acme-*",)], id="the only one"),
    ],
)
def test_reserved_names_as_a_list(sources: list[str | SourceEntry], refused: list[object]) -> None:
    found = describe_sources(Config(sources=sources, reserved_names=["acme-*"]))
    assert [one.refused for one in found] == refused


def test_reserved_names_of_a_source() -> None:
    entries: list[str | SourceEntry] = [SourceEntry("/srv/x", packages=["a"], name="in"), "pypi"]
    found = describe_sources(Config(sources=entries, reserved_names={"b": "in", "c": "PyPI"}))
    assert [one.packages for one in found] == [("a", "b"), ("c",)]
    assert [one.refused for one in found] == [("c",), ("b",)]


def test_reserved_names_of_a_source_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"'out' is not the name of a source; these are PyPI"):
        describe_sources(Config(reserved_names={"b": "out"}))
