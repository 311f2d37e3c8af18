"""Translator of Morgan's configuration."""

from __future__ import annotations

import configparser
import re
from collections import OrderedDict
from typing import Any

from packaging.requirements import InvalidRequirement

from microrepo.errors import ConfigError
from microrepo.formats.foreign.translation import (
    Translating,
    Translation,
    lines_of,
    read_ini,
    values_of,
)
from microrepo.formats.specifiers import strict_requirement

_EXTRAS = re.compile(r"(\[[^\]]*\])?\s*(.*)")
_NAMED = re.compile(
    r"(?:many|musl)linux_\d+_\d+_[a-z0-9_]+|manylinux(?:1|2010|2014)_[a-z0-9_]+"
    r"|macosx_\d+_\d+_(?:arm64|x86_64)|win32|win_amd64|win_arm64"
)
_LEGACY = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12",
           "manylinux2014": "manylinux_2_17"}  # fmt: skip
_WINDOWS = {"amd64": "win_amd64", "x86_64": "win_amd64", "x86": "win32", "arm64": "win_arm64"}
# What a platform tag begins with, and the other markers of such a machine.
_SYSTEMS = {
    "win": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
    "mac": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
    "man": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
    "mus": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
}
_PYTHONS = {"cpython": "cp", "pypy": "pp"}
_NAMES = {"cpython": "CPython", "pypy": "PyPy"}
# What most machines of today have: glibc of Debian 10 and RHEL 8, macOS 11.
_GLIBC, _MACOS_FLOOR = "2_28", "11_0"
_MARKERS = {
    "os_name", "platform_tag", "sys_platform", "platform_machine", "platform_release",
    "platform_python_implementation", "platform_system", "platform_version", "python_version",
    "python_full_version", "implementation_name", "implementation_version", "extra",
}  # fmt: skip


