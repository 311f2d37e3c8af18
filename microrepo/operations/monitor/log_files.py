"""Reader of log files, plain or compressed, line by line and in bounded memory."""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from microrepo.errors import ConfigError

_MAX_LINE_BYTES = 64 << 10
_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


class LogError(Exception):
    """A log cannot be read to its end; the text says why."""


def log_lines(path: str) -> Iterator[str | None]:
    """Yield the lines of a log; None for one that is too long.

    Args:
        path: a file, plain or compressed (gzip, bzip2, xz, detected by content), or `-` for
            standard input.

    Raises:
        LogError: the log cannot be read to its end.
    """
    try:
        with _opened(path) as stream:
            while line := stream.readline(_MAX_LINE_BYTES):
                if not line.endswith(b"\n") and len(line) == _MAX_LINE_BYTES:
                    _skip_line(stream)
                    yield None
                else:
                    yield line.decode("utf-8", "replace")
    except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise LogError(f"cannot be read to its end: {why}") from error


def expand_logs(logs: Sequence[str]) -> list[str]:
    """Return the paths that file names and patterns with `*` name.

    Raises:
        ConfigError: a pattern matches no file.
    """
    paths: dict[str, None] = {}
    for log in logs:
        if log == "-" or Path(log).exists():
            paths[log] = None
            continue
        found = sorted(glob.glob(log))  # noqa: PTH207 - patterns may be absolute
        if not found:
            raise ConfigError(f"{log}: log not found")
        paths.update(dict.fromkeys(found))
    return list(paths)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as raw:
        head = raw.read(6)
        raw.seek(0)
        opener = next((opener for magic, opener in _OPENERS if head.startswith(magic)), None)
        if opener is None:
            yield raw
            return
        with opener(raw) as stream:
            yield cast("IO[bytes]", stream)


def _skip_line(stream: IO[bytes]) -> None:
    while piece := stream.readline(_MAX_LINE_BYTES):
        if piece.endswith(b"\n"):
            return
