"""Download of one file into the flat directory: resume, verify, make durable, rename."""

from __future__ import annotations

import random
from pathlib import Path

from microrepo.client import Client
from microrepo.client.transport.waiting import pause
from microrepo.errors import DigestMismatch, MicrorepoError, ScanRefused, SizeMismatch, Truncated
from microrepo.model import Digests, Outcome
from microrepo.repositories.sources.directory_source import local_path
from microrepo.transfer.download.content_transfer import read_local, receive
from microrepo.transfer.download.partial_file import (
    ByteCounter,
    PartialFile,
    Place,
    Progress,
    put_in_place,
)
from microrepo.transfer.tasks import FetchFile

_LONGEST_PAUSE_S = 30.0


def fetch_file(
    client: Client, task: FetchFile, place: Place, attempts: int, progress: Progress
) -> Outcome:
    """Download one file; return expected failures as an outcome with `error`.

    Args:
        client: the HTTP client.
        task: the file to download.
        place: the target directory.
        attempts: retries; broken connections are resumed, and wrong content is requested again from
            zero, bypassing caches.
        progress: receives byte counts as they arrive.

    Returns:
        The outcome; on success the file is complete under its name and durable.
    """
    try:
        if place.scanner is not None:
            place.scanner.refuse_known(task.filename, task.digests.sha256)
        download = PartialFile(task, place)
    except ScanRefused as error:
        return Outcome(task.filename, ok=False, error=error.why(task.filename))
    except OSError as error:
        return Outcome(task.filename, ok=False, error=_os_error(place, error))
    fetched = ByteCounter(progress)
    try:
        reused = _begin_with_template(client, download, fetched)
        digests = _fetch_verified(client, download, attempts, fetched)
        reused = 0 if download.restarted else reused
        status = put_in_place(download, place)
    except MicrorepoError as error:
        # Keep the partial file, unless its content is wrong; the next run resumes it.
        wrong = isinstance(error, (DigestMismatch, SizeMismatch)) or download.expected is None
        if wrong:
            download.discard()
        why = error.why(task.filename)
        return Outcome(task.filename, ok=False, fetched_bytes=fetched.total, error=why)
    except OSError as error:
        return Outcome(
            task.filename,
            ok=False,
            fetched_bytes=fetched.total,
            error=_os_error(place, error),
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


def _begin_with_template(client: Client, download: PartialFile, progress: Progress) -> int:
    """Reuse content of a local older wheel; return the number of reused bytes.

    Only with a digest that verifies the result.
    """
    task = download.task
    if task.template is None or task.size is None or download.expected is None:
        return 0
    if download.received or local_path(task.url) is not None:
        return 0
    download.restarted = False
    # Imported here to keep other downloads fast.
    from microrepo.transfer.download.wheel_template import assemble

    return assemble(client, task.url, task.size, Path(task.template), download.append, progress)


def fetch_aside(
    client: Client, task: FetchFile, place: Place, attempts: int, progress: Progress
) -> Path:
    """Download and verify one file under a temporary name; return its path.

    A later `fetch_file` of the same task only renames it.

    Raises:
        MicrorepoError: the download failed.
        OSError: the file cannot be written.
    """
    download = PartialFile(task, place)
    try:
        _fetch_verified(client, download, attempts, progress)
    finally:
        download.close()
    return Path(download.path)


def _fetch_verified(
    client: Client, download: PartialFile, attempts: int, progress: Progress
) -> Digests:
    wrong_content = False
    breaks = 0
    while True:
        try:
            source = local_path(download.task.url)
            if source is not None:
                read_local(source, download, progress)
            elif not download.is_complete():
                receive(client, download, progress, past_caches=wrong_content)
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
    pause(min(_LONGEST_PAUSE_S, 0.2 * 2**breaks) * random.uniform(0.5, 1.0))  # noqa: S311


def _os_error(place: Place, error: OSError) -> str:
    from microrepo.stores.disk_errors import disk_words

    return f"cannot be written: {disk_words(error, place.directory)}"