class _Repeatable(OrderedDict[str, Any]):
    """Joins the values of a key that is repeated, as Morgan does."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def translate_morgan(text: str, name: str) -> Translation:
    """Translate a configuration: `[requirements]` to `packages`, `[env.*]` to `environments`.

    Args:
        name: of the file, for messages.

    Raises:
        ConfigError: it is not an INI file, has neither of these sections, or none of its
            environments can be translated: which files to select would be a guess.
    """
    parser = configparser.ConfigParser(strict=False, dict_type=_Repeatable, allow_no_value=True)
    read_ini(text, name, parser)
    environments = [section for section in parser.sections() if section.startswith("env.")]
    if not environments and not parser.has_section("requirements"):
        raise ConfigError(
            f"{name}: has neither [requirements] nor [env.NAME], so it is not a configuration of "
            "Morgan"
        )
    to = Translating()
    inherited = parser.defaults().keys()
    to.put("versions", "latest", "")
    to.put("dependencies", True, "")
    to.put("build_requirements", True, "")
    if parser.has_section("requirements"):
        wanted = values_of(to, parser, "requirements", "Morgan")
        _requirements(to, {name: text for name, text in wanted.items() if name not in inherited})
    found: dict[str, object] = {}
    for section in environments:
        markers = values_of(to, parser, section, "Morgan")
        known = {key: v for key, v in markers.items() if key in _MARKERS or key not in inherited}
        preset = _preset(to, section, known)
        if preset:
            found[section.removeprefix("env.")] = preset
    if found:
        to.put("environments", found, "")
    elif environments:
        causes = "; ".join(f"{note.about}: {note.text}" for note in to.done().notes)
        raise ConfigError(f"{name}: no environment can be translated: {causes}")
    if len(found) > 1:
        to.note(
            "env", "each environment gets the newest release that suits it, not one that suits all"
        )
    for section in parser.sections():
        if section not in {*environments, "requirements"}:
            to.note(section, "not a section of Morgan; skipped")
    to.note("requirements", "releases are solved together, as pip does; `resolve` has other ways")
    return to.done()


def _requirements(to: Translating, options: dict[str, str]) -> None:
    entries: list[str] = []
    for name, text in options.items():
        for line in lines_of(text) or [""]:
            match = _EXTRAS.fullmatch(line)
            extras, specifier = (match[1] or "", match[2]) if match else ("", line)
            entry = f"{name}{extras}{'' if specifier == '*' else specifier}"
            try:
                strict_requirement(entry)
            except InvalidRequirement:
                to.note(f"requirements.{name}", f"{line!r} is not a requirement; left out")
                continue
            entries.append(entry)
    to.put("packages", list(dict.fromkeys(entries)), "requirements")


def _preset(to: Translating, section: str, markers: dict[str, str]) -> str | None:
    """Return the preset that comes nearest to a block of markers."""
    for key in markers.keys() - _MARKERS:
        to.note(f"{section}.{key}", "not a marker; left out")
    implementation = markers.get("implementation_name", "cpython").lower()
    version = markers.get("python_full_version") or markers.get("python_version", "")
    parts = re.findall(r"\d+", version)
    if implementation not in _PYTHONS or len(parts) < 2:
        to.note(section, "does not name CPython or PyPy with a version; skipped")
        return None
    if parts[:2] != re.findall(r"\d+", markers.get("python_version", version))[:2]:
        to.note(f"{section}.python_version", f"differs from python_full_version; {version} is used")
    platform = _platform(to, section, markers)
    if platform is None:
        return None
    about = _SYSTEMS[platform[:3]] | {"platform_python_implementation": _NAMES[implementation]}
    for key in sorted(about.keys() & markers.keys() - {"sys_platform"}):
        if markers[key] != about[key]:
            to.note(
                f"{section}.{key}", f"{markers[key]!r} is not followed; {about[key]} is assumed"
            )
    if implementation == "cpython" and len(parts) > 2:
        return f"{'.'.join(parts[:3])}-{platform}"
    return f"{_PYTHONS[implementation]}{parts[0]}{parts[1]}-{platform}"


def _platform(to: Translating, section: str, markers: dict[str, str]) -> str | None:
    """Return the platform that a block means; note where it is not the very one that is named."""
    pattern, system = markers.get("platform_tag", ""), markers.get("sys_platform", "").lower()
    named = _NAMED.search(pattern.replace("\\", ""))
    platform = _of_tag(named[0]) if named else _of_system(to, section, markers)
    if platform is None:
        to.note(
            f"{section}.sys_platform" if system else section,
            f"no preset for {system or 'a platform without a name'!r}; left out. "
            "`microrepo env` on that machine prints a block for it",
        )
        return None
    if system and not system.startswith(_SYSTEMS[platform[:3]]["sys_platform"][:3]):
        to.note(f"{section}.sys_platform", f"{system!r} does not match platform_tag; left out")
        return None
    if pattern and (named is None or named[0] != pattern.replace("\\", "")):
        to.note(
            f"{section}.platform_tag",
            f"the pattern is not followed; {platform} takes its place. Other platforms that "
            "it admits need environments of their own",
        )
    elif not pattern and platform.startswith(("win", "macosx")):
        to.note(f"{section}.sys_platform", "wheels for it are selected; Morgan finds none")
    return platform


def _of_tag(tag: str) -> str:
    legacy, _, machine = tag.partition("_")
    return f"{_LEGACY[legacy]}_{machine}" if legacy in _LEGACY else tag


def _of_system(to: Translating, section: str, markers: dict[str, str]) -> str | None:
    system = markers.get("sys_platform", "").lower()
    machine = markers.get("platform_machine", "").lower()
    if system.startswith("win"):
        return _WINDOWS.get(machine)
    if system == "darwin" and machine in {"arm64", "x86_64"}:
        floor = _MACOS_FLOOR.replace("_", ".")
        to.note(section, f"macOS {floor} is assumed; replace it with yours")
        return f"macosx_{_MACOS_FLOOR}_{machine}"
    if system.startswith("linux") and machine:
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
        to.note(
            section,
            f"glibc {_GLIBC.replace('_', '.')} is assumed, since Morgan's block does not say; "
            "`microrepo env` on the machine prints what it has",
        )
        return f"manylinux_{_GLIBC}_{machine}"
    return None
