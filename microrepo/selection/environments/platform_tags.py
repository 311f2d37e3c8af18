"""Platform tags from properties of a platform, best first; nothing is read from this machine.

By PEP 600 (manylinux), PEP 656 (musllinux) and the platform compatibility tags of PyPUG.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from packaging import tags

_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_MANYLINUX_ARCHES = frozenset(
    {"x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "riscv64", "loongarch64"}
)
_OLDEST_GLIBC_MINOR = 17
_OLDEST_GLIBC_MINOR_X86 = 5
_32_BIT_LINUX = {"linux_x86_64": "linux_i686", "linux_aarch64": "linux_armv8l"}

_IOS = re.compile(
    r"ios_([0-9]{1,3})_([0-9]{1,2})_(arm64_iphoneos|(?:arm64|x86_64)_iphonesimulator)"
)
_ANDROID = re.compile(r"android_([0-9]{1,3})_(arm64_v8a|armeabi_v7a|x86_64|x86)")

Release = tuple[int, int]


def normalize_platform(platform: str) -> str:
    """Return the text of ``sysconfig.get_platform()`` in the form that tags use."""
    return platform.replace("-", "_").replace(".", "_").replace(" ", "_")


def linux_tags(
    platform: str, glibc: Release | None, musl: Release | None, *, pointer_bits: int = 64
) -> tuple[str, ...]:
    """Return the tags of a Linux: its own, then manylinux or musllinux down to the oldest.

    Args:
        platform: normalised platform, ``linux_x86_64``.
        glibc: version of the C library, if it is glibc.
        musl: version of the C library, if it is musl.
        pointer_bits: 32 for a 32-bit interpreter on a 64-bit kernel.
    """
    if pointer_bits == 32:
        platform = _32_BIT_LINUX.get(platform, platform)
    machine = platform.partition("_")[2]
    machines = ("armv8l", "armv7l") if machine == "armv8l" else (machine,)
    found = [f"linux_{name}" for name in machines]
    if glibc is not None and _MANYLINUX_ARCHES & set(machines):
        for name in machines:
            found.extend(_manylinux(name, glibc))
    if musl is not None:
        for name in machines:
            found.extend(f"musllinux_{musl[0]}_{minor}_{name}" for minor in range(musl[1], -1, -1))
    return tuple(found)


def _manylinux(machine: str, glibc: Release) -> Iterator[str]:
    major, newest = glibc
    x86 = machine in {"x86_64", "i686"}
    oldest = _OLDEST_GLIBC_MINOR_X86 if x86 else _OLDEST_GLIBC_MINOR
    for minor in range(newest, oldest - 1, -1):
        yield f"manylinux_{major}_{minor}_{machine}"
        legacy = _LEGACY_MANYLINUX.get((major, minor))
        if legacy:
            yield f"{legacy}_{machine}"


def uv_order(ordered: Iterable[str]) -> tuple[str, ...]:
    """Return wheel tags, given best first, in uv's order: plain ``linux`` ones behind manylinux."""
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for tag in ordered:
        interpreter, _, platform = tag.rpartition("-")
        key = tag if platform == "any" else interpreter
        groups.setdefault(key, ([], []))[platform.startswith("linux_")].append(tag)
    return tuple(tag for others, plain in groups.values() for tag in (*others, *plain))


def mobile_tags(platform: str) -> tuple[str, ...] | None:
    """Return the tags of a normalised iOS or Android platform, None for any other.

    Args:
        platform: ``ios_13_0_arm64_iphoneos``, ``android_21_arm64_v8a``.
    """
    if match := _IOS.fullmatch(platform):
        return tuple(tags.ios_platforms((int(match[1]), int(match[2])), match[3]))
    if match := _ANDROID.fullmatch(platform):
        return tuple(tags.android_platforms(int(match[1]), match[2]))
    return None


def macos_tags(release: Release, machine: str) -> tuple[str, ...]:
    """Return the tags of a macOS `release` on `machine` (``arm64``, ``x86_64``)."""
    return tuple(tags.mac_platforms(release, machine))
