"""Freeze: installed distributions as requirements."""

from __future__ import annotations

from importlib.metadata import distributions

from packaging.utils import canonicalize_name

from microrepo.formats.version_numbers import parse_version


def freeze(mode: str = "==") -> tuple[str, ...]:
    """Return one requirement for each distribution that this Python has installed.

    Args:
        mode: operator between name and version. ``~=`` falls back to ``==`` for versions with one
            part, for which PEP 440 does not define it; ``~=`` and ``>=`` drop local labels.
    """
    found: dict[str, str] = {}
    for distribution in distributions():
        # Leftovers of broken installations have no name or version.
        if not distribution.metadata or not distribution.metadata["Name"]:
            continue
        name = canonicalize_name(distribution.metadata["Name"])
        found.setdefault(
            name, _requirement(distribution.metadata["Name"], distribution.version, mode)
        )
    return tuple(text for _, text in sorted(found.items()))


def _requirement(name: str, text: str, mode: str) -> str:
    version = parse_version(text)
    if version is None:
        return f"{name}==={text}"
    if mode == "==":
        return f"{name}=={version}"
    if mode == "~=" and len(version.release) == 1:
        return f"{name}=={version.public}"
    return f"{name}{mode}{version.public}"
