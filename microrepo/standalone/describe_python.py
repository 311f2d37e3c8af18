#!/usr/bin/env python3
"""Describe the Python that runs this file, for a repository on another machine.

One file, standard library only, Python 3.7 and later: copy it to the target machine, run it
there, and put what it prints under `environments` in the configuration of microrepo. It prints
the eleven markers of PEP 508 and raw facts of the platform; wheel tags are computed from them
later, so an old copy of this file stays good.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import BinaryIO

_SHORT_NAMES = {"cpython": "cp", "pypy": "pp", "ironpython": "ip", "jython": "jy"}
_PT_INTERP = 3
_MAX_ENTRIES = 256
_MAX_PATH = 4096


def markers() -> dict[str, str]:
    """Return the eleven environment markers of PEP 508."""
    version = sys.implementation.version
    implementation_version = "{}.{}.{}".format(*version[:3])
    if version.releaselevel != "final":
        implementation_version += version.releaselevel[0] + str(version.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation_version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        # A Python built from a checkout calls itself "3.14.0+", which is not a version.
        "python_full_version": platform.python_version().rstrip("+"),
        "python_version": "{}.{}".format(*sys.version_info[:2]),
        "sys_platform": sys.platform,
    }


def glibc() -> str | None:
    """Return the version of glibc of this process, or None."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return None
    name, _, version = text.partition(" ")
    return version if name == "glibc" else None


def musl() -> str | None:
    """Return the release of musl, asked from the dynamic loader that the executable names."""
    try:
        loader = _loader_of(sys.executable)
    except (OSError, ValueError, struct.error):
        return None
    if loader is None or "musl" not in Path(loader).name:
        return None
    done = subprocess.run([loader], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    match = re.search(rb"^Version (\d+\.\d+)", done.stderr, re.MULTILINE)
    return match.group(1).decode() if match else None


def _loader_of(path: str) -> str | None:
    """Return the interpreter (PT_INTERP) that an ELF executable names."""
    with Path(path).open("rb") as program:
        ident = program.read(16)
        if ident[:4] != b"\x7fELF":
            return None
        layout = _Layout(wide=ident[4] == 2, order="<" if ident[5] == 1 else ">")
        table = layout.pointer(program, 32 if layout.wide else 28)
        entry_size, count = layout.pair(program, 54 if layout.wide else 42)
        for index in range(min(count, _MAX_ENTRIES)):
            entry = table + index * entry_size
            program.seek(entry)
            if struct.unpack(layout.order + "I", program.read(4))[0] != _PT_INTERP:
                continue
            offset = layout.pointer(program, entry + (8 if layout.wide else 4))
            size = layout.pointer(program, entry + (32 if layout.wide else 16))
            program.seek(offset)
            return program.read(min(size, _MAX_PATH)).rstrip(b"\0").decode()
    return None


class _Layout:
    """How an ELF file writes numbers: 64 or 32 bits, little or big endian."""

    def __init__(self, *, wide: bool, order: str) -> None:
        self.wide = wide
        self.order = order

    def pointer(self, program: BinaryIO, position: int) -> int:
        """Read an offset or a size at `position`."""
        program.seek(position)
        data = program.read(8 if self.wide else 4)
        return int(struct.unpack(self.order + ("Q" if self.wide else "I"), data)[0])

    def pair(self, program: BinaryIO, position: int) -> tuple[int, int]:
        """Read two half words at `position`."""
        program.seek(position)
        first, second = struct.unpack(self.order + "HH", program.read(4))
        return first, second


def macos() -> str | None:
    """Return the release of macOS, None elsewhere."""
    if sys.platform != "darwin":
        return None
    release = platform.mac_ver()[0]
    if release.startswith("10.16"):
        # A Python built for an old macOS gets a fake version; a new process does not.
        done = subprocess.run(
            [sys.executable, "-IS", "-c", "import platform; print(platform.mac_ver()[0])"],
            stdout=subprocess.PIPE,
            env={**os.environ, "SYSTEM_VERSION_COMPAT": "0"},
            check=False,
        )
        release = done.stdout.decode().strip() or release
    return release


def describe() -> dict[str, object]:
    """Return the block of the running Python: markers and platform facts."""
    block: dict[str, object] = dict(markers())
    debug = sysconfig.get_config_var("Py_DEBUG")
    block.update(
        {
            "platform": sysconfig.get_platform(),
            "pointer_bits": struct.calcsize("P") * 8,
            "glibc": glibc() if sys.platform.startswith("linux") else None,
            "musl": musl() if sys.platform.startswith("linux") else None,
            "macos": macos(),
            "ext_suffix": sysconfig.get_config_var("EXT_SUFFIX"),
            "debug": bool(debug) if debug is not None else hasattr(sys, "gettotalrefcount"),
            "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        }
    )
    return block


def default_name() -> str:
    """Return a name that tells Python and platform: ``cp311-linux_x86_64``."""
    implementation = sys.implementation.name
    return "{}{}{}-{}".format(
        _SHORT_NAMES.get(implementation, implementation),
        sys.version_info[0],
        sys.version_info[1],
        re.sub(r"[^0-9A-Za-z]", "_", sysconfig.get_platform()),
    )


def render(name: str | None = None) -> str:
    """Return the block as JSON text, under `name`."""
    return json.dumps({name or default_name(): describe()}, indent=2, sort_keys=True)


def main(arguments: list[str] | None = None) -> int:
    """Print the block of the running Python; the exit code is 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--name", help="name of the environment; default: Python and platform")
    sys.stdout.write(render(parser.parse_args(arguments).name) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
