"""Reader of plain files, which refuses FIFOs and devices."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_plain_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: it does not exist, or is not a plain file; reading a FIFO would block.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        return file.read()
