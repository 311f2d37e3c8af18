"""Small genuine distributions: wheels, sdists, eggs, with a payload that does not compress."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from dataclasses import dataclass

from benchmarks.corpus import FilePlan

ZIP_TIME = (2024, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Built:
    """A distribution's bytes, and its core metadata when it is a wheel."""

    filename: str
    body: bytes
    metadata: bytes | None


def core_metadata(name: str, version: str, summary: str) -> bytes:
    """Return the METADATA / PKG-INFO text."""
    text = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n"
        "License: MIT\nRequires-Python: >=3.8\n\nA generated distribution.\n"
    )
    return text.encode()


def build(name: str, version: str, summary: str, plan: FilePlan, seed: str) -> Built:
    """Make the distribution that `plan` asks for; the same arguments give the same bytes."""
    stem = name.lower().replace("-", "_")
    payload = random.Random(f"{seed}:{stem}:{version}:{plan.tag}").randbytes(plan.payload_bytes)
    metadata = core_metadata(name, version, summary)
    if plan.package_type == "bdist_wheel":
        body = _wheel(stem, version, plan.tag, metadata, payload)
        return Built(f"{stem}-{version}-{plan.tag}.whl", body, metadata)
    if plan.package_type == "sdist":
        body = (_zip_sdist if plan.tag == "zip" else _tar_sdist)(stem, version, metadata, payload)
        return Built(f"{stem}-{version}.{plan.tag}", body, None)
    ending = "egg" if plan.package_type == "bdist_egg" else "exe"
    body = _zip({"EGG-INFO/PKG-INFO": metadata, f"{stem}/payload.bin": payload})
    return Built(f"{stem}-{version}-{plan.tag}.{ending}", body, None)


def _wheel(stem: str, version: str, tag: str, metadata: bytes, payload: bytes) -> bytes:
    python, abi, platforms = tag.split("-")
    tags = [f"{p}-{abi}-{plat}" for p in python.split(".") for plat in platforms.split(".")]
    pure = str(tag.endswith("none-any")).lower()
    lines = ["Wheel-Version: 1.0", "Generator: benchmarks", f"Root-Is-Purelib: {pure}"]
    wheel = "\n".join([*lines, *(f"Tag: {one}" for one in tags)]) + "\n"
    info = f"{stem}-{version}.dist-info"
    members = {
        f"{stem}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        f"{stem}/payload.bin": payload,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": wheel.encode(),
    }
    record = "".join(f"{path},{_record_hash(body)}" for path, body in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return _zip(members)


def _record_hash(body: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(body)}\n"


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, body in members.items():
            entry = zipfile.ZipInfo(path, ZIP_TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body)
    return buffer.getvalue()


def _sdist_members(stem: str, version: str, metadata: bytes, payload: bytes) -> dict[str, bytes]:
    root = f"{stem}-{version}"
    project = (
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n'
        f'[project]\nname = "{stem}"\nversion = "{version}"\n\n'
        f'[tool.setuptools]\npackages = ["{stem}"]\n'
    )
    return {
        f"{root}/PKG-INFO": metadata,
        f"{root}/pyproject.toml": project.encode(),
        f"{root}/{stem}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        f"{root}/{stem}/payload.bin": payload,
    }


def _zip_sdist(stem: str, version: str, metadata: bytes, payload: bytes) -> bytes:
    return _zip(_sdist_members(stem, version, metadata, payload))


def _tar_sdist(stem: str, version: str, metadata: bytes, payload: bytes) -> bytes:
    buffer = io.BytesIO()
    # Level 0 keeps the file a valid .tar.gz; compressing noise would only cost time.
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=0, fileobj=buffer, mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, body in _sdist_members(stem, version, metadata, payload).items():
            entry = tarfile.TarInfo(path)
            entry.size = len(body)
            entry.mtime = 1_704_067_200
            archive.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()
