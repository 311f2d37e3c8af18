"""The Pythons of this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

Release = tuple[int, int]
_RELEASES: tuple[Release, ...] = tuple((3, minor) for minor in range(7, 15))
_PYENV_VERSIONS = "~/.pyenv/versions"


@lru_cache(maxsize=1)
def python_interpreters() -> dict[Release, Path]:
    """Return the CPythons 3.7 to 3.14 on PATH and in pyenv that really start, oldest first."""
    found: dict[Release, Path] = {}
    for release in _RELEASES:
        for candidate in _candidates(release):
            if _release_of(candidate) == release:
                found[release] = candidate
                break
    return found


def _candidates(release: Release) -> Iterator[Path]:
    name = "python{}.{}".format(*release)
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    yield from sorted(Path(_PYENV_VERSIONS).expanduser().glob(f"*/bin/{name}"))


def _release_of(python: Path) -> Release | None:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        # A pyenv shim on PATH exists, and fails, for versions that are not chosen.
        done = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)
