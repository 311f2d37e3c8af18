"""Morgan's configuration in terms of ours."""

from __future__ import annotations

import configparser
import re
from collections import OrderedDict
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from microrepo.errors import ConfigError
from microrepo.formats.foreign.translation import Translating, Translation, lines_of, read_ini

_EXTRAS = re.compile(r"(\[[^\]]*\])?\s*(.*)")
_MANYLINUX = re.compile(r"(many|musl)linux_(\d+)_(\d+)_(\w+)")
_MACOS = re.compile(r"macosx_(\d+)_(\d+)_(arm64|x86_64)")
_WINDOWS = {"amd64": "win_amd64", "x86_64": "win_amd64", "x86": "win32", "arm64": "win_arm64"}
_PYTHONS = {"cpython": "cp", "pypy": "pp"}
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
        text: of the file.
        name: of the file, for messages.

    Raises:
        ConfigError: it is no INI file, or has neither of these sections.
    """
    parser = configparser.RawConfigParser(
        strict=False, dict_type=_Repeatable, allow_no_value=True, default_section="\0"
    )
    read_ini(text, name, parser)
    environments = [section for section in parser.sections() if section.startswith("env.")]
    if not environments and not parser.has_section("requirements"):
        raise ConfigError(
            f"{name}: has neither [requirements] nor [env.NAME], so it is no configuration of Morgan"
        )
    to = Translating()
    to.put("versions", "latest", "")
    to.put("dependencies", True, "")
    to.put("build_requirements", True, "")
    if parser.has_section("requirements"):
        _requirements(to, dict(parser.items("requirements")))
    found: dict[str, object] = {}
    for section in environments:
        preset = _preset(to, section, {key: v or "" for key, v in parser.items(section)})
        if preset:
            found[section.removeprefix("env.")] = preset
    if found:
        to.put("environments", found, "")
    if len(found) > 1:
        to.note(
            "env", "each environment gets the newest release that suits it, not one that suits all"
        )
    for section in parser.sections():
        if section not in {*environments, "requirements"}:
            to.note(section, "is no section that Morgan knows; left out")
    to.note("requirements", "releases are solved together, as pip does; `resolve` has other ways")
    return to.done()


def _requirements(to: Translating, options: dict[str, str | None]) -> None:
    entries: list[str] = []
    for name, text in options.items():
        for line in lines_of(text) or [""]:
            match = _EXTRAS.fullmatch(line)
            extras, specifier = (match[1] or "", match[2]) if match else ("", line)
            entry = f"{name}{extras}{'' if specifier == '*' else specifier}"
            try:
                Requirement(entry)
            except InvalidRequirement:
                to.note(f"requirements.{name}", f"{line!r} is no requirement; left out")
                continue
            entries.append(entry)
    to.put("packages", list(dict.fromkeys(entries)), "requirements")


def _preset(to: Translating, section: str, markers: dict[str, str]) -> str | None:
    """Return the preset that comes nearest to a block of markers."""
    for key in markers.keys() - _MARKERS:
        to.note(f"{section}.{key}", "is no marker; left out")
    implementation = markers.get("implementation_name", "cpython").lower()
    version = markers.get("python_full_version") or markers.get("python_version", "")
    parts = re.findall(r"\d+", version)
    if implementation not in _PYTHONS or len(parts) < 2:
        to.note(section, "names no CPython or PyPy with its version; left out")
        return None
    platform = _platform(to, section, markers)
    if platform is None:
        to.note(section, "its platform is none that has a preset; `microrepo env` there prints it")
        return None
    if implementation == "cpython" and len(parts) > 2:
        return f"{'.'.join(parts[:3])}-{platform}"
    return f"{_PYTHONS[implementation]}{parts[0]}{parts[1]}-{platform}"


def _platform(to: Translating, section: str, markers: dict[str, str]) -> str | None:
    tag, system = markers.get("platform_tag", ""), markers.get("sys_platform", "").lower()
    machine = markers.get("platform_machine", "").lower()
    for pattern in (_MANYLINUX, _MACOS):
        named = pattern.search(tag.replace("\\", ""))
        if named:
            return named[0]
    if system.startswith("win"):
        return _WINDOWS.get(machine)
    if system == "darwin" and machine in {"arm64", "x86_64"}:
        to.note(
            section, f"macOS {_MACOS_FLOOR.replace('_', '.')} is assumed; put yours in its place"
        )
        return f"macosx_{_MACOS_FLOOR}_{machine}"
    if system.startswith("linux") and machine:
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
        to.note(
            section,
            f"glibc {_GLIBC.replace('_', '.')} is assumed, since Morgan's block does not tell it; "
            "`microrepo env` on the machine prints what it has",
        )
        return f"manylinux_{_GLIBC}_{machine}"
    return None
