"""Free space of a file system."""

from __future__ import annotations

import os
from pathlib import Path


def free_space(path: Path) -> tuple[int | None, int | None]:
    """Return the free bytes and inodes of the file system of a path; None if unknown."""
    try:
        status = os.statvfs(path)
    except OSError:
        return None, None
    return status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None
