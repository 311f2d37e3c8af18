"""Registry of sources: their settings, from a setting, a URL or a path."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from microrepo.client import Client
from microrepo.config.checks import entries_of
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.repositories.protocol import Source, SourceSettings
from microrepo.repositories.sources.directory_source import DirectorySource, local_path
from microrepo.repositories.sources.pypi_index import PyPISource, pypi_json_root
from microrepo.repositories.sources.simple_index import IndexSource
from microrepo.repositories.sources.tree_index import TreeIndex, is_index_tree
from microrepo.suggestions import nearest


def describe_sources(config: Config) -> tuple[SourceSettings, ...]:
    """Return the settings of a configuration's sources, by priority.

    Raises:
        ConfigError: a source is invalid, or two have the same name.
    """
    if not config.sources:
        single = _with_pages(describe_source(config.source, config.api), config)
        return with_reserved_names((single,), config.reserved_names)
    found: dict[str, SourceSettings] = {}
    for index, entry in enumerate(entries_of(config)):
        where = f"$.sources[{index}]"
        described = describe_source(entry.url, entry.api or config.api, where)
        named = msgspec.structs.replace(
            _with_pages(described, config),
            name=entry.name or described.name,
            packages=tuple(entry.packages),
            merged=tuple(entry.merged),
            # PyPI's list is long, and it has a page for every listed project.
            by_page=entry.url == "pypi",
            alone=True,
        )
        if named.name in found:
            raise ConfigError(f"{where}: two sources are named {named.name!r}; rename one")
        found[named.name] = named
    return with_reserved_names(tuple(found.values()), config.reserved_names)


def with_reserved_names(
    sources: tuple[SourceSettings, ...], names: dict[str, str] | list[str]
) -> tuple[SourceSettings, ...]:
    """Return sources with the names that only one of them, or that the public one does not provide.

    Raises:
        ConfigError: a name is reserved for a source that does not exist.
    """
    if isinstance(names, list):
        public = any(one.is_pypi for one in sources)
        return tuple(
            msgspec.structs.replace(one, refused=tuple(names))
            if names and (one.is_pypi if public else one is sources[-1])
            else one
            for one in sources
        )
    known = {one.name for one in sources}
    for pattern, source in names.items():
        if source not in known:
            near = nearest(source, sorted(known))
            raise ConfigError(
                f"$.reserved_names: {pattern}: {source!r} is not the name of a source; "
                + (f"did you mean {near!r}?" if near else f"these are {', '.join(sorted(known))}")
            )
    return tuple(
        msgspec.structs.replace(
            one,
            packages=(*one.packages, *(p for p, source in names.items() if source == one.name)),
            refused=tuple(p for p, source in names.items() if source != one.name),
        )
        if names
        else one
        for one in sources
    )


def _with_pages(described: SourceSettings, config: Config) -> SourceSettings:
    """Return source settings that also read what only pages show, if it is needed."""
    # Only pages show it, so a repository without pages needs no request for it.
    asks = described.kind == "json" and config.project_status and config.simple
    return msgspec.structs.replace(
        described,
        asks_status=asks,
        asks_provenance=described.kind == "json" and asks_for_provenance(config),
    )


def asks_for_provenance(config: Config) -> bool:
    """Return whether settings need to know which files are attested."""
    return config.trust_policy != "off" or config.provenance != "off"


def describe_source(source: str, api: str, where: str = "$.source") -> SourceSettings:
    """Return the settings of a `source`.

    ``pypi`` and the root URL of a server like it are read through the JSON API (or the Simple API
    beside it, with ``api: simple``); a URL whose path ends in ``simple/``, or that is written
    ``simple+https://...``, is an index of its own; a ``file:`` URL or an absolute path is a
    directory of distributions or a tree of index pages.

    Raises:
        ConfigError: neither a known word nor an http(s) URL.
    """
    if source == "pypi":
        json_root = pypi_json_root()
        root = json_root.rpartition("/")[0]
        return msgspec.structs.replace(_pypi_like(root, api, "PyPI"), is_pypi=True)
    directory = local_path(source) or (Path(source) if Path(source).is_absolute() else None)
    if directory is not None:
        return SourceSettings("directory", str(directory), name=str(directory))
    said_so = source.startswith("simple+")
    url = source.removeprefix("simple+")
    if not is_web_url(url):
        shown = url.rpartition("@")[2]  # a password may stand before it
        raise ConfigError(
            f"{where}: {shown!r} is neither 'pypi' nor an http(s) URL of an index nor a directory"
        )
    root = without_credentials(url).rstrip("/")
    if said_so or root.endswith("simple"):
        return SourceSettings("simple", root + "/", name=root)
    return _pypi_like(root, api, root)


def is_web_url(url: str) -> bool:
    """Return whether a text is an http(s) URL with a host and a valid port."""
    try:
        parts = urlsplit(url)
        # Reading the port validates it.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _pypi_like(root: str, api: str, name: str) -> SourceSettings:
    return SourceSettings(api, f"{root}/simple/", f"{root}/pypi", name)


def pypi_source_url() -> str:
    """Return the URL under which credentials for PyPI are looked up."""
    return pypi_json_root().rpartition("/")[0] + "/"


def without_credentials(url: str) -> str:
    """Return `url` without user and password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def open_source(client: Client, settings: SourceSettings) -> Source:
    """Return the source that `settings` describe, and allow the client to contact it."""
    if settings.kind == "directory":
        if is_index_tree(Path(settings.simple_root)):
            return TreeIndex(settings, client.document_bound)
        return DirectorySource(settings)
    for url in (settings.simple_root, settings.json_root):
        client.reach.admit(url)
    if settings.kind == "simple":
        return IndexSource(client, settings)
    return PyPISource(client, settings)
