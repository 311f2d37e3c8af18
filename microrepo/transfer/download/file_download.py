"""One file from its URL into the flat directory: resume, verify, make durable, rename.

Until the last step nothing stands under the file's name; the partial download lies in the control
directory under the announced digest, so that whoever wants this content later goes on from there.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import time
import zlib
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from microrepo.client import Client
from microrepo.errors import (
    DigestMismatch,
    MicrorepoError,
    SizeMismatch,
    TransferError,
    Truncated,
    Unavailable,
)
from microrepo.model import COMPUTED, Digests, Outcome
from microrepo.repositories.sources.directory_source import local_path
from microrepo.stores.hashing import ContentHasher
from microrepo.transfer.tasks import FetchFile

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d*/(\d+|\*)")
_LONGEST_PAUSE_S = 30.0
# What a source may send when it announces no size at all.
_MAX_UNKNOWN_BYTES = 1 << 40
_READ_BYTES = 1 << 20
# A read that breaks off takes along what came during it, so reads begin small and grow: whatever
# the line, a good part of what arrived is there to go on from.
_FIRST_PIECE_BYTES = 1 << 16


class Place(Struct, frozen=True):
    """Where files go, and with what mode and care."""

    directory: str
    partial: str
    mode: int = 0o644
    durable: bool = True


class _Progress(Protocol):
    def __call__(self, count_bytes: int, /) -> None: ...


class _Download:
    """The partial file of one download, with its digest up to where it reaches."""

    def __init__(self, task: FetchFile, place: Place) -> None:
        strongest = task.digests.strongest()
        self.algorithm = strongest[0] if strongest else "sha256"
        self.expected = strongest[1] if strongest else None
        self.task = task
        self.path = f"{place.partial}/{partial_name(task)}"
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, place.mode)
        self.received = 0
        self.resumed = False
        self.restarted = False
        # States and pages know few algorithms: beside another one, sha256 is computed too.
        self._algorithms = (
            (self.algorithm,) if self.algorithm in COMPUTED else (self.algorithm, "sha256")
        )
        self.hasher = ContentHasher(self._algorithms)
        self._take_over_old_bytes()
        self.is_old = self.received > 0

    def _take_over_old_bytes(self) -> None:
        while piece := os.read(self.descriptor, _READ_BYTES):
            self.hasher.update(piece)
            self.received += len(piece)
        self.resumed = self.received > 0
        if self.task.size is not None and self.received > self.task.size:
            self.restart()

    def restart(self) -> None:
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        self.hasher = ContentHasher(self._algorithms)
        self.received = 0
        self.resumed = False
        self.restarted = True

    def append(self, piece: bytes) -> None:
        self.hasher.update(piece)
        self.received += len(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def is_complete(self) -> bool:
        return self.task.size is not None and self.received == self.task.size

    def verify(self) -> Digests:
        """Return the digests found, or raise what does not agree."""
        task = self.task
        if task.size is not None and self.received != task.size:
            raise SizeMismatch(task.filename, task.size, self.received)
        digests = self.hasher.digests()
        found = getattr(digests, self.algorithm)
        if self.expected is not None and found != self.expected:
            raise DigestMismatch(task.filename, self.algorithm, self.expected, found)
        return digests

    def close(self) -> None:
        os.close(self.descriptor)

    def discard(self) -> None:
        Path(self.path).unlink(missing_ok=True)


def fetch_file(
    client: Client, task: FetchFile, place: Place, attempts: int, progress: _Progress
) -> Outcome:
    """Fetch one file; expected failures come back as an outcome with `error`.

    Args:
        client: makes the requests.
        task: what to fetch.
        place: where to put it.
        attempts: further tries after the first; broken connections are resumed, and wrong content
            is asked for once more from zero, past caches.
        progress: told of bytes as they arrive.

    Returns:
        The outcome; on success the file stands complete under its name and is durable.
    """
    try:
        download = _Download(task, place)
    except OSError as error:
        return Outcome(task.filename, ok=False, error=_os_error(task.filename, place, error))
    fetched = _Counter(progress)
    try:
        reused = _begin_with_template(client, download, fetched)
        digests = _fetch_verified(client, download, attempts, fetched)
        reused = 0 if download.restarted else reused
        status = _put_in_place(download, place)
    except MicrorepoError as error:
        # What came so far is good unless it is what is wrong; the next run resumes it.
        wrong = isinstance(error, (DigestMismatch, SizeMismatch)) or download.expected is None
        if wrong:
            download.discard()
        return Outcome(task.filename, ok=False, fetched_bytes=fetched.total, error=str(error))
    except OSError as error:
        return Outcome(
            task.filename,
            ok=False,
            fetched_bytes=fetched.total,
            error=_os_error(task.filename, place, error),
        )
    finally:
        download.close()
    return Outcome(
        task.filename,
        ok=True,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        digests=digests,
        fetched_bytes=fetched.total - reused,
        resumed=download.resumed,
        reused_bytes=reused,
    )


def _begin_with_template(client: Client, download: _Download, progress: _Progress) -> int:
    """Take what an older wheel here shares with this one; return how many bytes that were.

    Only where a digest decides in the end whether it was right.
    """
    task = download.task
    if task.template is None or task.size is None or download.expected is None:
        return 0
    if download.received or local_path(task.url) is not None:
        return 0
    download.restarted = False
    # Downloads without a template are spared what this takes.
    from microrepo.transfer.download.wheel_template import assemble

    return assemble(client, task.url, task.size, Path(task.template), download.append, progress)


def fetch_aside(
    client: Client, task: FetchFile, place: Place, attempts: int, progress: _Progress
) -> Path:
    """Fetch and verify one file without giving it its name; return where it lies.

    A later `fetch_file` of the same task finds it complete and only has to rename it.

    Raises:
        MicrorepoError: it could not be had.
        OSError: it could not be written.
    """
    download = _Download(task, place)
    try:
        _fetch_verified(client, download, attempts, progress)
    finally:
        download.close()
    return Path(download.path)


def partial_name(task: FetchFile) -> str:
    """Return the name under which a download of `task` waits for its end.

    It holds the announced digest, so that a later run resumes only what belongs to this content,
    and the file's name, because two files may have the same content and be fetched at once.
    Without a digest there is no telling whether old bytes belong, so every attempt has its own.
    """
    strongest = task.digests.strongest()
    if strongest is None:
        return f"unverifiable-{secrets.token_hex(8)}"
    return f"{strongest[1]}-{zlib.crc32(task.filename.encode()):08x}"


class _Counter:
    def __init__(self, progress: _Progress) -> None:
        self.total = 0
        self._progress = progress

    def __call__(self, count_bytes: int) -> None:
        self.total += count_bytes
        self._progress(count_bytes)


def _fetch_verified(
    client: Client, download: _Download, attempts: int, progress: _Progress
) -> Digests:
    wrong_content = False
    breaks = 0
    while True:
        try:
            source = local_path(download.task.url)
            if source is not None:
                _read_local(source, download, progress)
            elif not download.is_complete():
                _receive(client, download, progress, past_caches=wrong_content)
            return download.verify()
        except (DigestMismatch, SizeMismatch):
            if wrong_content:
                raise
            wrong_content = True
            download.restart()
        except Truncated:
            breaks += 1
            if breaks > attempts:
                raise
            _pause(breaks)


def _pause(breaks: int) -> None:
    time.sleep(min(_LONGEST_PAUSE_S, 0.2 * 2**breaks) * random.uniform(0.5, 1.0))  # noqa: S311


def _receive(
    client: Client, download: _Download, progress: _Progress, *, past_caches: bool
) -> None:
    headers = {"Accept-Encoding": "identity"}
    if past_caches:
        headers["Cache-Control"] = "no-cache"
    if download.received:
        headers["Range"] = f"bytes={download.received}-"
    response = client.open(download.task.url, headers)
    try:
        _check_answer(response, download)
        _stream(client, response, download, progress)
    except (HTTPError, OSError) as error:
        response.close()
        if isinstance(error, OSError) and not isinstance(error, (TimeoutError, ConnectionError)):
            raise
        raise Truncated(download.task.filename, f"the transfer broke off: {error}") from error
    except MicrorepoError:
        response.close()
        raise
    response.release_conn()


def _read_local(path: Path, download: _Download, progress: _Progress) -> None:
    """Read a file of this machine, on from where an earlier attempt ended."""
    try:
        with path.open("rb", buffering=0) as stream:
            stream.seek(download.received)
            while piece := stream.read(_READ_BYTES):
                download.append(piece)
                progress(len(piece))
    except FileNotFoundError as error:
        raise TransferError(download.task.filename, f"{path} is not there any more") from error


def _check_answer(response: BaseHTTPResponse, download: _Download) -> None:
    """Bring the download to where the answer begins, or raise what the answer means."""
    task = download.task
    if response.status == 206 and download.received:
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != download.received:
            download.restart()
            raise Truncated(task.filename, "the server resumed at another place than asked")
        return
    if response.status == 416 and download.received:
        download.restart()
        raise Truncated(task.filename, "the server has less than was received before")
    if response.status == 429 or response.status >= 500:
        raise Unavailable(task.filename, f"HTTP {response.status} from its URL")
    if response.status != 200:
        raise TransferError(task.filename, f"HTTP {response.status} from its URL")
    if download.received:
        download.restart()  # the server ignored the range and sends all of it


def _stream(
    client: Client, response: BaseHTTPResponse, download: _Download, progress: _Progress
) -> None:
    task = download.task
    limit = task.size if task.size is not None else _MAX_UNKNOWN_BYTES
    piece_bytes = min(_FIRST_PIECE_BYTES, client.piece_bytes)
    while piece := response.read(piece_bytes):
        piece_bytes = min(2 * piece_bytes, client.piece_bytes)
        if download.received + len(piece) > limit:
            raise SizeMismatch(task.filename, limit, f"more than {limit}")
        download.append(piece)
        progress(len(piece))
        client.throttle(len(piece))


def _put_in_place(download: _Download, place: Place) -> os.stat_result:
    task = download.task
    if download.is_old:
        os.fchmod(download.descriptor, place.mode)  # an earlier run may have had another umask
    if task.upload_ns is not None:
        os.utime(download.descriptor, ns=(task.upload_ns, task.upload_ns))
    if place.durable:
        os.fsync(download.descriptor)
    status = os.fstat(download.descriptor)
    # Paths are text here: making Path objects would cost more than the calls that use them.
    os.replace(download.path, f"{place.directory}/{task.filename}")  # noqa: PTH105
    return status


def _os_error(filename: str, place: Place, error: OSError) -> str:
    from microrepo.stores.disk_errors import disk_words

    return f"{filename}: cannot be written: {disk_words(error, place.directory)}"
