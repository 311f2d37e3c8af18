"""Genuine wheels, sdists and eggs, built in memory and byte for byte reproducible."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from tests.support.archives import pack_tar, pack_zip, payload
from tests.support.backend import BACKEND_SOURCE, PYPROJECT, SETUP_PY

SdistFormat = Literal["tar.gz", "zip", "tar.bz2", "tgz"]


@dataclass(frozen=True)
class BuiltFile:
    """One distribution file and what an uploader would say about it.

    `metadata` is what a `.metadata` file beside it would hold (PEP 658); None if it has none.
    """

    filename: str
    content: bytes
    metadata: bytes | None
    name: str
    version: str
    package_type: str
    python_version: str
    requires_python: str | None = None
    requires_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()
    summary: str = ""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        """Digest of the content, lower-case hex."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def md5(self) -> str:
        """Digest of the content, lower-case hex."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @cached_property
    def blake2b_256(self) -> str:
        """Digest of the content, lower-case hex."""
        return hashlib.blake2b(self.content, digest_size=32).hexdigest()

    @cached_property
    def metadata_sha256(self) -> str | None:
        """Digest of the metadata, lower-case hex; None without metadata."""
        return None if self.metadata is None else hashlib.sha256(self.metadata).hexdigest()

    def write_to(self, directory: Path) -> Path:
        """Write the file into a directory under its own name."""
        path = directory / self.filename
        path.write_bytes(self.content)
        return path


def build_wheel(
    name: str,
    version: str,
    *,
    python_tag: str = "py3",
    abi_tag: str = "none",
    platform_tag: str = "any",
    build_tag: str | None = None,
    requires_dist: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    summary: str = "A distribution made for a test",
    files: Mapping[str, bytes] | None = None,
    payload_size: int = 0,
    metadata_version: str = "2.1",
    metadata_lines: Sequence[str] = (),
) -> BuiltFile:
    """Build a wheel that pip installs (PEP 427).

    Args:
        files: archive members by path; without it, one importable package with `__version__`.
        extras: requirements by the name of the extra that asks for them.
        payload_size: bytes of incompressible data to carry in addition.
        metadata_lines: further lines of METADATA, as they are.
    """
    module = module_name(name)
    requirements = (*requires_dist, *_extra_requirements(extras or {}))
    metadata = core_metadata(
        name,
        version,
        requires_dist=requirements,
        requires_python=requires_python,
        extras=tuple(extras or ()),
        summary=summary,
        metadata_version=metadata_version,
        more_lines=metadata_lines,
    )
    tag = f"{python_tag}-{abi_tag}-{platform_tag}"
    stem = f"{module}-{version}" + (f"-{build_tag}" if build_tag else "")
    members = dict(_default_files(module, version) if files is None else files)
    if payload_size:
        members[f"{module}/payload.bin"] = payload(f"{stem}-{tag}", payload_size)
    info = f"{module}-{version}.dist-info"
    members[f"{info}/METADATA"] = metadata
    members[f"{info}/WHEEL"] = _wheel_record(python_tag, abi_tag, platform_tag, build_tag)
    members[f"{info}/RECORD"] = _record(members, f"{info}/RECORD")
    return BuiltFile(
        filename=f"{stem}-{tag}.whl",
        content=pack_zip(members),
        metadata=metadata,
        name=name,
        version=version,
        package_type="bdist_wheel",
        python_version=python_tag,
        requires_python=requires_python,
        requires_dist=requirements,
        provides_extra=tuple(extras or ()),
        summary=summary,
    )


def build_sdist(
    name: str,
    version: str,
    *,
    requires_dist: Sequence[str] = (),
    requires_python: str | None = None,
    metadata_version: str = "2.2",
    format: SdistFormat = "tar.gz",  # noqa: A002 (the word setuptools and the standards use)
    filename: str | None = None,
    with_pyproject: bool = True,
    build_requires: Sequence[str] = (),
    summary: str = "A distribution made for a test",
    files: Mapping[str, bytes] | None = None,
    payload_size: int = 0,
    metadata_lines: Sequence[str] = (),
) -> BuiltFile:
    """Build a source distribution (PEP 517, 625, 643).

    Args:
        with_pyproject: pip builds it offline by a backend that lies in its tree; without, it has
            what an old setuptools made: `setup.py` and `requires.txt`.
        build_requires: what goes into ``[build-system]``.
        files: members below its root directory, added or instead of the usual ones.
        metadata_lines: further lines of PKG-INFO, as they are.
    """
    module = module_name(name)
    stem = f"{module}-{version}"
    pkg_info = core_metadata(
        name,
        version,
        requires_dist=requires_dist,
        requires_python=requires_python,
        summary=summary,
        metadata_version=metadata_version,
        more_lines=metadata_lines,
    )
    members = {"PKG-INFO": pkg_info, **_default_files(module, version)}
    if with_pyproject:
        listed = ", ".join(f'"{requirement}"' for requirement in build_requires)
        members["pyproject.toml"] = PYPROJECT.replace("@REQUIRES@", listed).encode()
        members["in_tree_backend.py"] = BACKEND_SOURCE.encode()
    else:
        members["setup.py"] = SETUP_PY.format(name=name, version=version, module=module).encode()
        members[f"{module}.egg-info/PKG-INFO"] = pkg_info
        members[f"{module}.egg-info/requires.txt"] = _lines(requires_dist)
    if payload_size:
        members[f"{module}/payload.bin"] = payload(f"{stem}-sdist", payload_size)
    members.update(files or {})
    rooted = {f"{stem}/{path}": content for path, content in members.items()}
    return BuiltFile(
        filename=filename or f"{stem}.{format}",
        content=pack_zip(rooted) if format == "zip" else pack_tar(rooted, bz2=format == "tar.bz2"),
        metadata=None,
        name=name,
        version=version,
        package_type="sdist",
        python_version="source",
        requires_python=requires_python,
        requires_dist=tuple(requires_dist),
        summary=summary,
    )


def build_egg(
    name: str,
    version: str,
    *,
    python_version: str = "2.7",
    requires_dist: Sequence[str] = (),
    payload_size: int = 0,
) -> BuiltFile:
    """Build an egg, as setuptools did before wheels."""
    module = module_name(name)
    stem = f"{module}-{version}-py{python_version}"
    members = {
        **_default_files(module, version),
        "EGG-INFO/PKG-INFO": core_metadata(name, version, metadata_version="1.0"),
        "EGG-INFO/top_level.txt": f"{module}\n".encode(),
        "EGG-INFO/zip-safe": b"\n",
    }
    if requires_dist:
        members["EGG-INFO/requires.txt"] = _lines(requires_dist)
    if payload_size:
        members[f"{module}/payload.bin"] = payload(stem, payload_size)
    return BuiltFile(
        filename=f"{stem}.egg",
        content=pack_zip(members),
        metadata=None,
        name=name,
        version=version,
        package_type="bdist_egg",
        python_version=python_version,
        requires_dist=tuple(requires_dist),
    )


def core_metadata(
    name: str,
    version: str,
    *,
    requires_dist: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Sequence[str] = (),
    summary: str = "",
    metadata_version: str = "2.1",
    more_lines: Sequence[str] = (),
) -> bytes:
    """Write a core metadata file (PEP 566); the fields of its version only (PEP 241, 314)."""
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    if summary:
        lines.append(f"Summary: {summary}")
    if metadata_version not in {"1.0", "1.1"}:
        lines += [] if requires_python is None else [f"Requires-Python: {requires_python}"]
        lines += [f"Provides-Extra: {extra}" for extra in extras]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires_dist]
    return _lines([*lines, *more_lines])


def module_name(name: str) -> str:
    """Return the name as it stands in file names and imports."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _default_files(module: str, version: str) -> dict[str, bytes]:
    return {f"{module}/__init__.py": f'__version__ = "{version}"\n'.encode()}


def _extra_requirements(extras: Mapping[str, Sequence[str]]) -> list[str]:
    lines = []
    for extra, requirements in extras.items():
        for requirement in requirements:
            bare, _, marker = requirement.partition(";")
            condition = (
                f'({marker.strip()}) and extra == "{extra}"' if marker else f'extra == "{extra}"'
            )
            lines.append(f"{bare.strip()}; {condition}")
    return lines


def _wheel_record(python: str, abi: str, platform: str, build: str | None) -> bytes:
    pure = "true" if platform == "any" else "false"
    lines = ["Wheel-Version: 1.0", "Generator: test-bed 1", f"Root-Is-Purelib: {pure}"]
    lines += [
        f"Tag: {py}-{abi_part}-{platform_part}"
        for py in python.split(".")
        for abi_part in abi.split(".")
        for platform_part in platform.split(".")
    ]
    if build:
        lines.append(f"Build: {build}")
    return _lines(lines)


def _record(members: Mapping[str, bytes], own_path: str) -> bytes:
    lines = []
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    return _lines([*lines, f"{own_path},,"])
