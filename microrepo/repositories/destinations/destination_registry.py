"""Registry of destinations: upload form and list of files, from a URL or a path.

The layout of a server is requested once: devpi reports it (``+api``), pypiserver and similar
servers list their projects under ``simple/`` beside the form.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.client.credentials import DESTINATION_PLACES
from microrepo.errors import AccessDenied, ConfigError, MalformedResponse, Unavailable
from microrepo.formats.bounds import PROJECT_LIST
from microrepo.repositories.protocol import DestinationSettings
from microrepo.repositories.sources.directory_source import local_path
from microrepo.repositories.sources.source_registry import is_web_url, without_credentials

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def directory_of(text: str) -> Path | None:
    """Return the directory that a destination or source names, None for a URL or a word."""
    if text.startswith("file:"):
        return local_path(text)
    if _SCHEME.match(text):
        return None
    return Path(text).expanduser().absolute()


def describe_destination(
    text: str,
    client: Client,
    *,
    index: str | None = None,
    auth: tuple[str, str] | None = None,
    replace: bool = False,
) -> DestinationSettings:
    """Return how a destination is written and read.

    Args:
        text: a directory, the URL of an index, or that of its upload form.
        client: client for requests, with the destination's credentials.
        index: URL of the index's list of files, if given by the user.
        replace: overwrite files of the same name that differ.

    Raises:
        ConfigError: not a destination, or its list of files is not found.
        AccessDenied: credentials are missing or wrong.
        Unavailable: no response.
    """
    directory = directory_of(text)
    if directory is not None:
        path = str(directory)
        return DestinationSettings("directory", path, name=path, replace=replace)
    if not is_web_url(text):
        raise ConfigError(f"{public_url(text)}: a destination is a directory or an http(s) URL")
    parts = urlsplit(text)
    # Servers accept uploads only at their exact URL, with or without a slash.
    form = urlunsplit(
        parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path or "/", fragment="")
    )
    url = without_credentials(text).rstrip("/") + "/"
    for ending in ("/+simple/", "/simple/"):
        if url.endswith(ending) and index is None:
            url, index = url.removesuffix(ending) + "/", url
            form = url
    if index is None:
        index = _find_index(client, url)
    return DestinationSettings(
        "upload",
        form,
        without_credentials(index).rstrip("/") + "/",
        auth,
        name=url,
        replace=replace,
    )


def _find_index(client: Client, url: str) -> str:
    parent = url.removesuffix("legacy/") if url.endswith("/legacy/") else url
    candidate = f"{parent}simple/"
    status = _status(client, candidate)
    if status in {401, 403}:  # many indexes answer a wrong password with 403
        problem = f"answers HTTP {status} (credentials are missing or wrong)"
        raise AccessDenied(url, f"{problem}; {DESTINATION_PLACES}")
    if status >= 500:
        raise Unavailable(url, f"answers HTTP {status}")
    if status == 200:
        return candidate
    if _is_devpi_index(client, url):
        return f"{url}+simple/"
    raise ConfigError(
        f"{url}: no page that lists its files ({candidate} answers HTTP {status}); name "
        "that page with --destination-index"
    )


def _status(client: Client, url: str) -> int:
    answer = client.get(url, {"Accept": "text/html"}, PROJECT_LIST, same_origin=True)
    return answer.status


class _Result(msgspec.Struct):
    type: str = ""


class _Api(msgspec.Struct):
    result: _Result = msgspec.field(default_factory=_Result)


def _is_devpi_index(client: Client, url: str) -> bool:
    try:
        answer = client.get(f"{url}+api", {"Accept": "application/json"}, same_origin=True)
    except MalformedResponse:  # a redirect loop: not a devpi
        return False
    if answer.status != 200:
        return False
    try:
        api = msgspec.json.decode(answer.body, type=_Api)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return api.result.type in {"", "index"} and b"simpleindex" in answer.body
