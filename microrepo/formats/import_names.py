"""Import names of a distribution: what its metadata states (PEP 794), and what is in a wheel.

Metadata 2.5 has the fields Import-Name and Import-Namespace. They are statements of the uploader.
For older metadata, and for modules below a stated name, the names of a wheel's members decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import islice

from msgspec import Struct

# More names than any real distribution states.
_MAX_NAMES = 10_000
_INSTALLED_ELSEWHERE = re.compile(rb"[^/]+\.data/(?:purelib|platlib)/")
_SOURCE = (b".py", b".pyc")
_COMPILED = (b".so", b".pyd")


class ImportEvidence(str, Enum):
    """Why a distribution is said to have a module."""

    NAME = "import name"
    NAMESPACE = "import namespace"
    MODULE = "module in the wheel"
    PORTION = "part of a namespace in the wheel"


class ImportNames(Struct, frozen=True):
    """Import names that metadata states.

    Attributes:
        names: modules that only this project has.
        namespaces: packages that several projects share.
        private: those of them that are no public API.
    """

    names: frozenset[str]
    namespaces: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    def evidence(self, module: str) -> ImportEvidence | None:
        """Return whether the metadata names exactly this module."""
        if module in self.names:
            return ImportEvidence.NAME
        return ImportEvidence.NAMESPACE if module in self.namespaces else None


def is_module_name(text: str) -> bool:
    """Return whether a text can stand in an import statement."""
    return all(part.isidentifier() for part in text.split("."))


def stated_imports(headers: Mapping[str, list[str]]) -> ImportNames:
    """Return the import names in header fields; names that cannot be imported are ignored."""
    private: set[str] = set()
    fields = ("import-name", "import-namespace")
    names, spaces = (_names(headers.get(field, ()), private) for field in fields)
    return ImportNames(names, spaces, frozenset(private))


def _names(values: Iterable[str], private: set[str]) -> frozenset[str]:
    found: set[str] = set()
    for value in islice(values, _MAX_NAMES):
        name, _, remark = value.partition(";")
        name = name.strip()
        if is_module_name(name):
            found.add(name)
            if remark.strip() == "private":
                private.add(name)
    return frozenset(found)


def find_module(members: Iterable[bytes], module: str) -> ImportEvidence | None:
    """Return how the members of a wheel provide a module.

    Args:
        members: their names in the archive.
        module: ``yaml``, ``google.protobuf``.
    """
    path = module.replace(".", "/").encode()
    folder, package = path + b"/", path + b"/__init__."
    found = None
    for name in members:
        place = _INSTALLED_ELSEWHERE.match(name)
        inside = name[place.end() :] if place is not None else name
        if not inside.startswith(path):
            continue
        if inside.startswith(package):
            if (
                inside.endswith((*_SOURCE, *_COMPILED))
                and inside.count(b"/") == path.count(b"/") + 1
            ):
                return ImportEvidence.MODULE
        elif _is_file_of(inside[len(path) :]):
            return ImportEvidence.MODULE
        elif inside.startswith(folder) and inside.endswith((*_SOURCE, *_COMPILED)):
            found = ImportEvidence.PORTION
    return found


def _is_file_of(rest: bytes) -> bool:
    """Return whether a module's name and `rest` are the name of its file: ``.cpython-313.so``."""
    return rest in _SOURCE or (
        rest.startswith(b".") and b"/" not in rest and rest.endswith(_COMPILED)
    )
