"""Settings of the clients and the workers of a run, from the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from microrepo.client import ClientSettings
from microrepo.client.addresses import is_loopback, origin_of
from microrepo.client.credentials import Ask, Given, Login, find_login, url_login, usual_places
from microrepo.client.network_checks import check_network
from microrepo.config.checks import entries_of
from microrepo.config.schema import Config, SourceEntry
from microrepo.config.sizes import parse_size
from microrepo.errors import ConfigError
from microrepo.repositories.protocol import SourceSettings
from microrepo.repositories.sources.source_registry import is_web_url, without_credentials
from microrepo.stores.atomic_write import umask
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.file_scan import FileScanner
from microrepo.transfer.worker_settings import WorkerSettings

_PREFIX = "MICROREPO_SOURCE"
_URL_HOST = re.compile(r"https?://(?:[^/\s@]*@)?(\[[^\]\s]*\]|[^/\s:?#;]+)")
# Requests at the same time, and how many of them download files.
_FROM_SERVERS, _FROM_DIRECTORIES = (32, 16), (10, 10)
# Until a server keeps a connection open after its answer: some of those that do not queue five.
_FROM_UNKNOWN_SERVERS = 6
# Servers of one thread queue five connections; one more tries again only after a second.
_UPLOADS = 6
# PyPI asks for restraint; a first run of a few hundred projects still has full speed.
_PYPI_BURST, _PYPI_RATE = 500, 20.0


def source_logins(
    config: Config, environ: Mapping[str, str], given: Given | None = None, ask: Ask | None = None
) -> dict[str, Login]:
    """Return the credentials for the sources of the settings, by origin.

    They come from the usual places. Variables that are named after a source are for that source:
    MICROREPO_SOURCE_ACME_USERNAME. Those without a name are for the only source.

    Args:
        environ: variables.
        given: credentials from the command line, for the only source.
        ask: prompts for a password.

    Raises:
        ConfigError: two logins for one server, a user without a password, or credentials for
            one of several sources without its name.
    """
    given = given or Given()
    entries = entries_of(config)
    if given != Given() and len(entries) > 1:
        raise ConfigError(
            "--source-username and --source-password-file are for one source, but `sources` has "
            f"{len(entries)}; name one with --source, or set MICROREPO_SOURCE_<NAME>_USERNAME "
            "and _PASSWORD"
        )
    found: dict[str, Login] = {}
    for entry in entries:
        url = entry.url.removeprefix("simple+")
        if is_web_url(url):
            around = usual_places(environ, _prefix(entry, environ, alone=not entries[1:]), ask)
            _add_login(found, url, find_login(url, given, around))
    for url in (config.file_host or "", config.advisories):
        user, password = url_login(url)
        if user is not None:
            _add_login(found, url, (user, password or ""))
    return found


def _prefix(entry: SourceEntry, environ: Mapping[str, str], *, alone: bool) -> str:
    """Return the prefix of a source's variables; one that nothing has for an unnamed of several."""
    named = f"{_PREFIX}_{re.sub('[^A-Z0-9]', '_', entry.name.upper())}"
    if not alone:
        return named if entry.name else ""
    has_own = entry.name and any(f"{named}_{part}" in environ for part in ("USERNAME", "PASSWORD"))
    return named if has_own else _PREFIX


def _add_login(found: dict[str, Login], url: str, login: Login | None) -> None:
    origin = origin_of(url)
    if login is not None and found.setdefault(origin, login) != login:
        raise ConfigError(f"{origin}: two logins for this server")


def _hosts_of(packages: object) -> list[str]:
    """Return the hosts of direct URLs in the settings."""
    texts = [text for text in packages if "://" in text] if isinstance(packages, list) else []
    return [match[1] for text in texts if (match := _URL_HOST.search(text))]


def client_settings(
    config: Config,
    sources: Sequence[SourceSettings],
    directory: FlatDirectory,
    auth: dict[str, Login] | None = None,
) -> ClientSettings:
    """Return the settings of this run's clients.

    Args:
        auth: credentials by origin; None looks up those of the sources in the settings.

    Raises:
        ConfigError: no request can succeed with these settings.
    """
    rate, burst = config.requests_per_second, 1.0
    hosts = [urlsplit(source.simple_root).hostname or "" for source in sources]
    if rate is None and not all(is_loopback(host) for host in hosts):
        rate, burst = _PYPI_RATE, float(_PYPI_BURST)
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
        document_bytes=parse_size(config.max_document_size, "$.max_document_size"),
        connections=_per_process(config, _connections(config, sources)[0]),
        auth=source_logins(config, os.environ) if auth is None else auth,
        limits_dir=str(directory.limits),
        requests_per_second=rate,
        burst=burst,
        bandwidth_bytes=(
            parse_size(config.bandwidth, "$.bandwidth") if config.bandwidth is not None else None
        ),
    )
    key = "sources" if config.sources else "source"
    for source in sources:
        check_network(settings, source.simple_root, key)
    if config.file_host:
        check_network(settings, config.file_host, "file_host")
    if is_web_url(config.advisories):
        check_network(settings, config.advisories, "advisories")
    return settings


def worker_settings(
    config: Config,
    sources: Sequence[SourceSettings],
    directory: FlatDirectory,
    auth: dict[str, Login] | None = None,
    answers: Path | None = None,
) -> WorkerSettings:
    """Return the settings of this run's workers.

    Args:
        auth: as for `client_settings`.
        answers: directory of answers that repositories share in this run.
    """
    connections, downloads = _connections(config, sources)
    return WorkerSettings(
        repository=str(directory.path),
        client=client_settings(config, sources, directory, auth),
        source=sources[0],
        further=tuple(sources[1:]),
        file_host=without_credentials(config.file_host or ""),
        file_host_fallback=config.file_host_fallback,
        partial=str(directory.partial),
        threads=_per_process(config, connections),
        first_threads=_per_process(config, _first_connections(config, sources)),
        downloads=_per_process(config, downloads),
        uploads=_per_process(config, config.connections or _UPLOADS),
        attempts=config.retries,
        umask=umask(),
        sidecars=config.simple,
        store=config.store or "",
        answers=str(answers or ""),
        scanner=scanner_of(config, directory),
    )


def scanner_of(config: Config, directory: FlatDirectory) -> FileScanner | None:
    """Return what sees each new file of a repository, None without a scan command."""
    if not config.scan:
        return None
    return FileScanner(tuple(config.scan), str(directory.path), config.scan_timeout_s)


def _connections(config: Config, sources: Sequence[SourceSettings]) -> tuple[int, int]:
    """Return the number of parallel requests, and how many of them download files."""
    if config.connections is not None:
        return config.connections, config.connections
    is_local = all(source.kind == "directory" for source in sources)
    return _FROM_DIRECTORIES if is_local else _FROM_SERVERS


def _first_connections(config: Config, sources: Sequence[SourceSettings]) -> int:
    """Return the number of parallel requests before anything is known about the servers."""
    are_known = all(source.is_pypi or source.kind == "directory" for source in sources)
    if config.connections is not None or are_known:
        return _connections(config, sources)[0]
    return _FROM_UNKNOWN_SERVERS


def _per_process(config: Config, count: int) -> int:
    return -(-count // (config.processes or 1))
