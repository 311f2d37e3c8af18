"""Rewritten copies of wheels with redirected direct-URL requirements."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from microrepo.client import Client
from microrepo.errors import MicrorepoError, TransferError
from microrepo.formats.distribution.redirects import index_requirement, redirect_wheel
from microrepo.repositories.sources.directory_source import local_path
from microrepo.stores.hashing import hash_file
from microrepo.transfer.download.file_download import fetch_aside
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.download.remote_metadata import find_metadata, unpack_metadata
from microrepo.transfer.tasks import FetchFile, RedirectOutcome, RedirectWheel

PREFIX = "redirected-"


def redirect(
    client: Client,
    task: RedirectWheel,
    place: Place,
    attempts: int,
    progress: Callable[[int], None],
) -> RedirectOutcome:
    """Make the rewritten copy of a wheel; return failures as an outcome with `error`.

    A wheel without such requirements is recognised by its metadata, and not downloaded.
    """
    try:
        return _redirect(client, task, place, attempts, progress)
    except MicrorepoError as error:
        return RedirectOutcome(task.filename, error=error.why(task.filename))
    except OSError as error:
        return RedirectOutcome(task.filename, error=str(error))


def _redirect(
    client: Client,
    task: RedirectWheel,
    place: Place,
    attempts: int,
    progress: Callable[[int], None],
) -> RedirectOutcome:
    about = find_metadata(client, task.of, place, attempts)
    if about.metadata is None:
        raise TransferError(task.filename, about.error)
    required = unpack_metadata(about.metadata).requires_dist
    if not any(index_requirement(text) for text in required):
        return RedirectOutcome(task.filename)
    of = task.of
    path = local_path(of.url)
    fetched = path is None
    if path is None:
        fetch = FetchFile(of.filename, of.url, of.digests, of.size)
        path = fetch_aside(client, fetch, place, attempts, progress)
    outcome = _rewrite(path, task.filename, place)
    if fetched:
        path.unlink(missing_ok=True)
    return outcome


def _rewrite(path: Path, filename: str, place: Place) -> RedirectOutcome:
    target = Path(place.partial) / f"{PREFIX}{secrets.token_hex(8)}-{filename}"
    try:
        with path.open("rb") as source, target.open("x+b") as stream:
            redirects = redirect_wheel(source, stream, filename, hash_file(path).sha256 or "")
            os.fchmod(stream.fileno(), place.mode)
            stream.flush()
            os.fsync(stream.fileno())
            status = path.stat()
            os.utime(stream.fileno(), ns=(status.st_mtime_ns, status.st_mtime_ns))
    except BaseException:
        with suppress(OSError):
            target.unlink()
        raise
    if not redirects:
        target.unlink()
        return RedirectOutcome(filename)
    return RedirectOutcome(
        filename,
        str(target),
        target.stat().st_size,
        hash_file(target),
        tuple((one.was, one.now) for one in redirects),
    )
