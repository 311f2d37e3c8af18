"""Transfer of content into a partial file, from a server (with resume) or a path."""

from __future__ import annotations

import re
from pathlib import Path

from microrepo.client import Client
from microrepo.client.bodies import put_aside
from microrepo.client.credentials import unauthorized_file
from microrepo.client.transport.response_protocol import Overdue, Response, error_text
from microrepo.errors import (
    MicrorepoError,
    SizeMismatch,
    TransferError,
    Truncated,
    Unavailable,
)
from microrepo.stores.plain_files import open_plain_file
from microrepo.transfer.download.partial_file import READ_BYTES, PartialFile, Progress

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d*/(\d{1,18}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,18})")
# Limit on a file without an announced size.
_MOST_UNANNOUNCED_BYTES = 8 << 30
# An interrupted read loses the bytes of that read, so reads begin small and grow: on any
# connection, most of the received bytes are kept.
_FIRST_PIECE_BYTES = 1 << 16


def receive(
    client: Client, download: PartialFile, progress: Progress, *, past_caches: bool
) -> None:
    """Append the missing bytes of a file from a server.

    Raises:
        Truncated: the response is incomplete; another attempt resumes.
        TransferError: the server does not have the file.
        Unavailable: the server fails.
        OSError: the bytes cannot be written.
    """
    headers = {"Accept-Encoding": "identity"}
    if past_caches:
        headers["Cache-Control"] = "no-cache"
    if download.received:
        response = client.open(
            download.task.url, {**headers, "Range": f"bytes={download.received}-"}
        )
        if _is_whole(response, download):
            put_aside(response)
            return
        if response.status not in {200, 206}:
            put_aside(response)  # some servers refuse every range, with any status
            response = client.open(download.task.url, headers)
    else:
        response = client.open(download.task.url, headers)
    _take(client, response, download, progress)


def _take(client: Client, response: Response, download: PartialFile, progress: Progress) -> None:
    try:
        _check_answer(response, download)
        _stream(client, response, download, progress)
    except OSError as error:
        response.close()
        if not isinstance(error, (TimeoutError, ConnectionError)):
            raise
        if isinstance(error, Overdue):
            raise Unavailable(download.task.filename, error_text(error)) from error
        raise Truncated(
            download.task.filename, f"the transfer broke off: {error_text(error)}"
        ) from error
    except MicrorepoError:
        response.close()
        raise
    response.release_conn()


def _is_whole(response: Response, download: PartialFile) -> bool:
    """Return whether the server's file has exactly the bytes received so far."""
    match = _UNSATISFIED.match(response.headers.get("Content-Range", ""))
    is_end = response.status == 416 and match is not None and int(match[1]) == download.received
    return is_end and download.expected is not None


def read_local(path: Path, download: PartialFile, progress: Progress) -> None:
    """Append the missing bytes from a local file.

    Raises:
        TransferError: the file does not exist.
        OSError: the file cannot be read, or the bytes cannot be written.
    """
    try:
        with open_plain_file(path) as stream:
            stream.seek(download.received)
            while piece := stream.read(READ_BYTES):
                download.append(piece)
                progress(len(piece))
    except FileNotFoundError as error:
        raise TransferError(download.task.filename, f"{path} no longer exists") from error


def _check_answer(response: Response, download: PartialFile) -> None:
    """Seek to the response's start offset, or raise the error for its status."""
    task, status = download.task, response.status
    if status == 206 and download.received:
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != download.received:
            download.restart()
            raise Truncated(task.filename, "the server resumed at the wrong offset")
        return
    if status == 429 or status >= 500:
        raise Unavailable(task.filename, f"HTTP {status} from its URL")
    if status == 401:
        raise TransferError(task.filename, unauthorized_file(response.url or task.url))
    if status == 403:
        raise TransferError(task.filename, f"HTTP {status} from its URL: access is refused")
    if status != 200:
        raise TransferError(task.filename, f"HTTP {status} from its URL")
    if download.received:
        download.restart()  # the server ignored the range and sends all of it


def _stream(client: Client, response: Response, download: PartialFile, progress: Progress) -> None:
    task = download.task
    limit = task.size if task.size is not None else _MOST_UNANNOUNCED_BYTES
    piece_bytes = min(_FIRST_PIECE_BYTES, client.piece_bytes)
    while piece := response.read(piece_bytes):
        piece_bytes = min(2 * piece_bytes, client.piece_bytes)
        if download.received + len(piece) > limit:
            raise SizeMismatch(task.filename, limit, f"more than {limit}")
        download.append(piece)
        progress(len(piece))
        client.throttle(len(piece))
