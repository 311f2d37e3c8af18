"""Endpoints of a copy: parse them and check their credentials."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from microrepo.client import Client, ClientSettings
from microrepo.client.addresses import origin_of, public_url
from microrepo.client.credentials import (
    Ask,
    Given,
    Login,
    Surroundings,
    find_login,
    question,
    usual_places,
)
from microrepo.config.schema import Config
from microrepo.errors import AccessDenied, ConfigError, MalformedResponse
from microrepo.operations.run.network_settings import client_settings, source_logins
from microrepo.repositories.destinations.destination_registry import (
    describe_destination,
    directory_of,
)
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.repositories.sources.source_registry import (
    describe_source,
    describe_sources,
    is_web_url,
    open_source,
    pypi_source_url,
    with_reserved_names,
)
from microrepo.stores.flat_directory import FlatDirectory

_T = TypeVar("_T")
CONFIGURED = "$.sources"


class EndpointText(Struct, frozen=True):
    """One endpoint of a copy, as the user wrote it.

    Attributes:
        where: URL, path, ``pypi``, or `CONFIGURED` for the sources of the settings.
        given: user and password file from the options.
        index: URL of a destination's list of files, if it cannot be derived.
        auth: a login from the caller of the library.
    """

    where: str
    given: Given = Given()
    index: str | None = None
    auth: Login | None = None


class Endpoints(Struct, frozen=True):
    """A source and a destination, ready for use.

    Attributes:
        source_auth: logins of the sources, by origin.
        further: sources after the first, if the settings name several.
        relogin: asks for another password for the destination; None without a terminal.
    """

    source: SourceSettings
    destination: DestinationSettings
    source_auth: dict[str, Login] = {}
    relogin: Callable[[], Login] | None = None
    further: tuple[SourceSettings, ...] = ()

    @property
    def sources(self) -> tuple[SourceSettings, ...]:
        """All sources, in the order of their priority."""
        return (self.source, *self.further)


def surroundings(environ: Mapping[str, str], side: str, ask: Ask | None) -> Surroundings:
    """Return where credentials of a side (``source``, ``destination``) are looked up."""
    return usual_places(environ, f"MICROREPO_{side.upper()}", ask)


def open_endpoints(
    config: Config,
    source: EndpointText,
    destination: EndpointText,
    *,
    replace: bool = False,
    ask: Ask | None = None,
    environ: Mapping[str, str] | None = None,
) -> Endpoints:
    """Determine how both endpoints are read and written, and with which credentials.

    Args:
        replace: overwrite files of the same name that differ.
        ask: prompts for a password.
        environ: variables; default: those of this process.

    Raises:
        ConfigError: an endpoint is invalid, or no password is found for a user.
        AccessDenied: credentials are refused, also after a second prompt.
        Unavailable: no response.
    """
    variables = os.environ if environ is None else environ
    (settings, *further), auth = open_source_endpoint(
        config, source, surroundings(variables, "source", ask)
    )
    around = surroundings(variables, "destination", ask)
    described = open_destination_endpoint(config, destination, around, replace=replace)
    if described == DestinationSettings("directory", settings.simple_root, name=described.name):
        raise ConfigError(f"{described.name}: source and destination are the same directory")
    relogin = None
    if described.kind == "upload" and around.ask is not None:
        relogin = _relogin(destination.where, described.auth, around.ask)
    return Endpoints(settings, described, auth, relogin, tuple(further))


def _relogin(url: str, login: Login | None, ask: Ask) -> Callable[[], Login] | None:
    if login is None:
        return None
    return lambda: (login[0], ask(question(url, login[0])))


def _with_reservations(config: Config, source: SourceSettings) -> tuple[SourceSettings, ...]:
    """Return a single source with the names that it must not provide."""
    names = config.reserved_names
    if not isinstance(names, list):
        names = [pattern for pattern, only in names.items() if only != source.name]
    return with_reserved_names((source,), names)


def open_source_endpoint(
    config: Config, end: EndpointText, around: Surroundings
) -> tuple[tuple[SourceSettings, ...], dict[str, Login]]:
    """Return the settings of a source, or of each configured one, and logins by origin.

    Raises:
        ConfigError: the endpoint is invalid.
        AccessDenied: credentials are refused, also after a second prompt.
    """
    if not end.where:
        raise ConfigError("the source is empty: give a URL, a directory, or pypi")
    if end.where == CONFIGURED and config.sources:
        # A copy does not need the status of projects; a mirror requests it itself.
        plain = msgspec.structs.replace(config, project_status=False)
        return describe_sources(plain), source_logins(config, around.environ, end.given, around.ask)
    # A source that a person names on the command line is meant, unless it is the public index.
    is_named = end.where not in {CONFIGURED, "pypi"}
    if end.where == CONFIGURED:
        end = msgspec.structs.replace(end, where=config.source)
    directory = None if end.where == "pypi" else directory_of(end.where)
    if directory is not None:
        return (describe_source(str(directory), config.api),), {}
    settings = describe_source(end.where, config.api)
    if not is_named:
        (settings,) = _with_reservations(config, settings)
    url = pypi_source_url() if end.where == "pypi" else end.where

    def probe(login: Login | None) -> dict[str, Login]:
        if login is None:
            return {}
        auth = {origin_of(settings.simple_root): login}
        client = _client(config, settings, auth)
        with contextlib.closing(client), contextlib.suppress(MalformedResponse):
            open_source(client, settings).list_projects()
        return auth  # the server answered, so the login works

    if end.where == "pypi" and end.given == Given():
        # Anybody may read PyPI, and the variables are for the other server.
        around = msgspec.structs.replace(around, environ={})
    login = end.auth or find_login(url, end.given, around)
    return (settings,), _with_login(url, login, around, probe)


def open_destination_endpoint(
    config: Config, end: EndpointText, around: Surroundings, *, replace: bool = False
) -> DestinationSettings:
    """Return how a destination is written and read.

    Raises:
        ConfigError: the endpoint is invalid.
        AccessDenied: credentials are refused, also after a second prompt.
        Unavailable: no response.
    """

    def probe(login: Login | None) -> DestinationSettings:
        nowhere = SourceSettings("simple", end.where)
        auth = {} if login is None else {origin_of(end.where): login}
        client = _client(config, nowhere, auth)
        try:
            return describe_destination(
                end.where, client, index=end.index, auth=login, replace=replace
            )
        finally:
            client.close()

    if end.where in {"", "pypi"}:
        raise ConfigError(
            "there is no default destination: name the URL of an upload form, or a directory "
            "(./pypi for a directory of that name)"
        )
    if directory_of(end.where) is not None:
        return probe(None)
    if not is_web_url(end.where):
        raise ConfigError(f"{public_url(end.where)}: a repository is a directory or an http(s) URL")
    login = end.auth or find_login(end.where, end.given, around)
    return _with_login(end.where, login, around, probe)


def _with_login(
    url: str, login: Login | None, around: Surroundings, attempt: Callable[[Login | None], _T]
) -> _T:
    """Try a login; if it is refused, prompt again."""
    try:
        return attempt(login)
    except AccessDenied:
        if login is None or around.ask is None:
            raise
    again = login[0], around.ask(question(url, login[0]))
    return attempt(again)


def _client(config: Config, source: SourceSettings, auth: dict[str, Login]) -> Client:
    return Client(plain_client_settings(config, source, auth))


def plain_client_settings(
    config: Config, source: SourceSettings, auth: dict[str, Login]
) -> ClientSettings:
    """Return client settings outside any repository, without shared limits."""
    settings = client_settings(config, (source,), FlatDirectory(Path()), auth)
    return msgspec.structs.replace(settings, limits_dir=None)
