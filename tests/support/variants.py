"""Variant wheels and the files that explain their labels (PEP 825), as an index lists them."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.support.packages import BuiltFile, build_wheel


def variant_wheel(name: str, version: str, label: str, build_tag: str | None = None) -> BuiltFile:
    """Build a variant wheel."""
    variant = json.dumps(_mapping(label)).encode()
    path = f"{name}-{version}.dist-info/variant.json"
    wheel = build_wheel(name, version, files={path: variant}, build_tag=build_tag)
    return replace(wheel, filename=f"{wheel.filename[:-4]}-{label}.whl")


def variants_index(name: str, version: str, *labels: str) -> BuiltFile:
    """Return the file that maps the labels of a release to properties."""
    return BuiltFile(
        filename=f"{name}-{version}-variants.json",
        content=json.dumps(_mapping(*labels)).encode(),
        metadata=None,
        name=name,
        version=version,
        package_type="variants",
        python_version="any",
    )


def _mapping(*labels: str) -> dict[str, object]:
    properties = {
        label: {} if label == "null" else {"x86_64": {"level": [label[-2:]]}} for label in labels
    }
    return {"default-priorities": {"namespace": ["x86_64"]}, "variants": properties}
