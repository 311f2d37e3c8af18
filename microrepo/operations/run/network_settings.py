"""Settings of the clients and the workers of a run, from the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit

from microrepo.client import ClientSettings
from microrepo.client.addresses import is_loopback, origin_of
from microrepo.client.network_checks import check_network
from microrepo.config.checks import entries_of
from microrepo.config.schema import Config
from microrepo.config.sizes import parse_size
from microrepo.errors import ConfigError
from microrepo.repositories.protocol import SourceSettings
from microrepo.repositories.sources.source_registry import is_web_url, without_credentials
from microrepo.stores.atomic_write import umask
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.tasks import WorkerSettings

_URL_HOST = re.compile(r"https?://(?:[^/\s@]*@)?(\[[^\]\s]*\]|[^/\s:?#;]+)")
# PyPI asks for restraint; a first run of a few hundred projects still has full speed.
_PYPI_BURST, _PYPI_RATE = 500, 20.0


def source_logins(config: Config, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the credentials for the sources of the settings, by origin.

    They come from the URLs, or from MICROREPO_SOURCE_USERNAME and _PASSWORD for a single source;
    each of several sources has variables with its name: MICROREPO_SOURCE_ACME_USERNAME.

    Raises:
        ConfigError: two logins for one server.
    """
    return {**_from_variables(config, environ), **_from_urls(config)}


def _from_variables(config: Config, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found = {}
    for entry in entries_of(config):
        prefix = "MICROREPO_SOURCE"
        if config.sources:
            prefix += f"_{re.sub('[^A-Z0-9]', '_', (entry.name or '').upper())}"
        url = entry.url.removeprefix("simple+")
        user, password = environ.get(f"{prefix}_USERNAME"), environ.get(f"{prefix}_PASSWORD")
        if user and password is not None and is_web_url(url) and (entry.name or not config.sources):
            found[origin_of(url)] = user, password
    return found


def _from_urls(config: Config) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for url in (*(entry.url for entry in entries_of(config)), config.file_host or ""):
        parts = urlsplit(url.removeprefix("simple+"))
        if not parts.username:
            continue
        origin, login = origin_of(parts.geturl()), (unquote(parts.username), parts.password or "")
        login = login[0], unquote(login[1])
        if found.setdefault(origin, login) != login:
            raise ConfigError(f"{origin}: two logins for this server")
    return found


def _hosts_of(packages: object) -> list[str]:
    """Return the hosts of direct URLs in the settings."""
    texts = [text for text in packages if "://" in text] if isinstance(packages, list) else []
    return [match[1] for text in texts if (match := _URL_HOST.search(text))]


def client_settings(
    config: Config, sources: Sequence[SourceSettings], directory: FlatDirectory
) -> ClientSettings:
    """Return the settings of this run's clients.

    Raises:
        ConfigError: no request can succeed with these settings.
    """
    rate, burst = config.requests_per_second, 1.0
    hosts = [urlsplit(source.simple_root).hostname or "" for source in sources]
    if rate is None and not all(is_loopback(host) for host in hosts):
        rate, burst = _PYPI_RATE, float(_PYPI_BURST)
    processes = config.processes or 1
    settings = ClientSettings(
        contact=config.contact,
        proxy=config.proxy,
        ca_bundle=config.ca_bundle,
        client_cert=config.client_cert,
        timeout_s=config.timeout_s,
        retries=config.retries,
        allow_http=config.allow_http,
        transport=config.transport,
        internal_hosts=(*config.internal_hosts, *_hosts_of(config.packages)),
        document_bytes=parse_size(config.max_document_size, "max_document_size"),
        connections=-(-config.connections // processes),
        auth=source_logins(config, os.environ),
        limits_dir=str(directory.limits),
        requests_per_second=rate,
        burst=burst,
        bandwidth_bytes=(
            parse_size(config.bandwidth, "bandwidth") if config.bandwidth is not None else None
        ),
    )
    key = "sources" if config.sources else "source"
    for source in sources:
        check_network(settings, source.simple_root, key)
    if config.file_host:
        check_network(settings, config.file_host, "file_host")
    return settings


def worker_settings(
    config: Config, sources: Sequence[SourceSettings], directory: FlatDirectory
) -> WorkerSettings:
    """Return the settings of this run's workers."""
    processes = config.processes or 1
    return WorkerSettings(
        repository=str(directory.path),
        client=client_settings(config, sources, directory),
        source=sources[0],
        further=tuple(sources[1:]),
        file_host=without_credentials(config.file_host or ""),
        file_host_fallback=config.file_host_fallback,
        partial=str(directory.partial),
        threads=-(-config.connections // processes),
        attempts=config.retries,
        umask=umask(),
        sidecars=config.simple,
    )
