"""Durability: written data survives a crash of the machine once these functions return."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path


def sync_path(path: str | Path) -> None:
    """Make one file, or the entries of one directory, durable.

    Raises:
        OSError: it does not exist, or cannot be written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: str | Path) -> None:
    """Make all data written to the file system of `path` durable.

    Raises:
        OSError: data cannot be written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:
            os.sync()
        elif syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(descriptor)
