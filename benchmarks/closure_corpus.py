"""A small index of well-known projects, fetched once by name, for comparing closures.

uv works out what the targets need, pip downloads those wheels. So the index holds more than any
one resolution takes, and nothing of it was chosen by the program under test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

MAX_BYTES = 400_000_000
MAX_PROJECTS = 50


@dataclass(frozen=True)
class Target:
    """One target, as each program wants it named; `python` is its release line."""

    name: str
    preset: str
    python: str
    uv_platform: str
    pip_platforms: tuple[str, ...]

    @property
    def is_linux(self) -> bool:
        """Return whether its Python can run here."""
        return "linux" in self.uv_platform


_LINUX = tuple(
    f"{name}_x86_64"
    for name in ("manylinux_2_28", "manylinux_2_24", "manylinux_2_17", "manylinux2014",
                 "manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1", "linux")
)  # fmt: skip
TARGETS = (
    Target("linux 3.10", "cp310-manylinux_2_28_x86_64", "3.10", "x86_64-manylinux_2_28", _LINUX),
    Target("linux 3.12", "cp312-manylinux_2_28_x86_64", "3.12", "x86_64-manylinux_2_28", _LINUX),
    Target("windows 3.11", "cp311-win_amd64", "3.11", "x86_64-pc-windows-msvc", ("win_amd64",)),
    Target("macOS 3.13", "cp313-macosx_14_0_arm64", "3.13", "aarch64-apple-darwin",
           ("macosx_14_0_arm64",)),
    Target("linux 3.11", "cp311-manylinux_2_28_x86_64", "3.11", "x86_64-manylinux_2_28", _LINUX),
)  # fmt: skip

# Each installs by itself; the groups' lines must install together.
GOALS: dict[str, tuple[str, ...]] = {
    "flask": ("flask",),
    "rich": ("rich",),
    "requests[socks]": ("requests[socks]",),
    "httpx[http2]": ("httpx[http2]",),
    "pytest": ("pytest",),
    "keyring": ("keyring",),
    "pyyaml": ("pyyaml",),
    "msgspec": ("msgspec",),
    "flask<3": ("flask<3",),
    "old-http.txt": ("urllib3", "requests<2.30"),
    "old-web.txt": ("werkzeug<2.3", "flask", "rich"),
}
# More releases to choose from, so that taking the newest of everything is not the only way.
OLDER = (
    "click<8.2",
    "certifi<2025",
    "pygments<2.19",
    "packaging<25",
    "idna<3.7",
    "typing-extensions<4.13",
    "markupsafe<3",
    "pytest<8",
    "more-itertools<10.6",
)


def ensure_index(directory: Path) -> Path:
    """Fetch the wheels into `directory`, unless that was done before.

    Raises:
        RuntimeError: more would be fetched than a comparison may ask for.
    """
    done = directory / ".complete"
    if done.exists():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    wishes = [*(("\n".join(lines)) for lines in GOALS.values()), *OLDER]
    for target in TARGETS:
        marker = directory / f".{target.preset}"
        if marker.exists():
            continue
        pins = sorted({pin for wish in wishes for pin in _compiled(wish, target)})
        _guard(directory, pins)
        _download(directory, pins, target)
        marker.touch()
        print(f"{target.name}: {len(pins)} releases", flush=True)
    done.touch()
    return directory


def _compiled(wish: str, target: Target) -> list[str]:
    command = uv_compile(target)
    done = subprocess.run(command, input=wish, capture_output=True, text=True)
    if done.returncode:
        print(f"{target.name}: {wish!r}: {done.stderr}", flush=True)
        return []
    return pins_of(done.stdout)


def uv_compile(target: Target, *options: str) -> list[str]:
    """Return the command that resolves what stands on its standard input for a target.

    It is told where a Python is, since looking for one takes uv longer than resolving.
    """
    return [
        "uv", "pip", "compile", "--no-config", "--quiet", "--no-header", "--no-annotate",
        "--only-binary", ":all:", "--python", sys.executable, "--python-version", target.python,
        "--python-platform", target.uv_platform, *options, "-",
    ]  # fmt: skip


def pins_of(text: str) -> list[str]:
    """Return ``name==version`` of each line that pins something, without extras."""
    pins = []
    for line in text.splitlines():
        name, equals, version = line.partition("==")
        if equals and not line.startswith("#"):
            pins.append(f"{canonicalize_name(name.partition('[')[0])}=={version.strip()}")
    return pins


def _guard(directory: Path, pins: Iterable[str]) -> None:
    wheels = list(directory.glob("*.whl"))
    projects = {parse_wheel_filename(path.name)[0] for path in wheels}
    projects |= {canonicalize_name(pin.partition("==")[0]) for pin in pins}
    size = sum(path.stat().st_size for path in wheels)
    if len(projects) > MAX_PROJECTS or size > MAX_BYTES:
        raise RuntimeError(f"{len(projects)} projects, {size} bytes: too much for a comparison")


def _download(directory: Path, pins: Sequence[str], target: Target) -> None:
    # Several releases of one project do not go into one run of pip.
    while pins:
        batch: dict[str, str] = {}
        for pin in pins:
            batch.setdefault(pin.partition("==")[0], pin)
        platforms = [word for name in target.pip_platforms for word in ("--platform", name)]
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir",
            "--only-binary", ":all:", "--python-version", target.python, *platforms,
            "--dest", str(directory), *batch.values(),
        ]  # fmt: skip
        subprocess.run(command, check=True, env=dict(os.environ))
        pins = [pin for pin in pins if pin not in batch.values()]
