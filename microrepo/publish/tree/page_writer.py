"""Writer of pages: temporary files, made durable together, then renamed into place."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from microrepo.stores.durability import sync_file_system, sync_path
from microrepo.stores.plain_files import put_aside_odd, read_plain_file, replace_file

# From this many files on, the whole file system is synced instead of each file.
_FEW_FILES = 32
_MAX_WAITING = 4000


class PageWriter:
    """Writer of files below a directory that skips unchanged ones.

    Args:
        scratch: directory for incomplete files, on the same file system; emptied at the start.

    Attributes:
        written: number of files written or deleted.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.written = 0
        self._root = str(root)
        self._scratch = str(scratch)
        self._ready = False
        self._number = 0
        self._renames: list[tuple[str, str]] = []
        self._unsynced: list[str] = []

    def put(self, path: str, content: bytes, mode: int = 0o666) -> bool:
        """Write a file at the next `flush`; return whether it changes.

        Args:
            path: relative to the root.
            mode: before the umask.

        Raises:
            OSError: the file cannot be written.
        """
        folder, slash, _ = path.rpartition("/")
        if not (slash and _is_absent(f"{self._root}/{folder}")) and _holds(
            f"{self._root}/{path}", content
        ):
            return False
        temporary = self.temporary()
        _create(temporary, content, mode)
        self.rename(temporary, path)
        return True

    def content(self, path: str) -> bytes:
        """Return the content of a file, b"" without a readable plain file."""
        try:
            return read_plain_file(Path(self._root, path))
        except OSError:
            return b""

    def put_folder(self, folder: str, files: Mapping[str, bytes]) -> bool:
        """Write several files of one directory; a new directory appears with all of them.

        Args:
            folder: relative to the root.
            files: content by name.

        Raises:
            OSError: the file cannot be written.
        """
        if not _is_absent(f"{self._root}/{folder}"):
            changes = [self.put(f"{folder}/{name}", content) for name, content in files.items()]
            return any(changes)
        temporary = self.temporary()
        os.mkdir(temporary)  # noqa: PTH102 - as below
        for name, content in files.items():
            path = f"{temporary}/{name}"
            _create(path, content, 0o666)
            self._unsynced.append(path)
        self.rename(temporary, folder)
        self.written += len(files) - 1
        return True

    def temporary(self) -> str:
        """Return an unused path in the scratch directory."""
        if not self._ready:
            self._prepare()
        self._number += 1
        return f"{self._scratch}/{self._number}"

    def rename(self, temporary: str, path: str, *, durable: bool = True) -> None:
        """Rename a complete temporary file or directory into place at the next `flush`."""
        self._renames.append((temporary, f"{self._root}/{path}"))
        if durable:
            self._unsynced.append(temporary)
        self.written += 1
        if len(self._renames) >= _MAX_WAITING:
            self.flush()

    def sync_too(self, path: str) -> None:
        """Make a file of another writer, by its whole path, durable before the pages that list it."""
        self._unsynced.append(path)

    def flush(self) -> None:
        """Make all new files durable, then rename them into place.

        The renames need no sync: journals keep their order, and the state records finished pages
        only after its own sync.

        Raises:
            OSError: a file cannot be written; the rest is discarded, and written again later.
        """
        renames, self._renames = self._renames, []
        unsynced, self._unsynced = self._unsynced, []
        if len(unsynced) > _FEW_FILES:
            sync_file_system(self._root)
        else:
            for path in unsynced:
                with suppress(FileNotFoundError):
                    sync_path(path)
        # `os`, not pathlib, which is slower: a large tree has hundreds of thousands of these.
        for temporary, final in renames:
            try:
                replace_file(temporary, final)
            except FileNotFoundError:
                Path(final).parent.mkdir(parents=True, exist_ok=True)
                replace_file(temporary, final)

    def remove(self, path: str) -> None:
        """Delete a file, and its directory if it is then empty; both may be missing."""
        final = Path(self._root, path)
        with suppress(FileNotFoundError, NotADirectoryError):
            final.unlink()
            self.written += 1
        with suppress(OSError):
            final.parent.rmdir()

    def close(self) -> None:
        """Delete the scratch directory, which is empty after a flush."""
        if self._ready:
            Path(self._scratch).rmdir()
            self._ready = False

    def _prepare(self) -> None:
        scratch = Path(self._scratch)
        scratch.mkdir(parents=True, exist_ok=True)
        for left in scratch.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        self._ready = True


def _is_absent(folder: str) -> bool:
    """Return whether a folder is missing. Delete a link in its place; rename a file."""
    try:
        mode = os.lstat(folder).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return True
    if stat.S_ISDIR(mode):
        return False
    if stat.S_ISLNK(mode):
        os.unlink(folder)  # noqa: PTH108
    else:
        put_aside_odd(Path(folder), "not-a-directory")
    return True


def _create(path: str, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _holds(path: str, content: bytes) -> bool:
    try:
        # Without O_NONBLOCK, a FIFO would block the run.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return False
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != len(content):
            return False
        return os.read(descriptor, len(content) + 1) == content
    finally:
        os.close(descriptor)
