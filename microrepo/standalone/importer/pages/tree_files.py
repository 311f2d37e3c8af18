"""Files of page trees that are built aside, and then exchanged for those that readers see."""

from __future__ import annotations

import contextlib
import os
import secrets
import time

from microrepo.standalone.importer.tree_exchange import (
    exchange_directories,
    link_tree,
    remove_tree,
    sync_everything,
)

PAGE_TREES = ("simple", "pypi", "browse")


class TreeFiles:
    """Page trees of a repository, built aside.

    Args:
        repository: its path.
        folder: where they are built, on the same file system.

    Attributes:
        written: number of files written or deleted.
    """

    def __init__(self, repository: str, folder: str) -> None:
        self._repository = repository
        self._folder = folder
        self.written = 0

    def prepare(self) -> None:
        """Begin with the trees that readers see now."""
        remove_tree(self._folder)
        os.makedirs(self._folder)
        for name in PAGE_TREES:
            present = os.path.join(self._repository, name)
            if os.path.isdir(present):
                link_tree(present, os.path.join(self._folder, name))

    def exchange(self) -> None:
        """Give readers the new trees."""
        sync_everything(self._folder)
        for name in PAGE_TREES:
            new = os.path.join(self._folder, name)
            if os.path.isdir(new):
                exchange_directories(new, os.path.join(self._repository, name))
        stamp = time.strftime("%Y%m%dT%H:%M:%S\n", time.gmtime()).encode()
        replace_content(os.path.join(self._repository, "last-modified"), stamp)
        remove_tree(self._folder)

    def path(self, *parts: str) -> str:
        """Return the path of a file that is built."""
        return os.path.join(self._folder, *parts)

    def exists(self, *parts: str) -> bool:
        """Return whether a file exists."""
        return os.path.isfile(self.path(*parts))

    def content(self, *parts: str) -> bytes:
        """Return the content of a file, b"" without a readable one."""
        try:
            with open(self.path(*parts), "rb") as stream:
                return stream.read()
        except OSError:
            return b""

    def put(self, content: bytes, *parts: str) -> None:
        """Write a file if it differs."""
        if self.content(*parts) != content:
            path = self.path(*parts)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            replace_content(path, content)
            self.written += 1

    def remove(self, *parts: str) -> None:
        """Delete a file, and its folder if that is then empty."""
        path = self.path(*parts)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)
            self.written += 1
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))


def replace_content(path: str, content: bytes, mode: int = 0o666) -> None:
    """Replace a file by a new one, so that other names of the old one keep its content."""
    temporary = f"{path}.{secrets.token_hex(4)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as stream:
        stream.write(content)
    os.replace(temporary, path)
