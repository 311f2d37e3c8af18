"""Many files from one directory into another by hard links: no byte of them is read.

The names are those of the source; each appears complete or not at all, since a link has no middle.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

# Other file system, file system without links, too many links, links forbidden.
CANNOT_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOSYS}
)


def link_files(
    source: Path, directory: Path, filenames: Iterable[str]
) -> Iterator[tuple[str, OSError | None]]:
    """Link files of one directory into another under the same names, replacing nothing.

    A symbolic link in the source is followed: what it points to gets the name.

    Args:
        source: where the files lie.
        directory: where the links go.
        filenames: names without a path.

    Yields:
        Each name with None when it is linked, else with the error; `CANNOT_LINK` lists the error
        numbers that leave a copy to be tried. Whoever stops early leaves the rest as it was.

    Raises:
        OSError: one of the directories cannot be opened.
    """
    with ExitStack() as stack:
        link: Callable[[str, str], None] = os.link
        left, right = f"{source}{os.sep}", f"{directory}{os.sep}"
        if os.link in os.supports_dir_fd:
            here, there = (os.open(path, os.O_RDONLY) for path in (source, directory))
            stack.callback(os.close, here)
            stack.callback(os.close, there)
            link = partial(os.link, src_dir_fd=here, dst_dir_fd=there)
            left = right = ""
        for name in filenames:
            try:
                link(left + name, right + name)
            except OSError as error:
                yield name, error
            else:
                yield name, None
