"""Hard links of many files from one directory into another.

The names stay the same; each file appears complete, since linking is atomic.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

# Another file system, no support for links, too many links, links forbidden.
CANNOT_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOSYS}
)


def link_files(
    source: Path, directory: Path, filenames: Iterable[str]
) -> Iterator[tuple[str, OSError | None]]:
    """Link files of one directory into another under the same names, without replacing any.

    Symbolic links in the source are followed.

    Args:
        source: directory of the files.
        directory: directory for the links.
        filenames: names without a path.

    Yields:
        Each name with None if it is linked, or with the error; for the error numbers in
        `CANNOT_LINK` a copy can be tried. Stopping the iteration leaves the rest unlinked.

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
