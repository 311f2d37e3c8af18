"""Sources of volumes: files, directories with volumes, and the standard input."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from microrepo.standalone.importer.bundle_header import BundleError

STDIN = "-"
_VOLUME_PREFIX, _VOLUME_SUFFIX = "microrepo-", ".tar"


class VolumeSource(NamedTuple):
    """A file, pipe or device with one or more volumes.

    ``is_file`` is whether it can be opened several times.
    """

    path: str
    is_file: bool

    @property
    def name(self) -> str:
        """Name for messages."""
        return "standard input" if self.path == STDIN else self.path

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open it for reading.

        Raises:
            BundleError: it cannot be opened.
        """
        if self.path == STDIN:
            yield sys.stdin.buffer
            return
        try:
            stream = open(self.path, "rb", buffering=1 << 20)  # noqa: SIM115 - closed below
        except OSError as error:
            raise BundleError(f"{self.path}: {error.strerror}") from None
        with stream:
            yield stream


def find_volumes(inputs: Iterable[str]) -> list[VolumeSource]:
    """Return the sources that arguments name; a directory stands for its volumes.

    Raises:
        BundleError: an argument names nothing that can be read.
    """
    found: dict[str, VolumeSource] = {}
    for path in inputs:
        for source in _sources_in(path):
            found.setdefault(source.path, source)
    return list(found.values())


def _sources_in(path: str) -> list[VolumeSource]:
    if path == STDIN:
        return [VolumeSource(path, is_file=False)]
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISDIR(mode):
            return [VolumeSource(path, stat.S_ISREG(mode))]
        # Some media write all names in capitals.
        names = [n for n in os.listdir(path) if n.lower().endswith(_VOLUME_SUFFIX) and n[0] != "."]
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from None
    # Exports have names of this kind; other archives on the medium are not looked at then.
    names = [n for n in names if n.lower().startswith(_VOLUME_PREFIX)] or names
    if not names:
        raise BundleError(f"{path}: contains no volumes ({_VOLUME_SUFFIX} files) of a bundle")
    return [VolumeSource(os.path.join(path, name), is_file=True) for name in sorted(names)]
