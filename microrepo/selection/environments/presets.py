"""Environments by short name: presets such as ``cp312-manylinux_2_28_x86_64``, and listed Pythons.

A preset has the minor version of a Python; the patch release counts as ``.0``, as in pip and uv,
unless it is given (``3.12.7-win_amd64``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from microrepo.errors import ConfigError
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.environment_block import (
    Block,
    block_of,
    environment_from_block,
)
from microrepo.selection.environments.local_labels import parse_local_versions
from microrepo.selection.environments.platform_patterns import (
    FAMILIES,
    first_match,
    nearest_platform,
)
from microrepo.selection.environments.python_versions import NEWEST_MINOR, can_be_free_threaded

_TAG = re.compile(r"(?P<name>cp|pp)(?P<major>[0-9])(?P<minor>0|[1-9][0-9]*)(?P<threads>t?)")
_DOTTED = re.compile(
    r"(?P<major>[0-9])\.(?P<minor>0|[1-9][0-9]*)(?:\.(?P<micro>[0-9]+))?(?P<threads>t?)"
)
_MANYLINUX = re.compile(r"manylinux_([0-9]+)_([0-9]+)_([a-z0-9_]+)")
_LEGACY = re.compile(r"manylinux(1|2010|2014)_([a-z0-9_]+)")
_LEGACY_GLIBC = {"1": "2.5", "2010": "2.12", "2014": "2.17"}
_MUSLLINUX = re.compile(r"musllinux_([0-9]+)_([0-9]+)_([a-z0-9_]+)")
_MACOS = re.compile(r"macosx_([0-9]+)_([0-9]+)_(arm64|x86_64)")
# Platform of the file names of wheels -> `platform_machine` there.
_IOS = re.compile(r"ios_([0-9]{1,3})_([0-9]{1,2})_(arm64|x86_64)_(iphoneos|iphonesimulator)")
_ANDROID = re.compile(r"android_([0-9]{1,3})_(arm64_v8a|armeabi_v7a|x86_64|x86)")
_ANDROID_MACHINES = {
    "arm64_v8a": "aarch64",
    "armeabi_v7a": "armv8l",
    "x86_64": "x86_64",
    "x86": "i686",
}
_WASM = re.compile(r"(?:pyemscripten|pyodide)_([0-9]{4})_([0-9]{1,2})_wasm32")
_WINDOWS = {"win32": ("win32", "x86"), "win_amd64": ("win-amd64", "AMD64")}
_WINDOWS["win_arm64"] = ("win-arm64", "ARM64")
_FORMS = (
    "cp312-manylinux_2_28_x86_64, cp312-musllinux_1_2_aarch64, cp311-win_amd64, "
    "cp313-macosx_14_0_arm64, cp313t-…, pp310-…, 3.12.7-…, cp314-ios_13_0_arm64_iphoneos, "
    "cp314-android_24_arm64_v8a, cp313-pyemscripten_2025_0_wasm32"
)
_MACHINES = frozenset(
    {"x86_64", "i686", "aarch64", "armv7l", "armv6l", "armv8l", "ppc64", "ppc64le", "s390x"}
    | {"riscv64", "loongarch64"}
)
# Meaning of patterns such as `manylinux*_x86_64`: a C library that all current systems have.
USUAL_PLATFORMS = (
    *(f"manylinux_2_28_{machine}" for machine in ("x86_64", "aarch64", "i686", "armv7l")),
    *(f"manylinux_2_28_{machine}" for machine in ("ppc64le", "s390x", "riscv64")),
    *(f"musllinux_1_2_{machine}" for machine in ("x86_64", "aarch64", "i686", "armv7l")),
    *("win_amd64", "win_arm64", "win32"),
    *("macosx_14_0_arm64", "macosx_14_0_x86_64"),
)
_OLDEST_IOS, _OLDEST_ANDROID = 12, 16
_USUAL_PYTHON = "cp312"
# All recent PyPys have this ABI; a new one would need a table.
_PYPY_ABI = "pp73"


class ListedPython(Struct, frozen=True):
    """A Python as users write it: ``3.11``, ``3.12.7``, ``cp313t``, ``pp310``."""

    implementation: str
    major: int
    minor: int
    micro: int | None
    free_threaded: bool

    @property
    def short(self) -> str:
        """The Python tag: ``cp311``, ``pp310``, ``cp313t``."""
        threads = "t" if self.free_threaded else ""
        return f"{'pp' if self.implementation == 'pypy' else 'cp'}{self.major}{self.minor}{threads}"


def parse_python(text: str) -> ListedPython | None:
    """Parse the name of a Python; return None if it is invalid."""
    match = _TAG.fullmatch(text) or _DOTTED.fullmatch(text)
    if match is None or match["major"] != "3" or int(match["minor"]) > NEWEST_MINOR:
        return None
    groups = match.groupdict()
    if groups["threads"] and not can_be_free_threaded(groups.get("name"), groups["minor"]):
        return None
    micro = groups.get("micro")
    return ListedPython(
        implementation="pypy" if groups.get("name") == "pp" else "cpython",
        major=int(groups["major"]),
        minor=int(groups["minor"]),
        micro=int(micro) if micro else None,
        free_threaded=bool(groups["threads"]),
    )


def environment_from_preset(name: str, preset: str) -> Environment:
    """Return the environment `name` from a preset.

    Raises:
        ConfigError: the preset is unknown.
    """
    python_text, _, platform_text = preset.partition("-")
    python, platform = parse_python(python_text), _platform_facts(platform_text)
    if python is None or platform is None:
        raise ConfigError(
            f"$.environments.{name}: {preset!r} is not a "
            f"preset{_near(python_text, platform_text)}; "
            f"known forms: {_FORMS}"
        )
    return environment_from_block(name, {**platform, **_python_facts(python)})


def _near(python: str, platform: str) -> str:
    """Return a hint with the nearest preset, "" without any."""
    pythons = [f"cp3{minor}" for minor in range(6, 16)]
    minor = _DOTTED.search(python)
    if minor and minor["major"] != "3":
        minor = None
    near_python = [f"cp3{minor['minor']}"] if minor else difflib.get_close_matches(python, pythons)
    pattern = nearest_platform(platform or python)
    # Not by slips: a preset stands for a family of names that share parts.
    near_platform = [
        name
        for one in FAMILIES.get(pattern or "", (pattern or "",))
        for name in USUAL_PLATFORMS
        if first_match(name, (one,))
    ] or difflib.get_close_matches(platform or python, USUAL_PLATFORMS, cutoff=0.5)
    if parse_python(python) is not None:
        near_python = [python]
    if platform.startswith("linux_"):  # as the running Python is named, with glibc in general
        near_platform = [f"many{platform.replace('linux_', 'linux_2_28_', 1)}"]
        if _platform_facts(near_platform[0]) is None:
            near_platform = []
    if not (near_python or near_platform):
        return ""
    nearest = (*near_python, _USUAL_PYTHON)[0], (*near_platform, *USUAL_PLATFORMS)[0]
    return f"; did you mean {'-'.join(nearest)!r}?"


def environment_from_listed_python(text: str, host: Block) -> Environment:
    """Return the environment of a listed Python on the platform that `host` describes.

    Args:
        text: ``3.11``, ``cp311``, ``pp310``, ``cp313t``.
        host: block of the running Python from the environment script, used unchanged if it is the
            listed Python.

    Raises:
        ConfigError: the text is not a Python, or the host's block is incomplete.
    """
    python = parse_python(text)
    if python is None:
        raise ConfigError(f"$.python_versions: {text!r} is not a version of Python 3")
    name = f"{python.short}-{str(host.get('platform', '')).replace('-', '_').replace('.', '_')}"
    if _is_host(python, host):
        return environment_from_block(name, host)
    return environment_from_block(name, {**host, **_python_facts(python)})


def parse_environments(value: Mapping[str, object] | Sequence[str]) -> tuple[Environment, ...]:
    """Parse the `environments` setting: names with presets or tables, or a list of presets.

    Raises:
        ConfigError: an entry is invalid; the text has its path.
    """
    if isinstance(value, Mapping):
        return tuple(_named(name, entry) for name, entry in value.items())
    return tuple(environment_from_preset(preset, preset) for preset in value)


def _named(name: str, entry: object) -> Environment:
    if isinstance(entry, str):
        return environment_from_preset(name, entry)
    path = f"$.environments.{name}"
    block = dict(block_of(entry, path))
    labels = parse_local_versions(block.pop("local_versions", {}), f"{path}.local_versions")
    preset = block.pop("preset", None)
    if preset is None:
        environment = environment_from_block(name, block)
    elif not isinstance(preset, str):
        raise ConfigError(f"{path}.preset: must be text, not {preset!r}")
    elif block:
        raise ConfigError(f"{path}.{next(iter(block))}: cannot be combined with `preset`")
    else:
        environment = environment_from_preset(name, preset)
    return msgspec.structs.replace(environment, local_versions=labels)


def _is_host(python: ListedPython, host: Block) -> bool:
    return (
        host.get("implementation_name") == python.implementation
        and host.get("python_version") == f"{python.major}.{python.minor}"
        and bool(host.get("free_threaded")) == python.free_threaded
        and python.micro is None
    )


def _python_facts(python: ListedPython) -> dict[str, object]:
    line = f"{python.major}.{python.minor}"
    full = f"{line}.{python.micro or 0}"
    pypy = python.implementation == "pypy"
    return {
        "implementation_name": python.implementation,
        "implementation_version": "7.3.0" if pypy else full,
        "platform_python_implementation": "PyPy" if pypy else "CPython",
        "python_full_version": full,
        "python_version": line,
        "free_threaded": python.free_threaded,
        "debug": False,
        "ext_suffix": f".pypy{python.major}{python.minor}-{_PYPY_ABI}.so" if pypy else None,
    }


def _platform_facts(text: str) -> dict[str, object] | None:
    return _desktop_facts(text) or _mobile_or_web_facts(text)


def _desktop_facts(text: str) -> dict[str, object] | None:
    if text in _WINDOWS:
        platform, machine = _WINDOWS[text]
        return _facts("nt", "win32", "Windows", machine, platform)
    if match := _MACOS.fullmatch(text):
        major, minor, machine = match.groups()
        platform = f"macosx-{major}.{minor}-{machine}"
        facts = _facts("posix", "darwin", "Darwin", machine, platform)
        return {**facts, "macos": f"{major}.{minor}"}
    machine = next((m[m.lastindex or 0] for p in (_MANYLINUX, _LEGACY, _MUSLLINUX)
                    if (m := p.fullmatch(text))), "")  # fmt: skip
    if machine and machine not in _MACHINES:
        return None
    if match := _MANYLINUX.fullmatch(text):
        major, minor, machine = match.groups()
        return {**_linux(machine), "glibc": f"{major}.{minor}"}
    if match := _LEGACY.fullmatch(text):
        return {**_linux(match[2]), "glibc": _LEGACY_GLIBC[match[1]]}
    if match := _MUSLLINUX.fullmatch(text):
        major, minor, machine = match.groups()
        return {**_linux(machine), "musl": f"{major}.{minor}"}
    return None


def _mobile_or_web_facts(text: str) -> dict[str, object] | None:
    if match := _IOS.fullmatch(text):
        if int(match[1]) < _OLDEST_IOS or (match[3], match[4]) == ("x86_64", "iphoneos"):
            return None
        return _facts("posix", "ios", "iOS", match[3], text)
    if match := _ANDROID.fullmatch(text):
        if int(match[1]) < _OLDEST_ANDROID:
            return None
        return _facts("posix", "android", "Android", _ANDROID_MACHINES[match[2]], text)
    if _WASM.fullmatch(text):
        return _facts("posix", "emscripten", "Emscripten", "wasm32", text)
    return None


def _linux(machine: str) -> dict[str, object]:
    return _facts("posix", "linux", "Linux", machine, f"linux-{machine}")


def _facts(
    os_name: str, sys_platform: str, system: str, machine: str, platform: str
) -> dict[str, object]:
    # A short name does not include the release and version of the system, so they are unknown.
    return {
        "os_name": os_name,
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
        "platform": platform,
    }
