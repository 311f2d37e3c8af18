"""Cache of local files' digests between runs: path, size and time -> digest, as JSON.

A file with unchanged size and modification time is not read again. The cache is plain JSON, so
reading it executes nothing; a file of another kind is refused.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.errors import ConfigError, RepositoryError
from microrepo.model import Digests
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.plain_files import read_plain_file

_FORMAT = 1


class Seen(Struct, frozen=True, gc=False):
    """A file as it is now: path, bytes, modification time; digests if cached."""

    path: str
    size: int
    mtime_ns: int
    digests: Digests | None = None


class _CachedDigests(Struct, frozen=True, gc=False):
    size: int
    mtime_ns: int
    sha256: str
    blake2b_256: str | None = None
    md5: str | None = None


class _CacheContents(Struct, frozen=True):
    format: int
    files: dict[str, _CachedDigests]


class HashCache:
    """The cached digests; thread-safe. `save` writes them.

    Args:
        path: the JSON file, which need not exist.

    Raises:
        ConfigError: the file is not a hash cache.
        RepositoryError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._changed = False
        self._files = self._read()

    def look(self, path: Path) -> Seen | None:
        """Return a file with its cached digests, None if it does not exist."""
        try:
            status = path.stat()
        except OSError:
            return None
        name = str(path.resolve())
        with self._lock:
            entry = self._files.get(name)
        if entry is None or (entry.size, entry.mtime_ns) != (status.st_size, status.st_mtime_ns):
            return Seen(name, status.st_size, status.st_mtime_ns)
        digests = Digests(entry.sha256, entry.blake2b_256, entry.md5)
        return Seen(name, status.st_size, status.st_mtime_ns, digests)

    def remember(self, seen: Seen, digests: Digests) -> None:
        """Cache the digests of a file, with the size and time from before it was read."""
        if not digests.sha256:
            return
        entry = _CachedDigests(
            seen.size, seen.mtime_ns, digests.sha256, digests.blake2b_256, digests.md5
        )
        with self._lock:
            self._files[seen.path] = entry
            self._changed = True

    def save(self) -> None:
        """Write the cache atomically.

        Raises:
            RepositoryError: the file cannot be written.
        """
        with self._lock:
            if not self._changed:
                return
            body = msgspec.json.encode(_CacheContents(_FORMAT, dict(sorted(self._files.items()))))
            self._changed = False
        try:
            write_atomically(self._path, msgspec.json.format(body, indent=1), public_mode())
        except OSError as error:
            raise RepositoryError(
                self._path, f"the hash cache cannot be written: {error.strerror}"
            ) from error

    def _read(self) -> dict[str, _CachedDigests]:
        try:
            body = read_plain_file(self._path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise RepositoryError(
                self._path, f"the hash cache cannot be read: {error.strerror}"
            ) from error
        try:
            document = msgspec.json.decode(body, type=_CacheContents)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            document = None
        if document is None or document.format != _FORMAT:
            # It may be another file, named by mistake, so it is not changed.
            raise ConfigError(
                f"{self._path}: is not a hash cache (JSON, format {_FORMAT}); name another "
                "file, or delete this one"
            )
        return dict(document.files)
