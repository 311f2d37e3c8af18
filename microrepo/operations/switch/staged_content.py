"""Staging of contents: verified, linked or copied beside the repository, then put in place."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from microrepo.errors import DigestMismatch, RepositoryError
from microrepo.model import Digests
from microrepo.operations.records.report import Failure
from microrepo.operations.switch.switch_plan import PlacedFile
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.durability import sync_path
from microrepo.stores.flat_directory import FlatDirectory, OnDisk, provenance_name
from microrepo.stores.hard_links import CANNOT_LINK
from microrepo.stores.hashing import hash_file
from microrepo.stores.placement import Sharing, place_file
from microrepo.stores.plain_files import replace_file

# Returns where a content may lie, by its SHA-256; each is read before it is used.
Content = Callable[[str], Iterable[Path]]

_READERS = 4
_VERIFIED = Sharing(verify=True, replace=True)


def stage_contents(
    objects: Path, placed: Sequence[PlacedFile], content: Content, check: Callable[[], None]
) -> list[Failure]:
    """Put the needed contents into a directory, verified; return those that are nowhere sound.

    An existing file of the right size was verified when it was staged.

    Args:
        check: called between contents; raises to stop.
    """
    by_digest = {file.sha256: file for file in placed}

    def stage(file: PlacedFile) -> Iterator[Failure]:
        check()
        problem = _stage_one(objects, file, content)
        if problem:
            yield Failure(file.filename, problem)

    with ThreadPoolExecutor(_READERS) as threads:
        return [
            one
            for found in threads.map(lambda f: list(stage(f)), by_digest.values())
            for one in found
        ]


def _stage_one(objects: Path, file: PlacedFile, content: Content) -> str:
    with suppress(OSError):
        if (objects / file.sha256).stat().st_size == file.size_bytes:
            return ""
    problem = "its content is not stored here"
    for source in content(file.sha256):
        try:
            place_file(source, objects, file.sha256, Digests(sha256=file.sha256), _VERIFIED)
        except FileNotFoundError:
            continue
        except DigestMismatch as error:
            found = error.args[3]
            problem = f"damaged: {source} has SHA-256 {found}, its name says {file.sha256}"
        except OSError as error:
            problem = f"{source}: {disk_words(error)}"
        else:
            return ""
    return problem


def settle_times(objects: Path, placed: Iterable[PlacedFile]) -> None:
    """Give staged contents that nothing else links to the times of their uploads."""
    for file in placed:
        path = objects / file.sha256
        if file.upload_ns is not None and path.stat().st_nlink == 1:
            os.utime(path, ns=(file.upload_ns, file.upload_ns))


def put_in_place(directory: FlatDirectory, objects: Path, file: PlacedFile, uses: int = 2) -> None:
    """Give a staged content its name in the flat directory.

    Whatever has the name and is not what the plan replaces is moved to quarantine. A content that
    is in place already, after a kill, stays.

    Args:
        uses: how many files have the content; where links fail, a single one gets it without a copy.

    Raises:
        RepositoryError: the staged content is gone.
        OSError: it cannot be put in place.
    """
    staged, target = objects / file.sha256, directory.file(file.filename)
    disk = directory.stat(file.filename)
    if disk is not None:
        if _is_in_place(staged, target, file, disk):
            return
        if file.aside or file.replaces is None or disk != file.replaces:
            directory.quarantine(
                file.filename, file.project, "another content has its name in the snapshot"
            )
        # It is about what has the name now.
        directory.file(provenance_name(file.filename)).unlink(missing_ok=True)
    if not staged.exists():
        raise RepositoryError(staged, "is gone, so the switch that began cannot be completed")
    temporary = directory.partial / f"{secrets.token_hex(8)}.switch"
    try:
        _link_or_copy(staged, temporary, moves=uses == 1)
        replace_file(str(temporary), str(target))
    finally:
        with suppress(OSError):
            temporary.unlink()


def _is_in_place(staged: Path, target: Path, file: PlacedFile, disk: OnDisk) -> bool:
    with suppress(OSError):
        if staged.samefile(target):
            return True
    if disk.size_bytes != file.size_bytes:
        return False
    with suppress(OSError):
        return hash_file(target, ("sha256",)).sha256 == file.sha256
    return False


def _link_or_copy(source: Path, target: Path, *, moves: bool) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        if moves:
            source.rename(target)
            return
        shutil.copy2(source, target)
        sync_path(target)
