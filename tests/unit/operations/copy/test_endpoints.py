"""Both ends of a copy as a person writes them, and whose passwords they get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.client.credentials import Given
from microrepo.config.schema import Config, SourceEntry
from microrepo.errors import AccessDenied, ConfigError
from microrepo.operations.copy.endpoints import (
    CONFIGURED,
    EndpointText,
    open_destination_endpoint,
    open_endpoints,
    open_source_endpoint,
    plain_client_settings,
    surroundings,
)
from microrepo.repositories.protocol import SourceSettings
from tests.support.receiver import Receiver

NOBODY = surroundings({}, "source", None)


def test_two_directories(config: Config, source: Path, target: Path) -> None:
    found = open_endpoints(config, EndpointText(str(source)), EndpointText(str(target)), environ={})
    assert (found.source.kind, found.source.simple_root) == ("directory", str(source))
    assert (found.destination.kind, found.destination.url) == ("directory", str(target))
    assert (found.source_auth, found.relogin, found.sources) == ({}, None, (found.source,))


def test_a_directory_is_not_copied_into_itself(config: Config, source: Path) -> None:
    with pytest.raises(ConfigError):
        open_endpoints(config, EndpointText(str(source)), EndpointText(str(source)), environ={})


@pytest.mark.parametrize("where", ["", "pypi", "gopher://x.example/", "ftp://x.example"])
def test_destinations_that_mean_nothing(config: Config, where: str) -> None:
    with pytest.raises(ConfigError):
        open_destination_endpoint(config, EndpointText(where), NOBODY)


def test_an_empty_source_means_nothing(config: Config) -> None:
    with pytest.raises(ConfigError):
        open_source_endpoint(config, EndpointText(""), NOBODY)


def test_the_configured_sources_in_their_order(config: Config, source: Path, target: Path) -> None:
    both = msgspec.structs.replace(
        config,
        sources=[SourceEntry(url=str(source), name="a"), SourceEntry(url=str(target), name="b")],
    )
    settings, logins = open_source_endpoint(both, EndpointText(CONFIGURED), NOBODY)
    assert ([one.name for one in settings], logins) == (["a", "b"], {})
    one = msgspec.structs.replace(config, source=str(source))
    ((only,), _) = open_source_endpoint(one, EndpointText(CONFIGURED), NOBODY)
    assert only.simple_root == str(source)


# --- logins -------------------------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        server.auth = ("me", "right")
        yield server


def given(path: Path, password: str) -> Given:
    path.write_text(password)
    return Given("me", str(path))


def test_a_login_goes_to_the_destination_and_nowhere_else(
    config: Config, source: Path, receiver: Receiver, tmp_path: Path
) -> None:
    end = EndpointText(receiver.url, given(tmp_path / "password", "right"))
    found = open_endpoints(config, EndpointText(str(source)), end, environ={})
    assert (found.destination.kind, found.destination.auth) == ("upload", ("me", "right"))
    assert (found.source_auth, found.relogin) == ({}, None)


def test_a_refused_login_is_asked_for_once_more(
    config: Config, source: Path, receiver: Receiver, tmp_path: Path
) -> None:
    end = EndpointText(receiver.url, given(tmp_path / "password", "wrong"))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "right"

    found = open_endpoints(config, EndpointText(str(source)), end, environ={}, ask=ask)
    assert found.destination.auth == ("me", "right")
    assert len(asked) == 1
    assert found.relogin is not None
    with pytest.raises(AccessDenied):
        open_endpoints(config, EndpointText(str(source)), end, environ={})


def test_a_client_outside_a_repository_shares_no_limits(config: Config) -> None:
    auth = {"https://i.example": ("me", "x")}
    settings = plain_client_settings(config, SourceSettings("simple", "https://i.example/"), auth)
    assert (settings.auth, settings.limits_dir) == (auth, None)
