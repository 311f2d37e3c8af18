"""Reader of version pins in buildout configurations."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from microrepo.client import Client
from microrepo.client.addresses import origin_of, without_login
from microrepo.client.credentials import Ask, Given, find_login
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.formats.bounds import REQUIREMENTS
from microrepo.formats.requirements.buildout import parse_versions
from microrepo.operations.copy.endpoints import plain_client_settings, surroundings
from microrepo.repositories.protocol import SourceSettings
from microrepo.repositories.sources.directory_source import local_path
from microrepo.repositories.sources.simple_index import expect_success

_PLACES = "put them in netrc, in the URL, or in MICROREPO_VERSIONS_USERNAME and _PASSWORD"


def read_versions_file(config: Config, name: str, ask: Ask | None = None) -> tuple[str, ...]:
    """Return the pins of a buildout configuration.

    Args:
        name: path, ``file:`` URL, or http(s) URL. Credentials are looked up as for a source, with
            variables of their own (``MICROREPO_VERSIONS_USERNAME``).
        ask: prompts for a password.

    Raises:
        ConfigError: it cannot be read or parsed.
        Unavailable: its server fails.
    """
    if name.startswith(("http://", "https://")):
        login = find_login(name, Given(), surroundings(os.environ, "versions", ask))
        auth = {} if login is None else {origin_of(name): login}
        name = without_login(name)
        client = Client(plain_client_settings(config, SourceSettings("simple", name), auth))
        with closing(client):
            answer = client.get(name, bound=REQUIREMENTS)
        expect_success(answer, name, _PLACES)
        body = answer.body
    else:
        body = _read(local_path(name) or Path(name))
    return parse_versions(body.decode("utf-8-sig", errors="replace"), name)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
