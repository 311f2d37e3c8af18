"""Records of a bill of materials: what both formats state."""

from __future__ import annotations

import uuid
from urllib.parse import quote

import msgspec
from msgspec import Struct

# The namespace of our identifiers; any fixed one will do (RFC 9562, 6.6).
_NAMESPACE = uuid.UUID("5c6b0d54-4d3e-5a6f-9a51-7d0d2f3f8f0e")


class Licence(Struct, frozen=True):
    """Licence of a release, as its metadata states it.

    Attributes:
        expression: SPDX expression (PEP 639), "" without a valid one.
        names: what older metadata states instead: classifiers, or one line of text.
    """

    expression: str = ""
    names: tuple[str, ...] = ()


class ComponentFile(Struct, frozen=True):
    """One distribution of a release.

    Attributes:
        filename: its name in the repository.
        sha256: hex; None if it is not recorded.
        size_bytes: None if it is not recorded.
        url: where it was downloaded from, without login and query; "" if that is unknown.
        sboms: bills of materials inside a wheel (PEP 770), their paths in the archive.
        has_provenance: the attestations are kept beside the file (PEP 740).
    """

    filename: str
    sha256: str | None = None
    size_bytes: int | None = None
    url: str = ""
    sboms: tuple[str, ...] = ()
    has_provenance: bool = False


class Component(Struct, frozen=True):
    """One release of a project.

    Attributes:
        project: normalised name.
        name: as its owner spells it.
        version: as in the metadata.
        files: its distributions, by name.
        summary: one line about it, "" without one.
        homepage: http(s) URL, "" without one.
        requires: package URLs of the components that may be installed for its requirements.
    """

    project: str
    name: str
    version: str
    files: tuple[ComponentFile, ...]
    licence: Licence = Licence()
    summary: str = ""
    homepage: str = ""
    requires: tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """The package URL (ECMA-427), which identifies the release in both formats."""
        return package_url(self.project, self.version)


class BillOfMaterials(Struct, frozen=True):
    """What a bill of materials is about.

    Attributes:
        name: name of the repository.
        created: UTC, ``YYYY-MM-DDTHH:MM:SSZ``.
        tool_version: version of microrepo.
        components: by project and version.
        problems: files whose metadata could not be read, and why.
        missing: requirements that are not met, and why.
    """

    name: str
    created: str
    tool_version: str
    components: tuple[Component, ...]
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def identifier(self) -> uuid.UUID:
        """The same for the same components at the same time."""
        content = msgspec.json.encode([self.name, self.created, self.components])
        return uuid.uuid5(_NAMESPACE, content.decode())


def package_url(project: str, version: str) -> str:
    """Return the package URL of a release."""
    return f"pkg:pypi/{project}@{quote(version, safe='.-_~')}"
