"""What a copy may be asked for besides requirements: the pins of a buildout configuration."""

from __future__ import annotations

from pathlib import Path

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.formats.buildout import parse_versions
from microrepo.operations.ends import plain_client_settings
from microrepo.repositories.index import expect_success
from microrepo.repositories.local import local_path
from microrepo.repositories.protocol import SourceSettings

_MAX_BYTES = 16 << 20


def read_versions_file(config: Config, name: str) -> tuple[str, ...]:
    """Return the pins of a buildout configuration.

    Args:
        config: network settings.
        name: path, ``file:`` URL, or http(s) URL (with credentials as any other).

    Raises:
        ConfigError: it cannot be read or understood.
        Unavailable: its server gives no good answer.
    """
    if name.startswith(("http://", "https://")):
        client = Client(plain_client_settings(config, SourceSettings("simple", name), {}))
        answer = client.get(name, max_bytes=_MAX_BYTES)
        client.close()
        name = public_url(name)
        expect_success(answer, name)
        body = answer.body
    else:
        body = _read(local_path(name) or Path(name))
    return parse_versions(body.decode("utf-8-sig", errors="replace"), name)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
