"""Store of content by digest: each content once, linked into every repository that has it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from microrepo.errors import DigestMismatch
from microrepo.model import Digests, LocalFile
from microrepo.stores.placement import Sharing, place_file
from microrepo.stores.plain_files import put_aside_odd

_log = logging.getLogger(__name__)
_ADDED = Sharing()
_TAKEN = Sharing(replace=True, verify=True)
_DIGEST_LENGTH = 64


class StoredObject(Struct, frozen=True, gc=False):
    """One object of a store.

    Attributes:
        used_elsewhere: another name links to the content.
        changed_at: time in seconds since the epoch of its last link or change.
    """

    sha256: str
    size_bytes: int
    used_elsewhere: bool
    changed_at: float


def prepare_folder(path: Path) -> None:
    """Create a folder of a store; what is neither a folder nor a link to one is renamed.

    Raises:
        OSError: it cannot be created.
    """
    if os.path.lexists(path) and not path.is_dir():
        put_aside_odd(path, "not-a-directory")
    path.mkdir(parents=True, exist_ok=True)


class ContentStore:
    """Objects in a directory, `ab/<sha256>`; hard links where the file system has them.

    A link shares its bytes with the file, so content is read before it counts as sound.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, sha256: str) -> Path:
        """Return the path of an object, whether it exists or not."""
        return self.path / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Return whether an object exists; its content may be damaged."""
        return self.place(sha256).is_file()

    def add(self, path: Path, sha256: str) -> bool:
        """Link or copy a verified file into the store; return whether it is new.

        Raises:
            OSError: it cannot be added.
        """
        place = self.place(sha256)
        if place.is_file():
            return False
        self._make_room(place)
        try:
            place_file(path, place.parent, sha256, Digests(sha256=sha256), _ADDED)
        except FileExistsError:
            return False  # another run was faster
        return True

    def _make_room(self, place: Path) -> None:
        """Create the folder of an object; what is not a folder there, or not a file, is renamed."""
        prepare_folder(place.parent)
        if os.path.lexists(place) and not place.is_file():
            put_aside_odd(place, "not-a-file")

    def take(self, sha256: str, directory: Path, filename: str) -> LocalFile | None:
        """Put an object into a directory under a name; return None if no sound one exists.

        A damaged object is deleted, so that sound content can take its place.

        Raises:
            OSError: the file cannot be written.
        """
        place = self.place(sha256)
        if not place.is_file():
            return None
        try:
            return place_file(place, directory, filename, Digests(sha256=sha256), _TAKEN)
        except DigestMismatch:
            _log.warning("%s: damaged in the store %s; deleted there", sha256, self.path)
            self.remove(sha256)
            return None

    def remove(self, sha256: str) -> None:
        """Delete an object; files that link to its content stay."""
        with suppress(FileNotFoundError):
            self.place(sha256).unlink()

    def objects(self) -> Iterator[StoredObject]:
        """Yield all objects, in no order.

        Raises:
            OSError: a directory cannot be read.
        """
        with suppress(FileNotFoundError):
            for folder in sorted(self.path.iterdir()):
                if len(folder.name) == 2:
                    yield from self._objects_in(folder)

    def _objects_in(self, folder: Path) -> Iterator[StoredObject]:
        try:
            entries = os.scandir(folder)
        except NotADirectoryError:
            return
        with entries:
            for entry in entries:
                if len(entry.name) != _DIGEST_LENGTH or not entry.is_file(follow_symlinks=False):
                    continue
                with suppress(FileNotFoundError):  # deleted by another run
                    status = entry.stat(follow_symlinks=False)
                    yield StoredObject(
                        entry.name, status.st_size, status.st_nlink > 1, status.st_ctime
                    )
