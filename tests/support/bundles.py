"""Bundles for tests: written as `docs/reference/bundles.md` describes them, or wrong on purpose.

A small deterministic writer of its own, so that the reader is not only compared with the exporter.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from microrepo.standalone.importer.bundle_header import (
    CONTENTS_MEMBER,
    HEADER_MEMBER,
    MANIFEST_MEMBER,
    SIGNATURE_MEMBER,
    SIGNATURE_NAMESPACE,
    BundleContent,
    BundleHeader,
    BundleList,
    content_line,
    header_bytes,
    member_of,
)
from microrepo.standalone.importer.manifest import write_manifest
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.standalone.importer.volumes.tar_blocks import (
    BUNDLE_END,
    member_block,
    member_padding,
)
from microrepo.standalone.server.names import normalize_name
from tests.support.packages import BuiltFile

ORIGIN = "0123456789abcdef" * 2
OTHER_ORIGIN = "fedcba9876543210" * 2
CREATED = "2026-01-02T03:04:05Z"
UPLOADED = "2024-05-06T07:08:09.000000Z"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Outside:
    """A repository outside: its files, and what differs from their own facts."""

    origin: str = ORIGIN
    sequence: int = 0
    files: dict[str, BuiltFile] = field(default_factory=dict)
    facts: dict[str, dict[str, object]] = field(default_factory=dict)
    projects: dict[str, dict[str, object]] = field(default_factory=dict)

    def put(self, *files: BuiltFile, **facts: object) -> None:
        """Add distributions."""
        for file in files:
            self.files[file.filename] = file
            self.facts[file.filename] = dict(facts)

    def remove(self, *names: str) -> None:
        for name in names:
            del self.files[name]

    def entries(self) -> list[ManifestProject | ManifestFile]:
        """Return the manifest of the present state."""
        found: list[ManifestProject | ManifestFile] = []
        for file in self.files.values():
            values: dict[str, object] = {
                "upload_time": UPLOADED,
                "requires_python": file.requires_python or "",
                "metadata_sha256": sha256(sidecar_of(file)) if sidecar_of(file) else "",
                **self.facts[file.filename],
            }
            name = normalize_name(file.name)
            found.append(
                ManifestFile(
                    name,
                    file.filename,
                    file.version,
                    file.size,
                    file.sha256,
                    **values,  # type: ignore[arg-type]
                )
            )
        for project, shown in {
            normalize_name(file.name): file.name for file in self.files.values()
        }.items():
            facts = {"display_name": shown, **self.projects.get(project, {})}
            found.append(ManifestProject(project, **facts))  # type: ignore[arg-type]
        return sorted(found, key=lambda entry: entry.order)

    def snapshot(self) -> Snapshot:
        """Return the present state, for later deltas."""
        return Snapshot(self.entries(), dict(self.files))

    def bundle(self, base: Snapshot | None = None, **extras: bytes) -> Bundle:
        """Return the next bundle; everything, or what changed since a base."""
        self.sequence += 1
        held = {file.sha256 for file in base.files.values()} if base is not None else set()
        members: dict[str, bytes] = {}
        for file in self.files.values():
            if file.sha256 not in held:
                members[f"files/{file.filename}"] = file.content
                if sidecar := sidecar_of(file):
                    members[f"metadata/{file.filename}.metadata"] = sidecar
        base_id = base.id if base is not None else ""
        named = {name.replace("_py", ".py"): content for name, content in extras.items()}
        return Bundle(self.entries(), members, self.origin, self.sequence, base_id, named)


def sidecar_of(file: BuiltFile) -> bytes:
    """Return the sidecar that a repository has beside a wheel."""
    return (file.metadata or b"") if file.filename.endswith(".whl") else b""


@dataclass
class Snapshot:
    entries: list[ManifestProject | ManifestFile]
    files: dict[str, BuiltFile]

    @property
    def id(self) -> str:
        return write_manifest(lambda _: None, self.entries).snapshot


@dataclass
class Bundle:
    """A bundle to write; ``members`` are contents by the names that a volume of one piece has."""

    entries: Sequence[ManifestProject | ManifestFile]
    members: Mapping[str, bytes]
    origin: str = ORIGIN
    sequence: int = 1
    base: str = ""
    extras: Mapping[str, bytes] = field(default_factory=dict)

    def packed_manifest(self) -> tuple[bytes, str]:
        parts: list[bytes] = []
        summary = write_manifest(parts.append, self.entries, name="outside")
        return gzip.compress(b"".join(parts), mtime=0), summary.snapshot

    def contents(self) -> list[tuple[BundleContent, bytes]]:
        """Return each whole member with its content."""
        whole = {**self.extras, **self.members}
        return [
            (content_of(name, content), content) for name, content in sorted_members(whole).items()
        ]

    def volumes(self, split_bytes: int = 0, key: Path | None = None) -> dict[str, bytes]:
        """Return the volumes by name; with a split, no volume has more content than that."""
        packed, snapshot = self.packed_manifest()
        groups: list[list[tuple[BundleContent, bytes]]] = [[]]
        room = split_bytes
        for content, data in self.contents():
            if not split_bytes:
                groups[0].append((content, data))
                continue
            offset, piece = 0, 0
            while offset < len(data) or not data:
                if not room:
                    groups.append([])
                    room = split_bytes
                part = data[offset : offset + room]
                if len(part) == len(data):
                    groups[-1].append((content, data))
                else:
                    piece += 1
                    groups[-1].append((piece_of(content, offset, part, piece), part))
                offset += len(part)
                room -= len(part)
                if not data:
                    break
        found = {}
        for number, group in enumerate(groups, 1):
            lines = b"".join(content_line(content) for content, _ in group)
            header = BundleHeader(
                self.origin,
                self.sequence,
                CREATED,
                snapshot,
                self.base,
                BundleList(sha256(packed), len(packed)),
                BundleList(sha256(lines), len(lines)),
                number,
                len(groups),
            )
            members = [(HEADER_MEMBER, header_bytes(header))]
            if key is not None:
                members.append((SIGNATURE_MEMBER, sign(members[0][1], key)))
            if number == 1:
                members.append((MANIFEST_MEMBER, packed))
            members.append((CONTENTS_MEMBER, lines))
            members += [(content.member, data) for content, data in group]
            found[header.name] = tar_of(members)
        return found

    def write(self, folder: Path, split_bytes: int = 0, key: Path | None = None) -> list[Path]:
        """Write the volumes into a directory; return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, content in self.volumes(split_bytes, key).items():
            paths.append(folder / name)
            paths[-1].write_bytes(content)
        return paths


def sorted_members(members: Mapping[str, bytes]) -> dict[str, bytes]:
    ranks = {"metadata": 1, "files": 2}
    names = sorted(members, key=lambda name: (ranks.get(name.partition("/")[0], 0), name))
    return {name: members[name] for name in names}


def content_of(name: str, content: bytes) -> BundleContent:
    folder, slash, filename = name.partition("/")
    member = member_of(sha256(content), filename, folder) if slash else name
    size = len(content)
    return BundleContent(member, sha256(content), size, 0, size, sha256(content))


def piece_of(content: BundleContent, offset: int, part: bytes, number: int) -> BundleContent:
    return content._replace(
        member=f"{content.member}.piece-{number:03}",
        offset=offset,
        piece_bytes=len(part),
        piece_sha256=sha256(part),
    )


def tar_of(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return an archive of members as they are."""
    parts = []
    for name, content in members:
        parts += [member_block(name, len(content)), content, member_padding(len(content))]
    return b"".join(parts) + BUNDLE_END


def members_of(volume: bytes) -> list[tuple[str, bytes]]:
    """Return the members of a volume that `tar_of` has made."""
    found, place = [], 0
    while volume[place] != 0:
        name = volume[place : place + 100].rstrip(b"\0").decode()
        size = int(volume[place + 124 : place + 135], 8)
        found.append((name, volume[place + 512 : place + 512 + size]))
        place += 512 + size + -size % 512
    return found


def sign(content: bytes, key: Path, namespace: str = SIGNATURE_NAMESPACE) -> bytes:
    """Return OpenSSH's signature of a text."""
    command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key)]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def make_key(folder: Path, name: str = "key") -> Path:
    """Make a signing key."""
    assert shutil.which("ssh-keygen"), "OpenSSH is needed for these tests"
    folder.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
    subprocess.run(command, check=True)
    return folder / name


def allow(path: Path, *keys: Path, options: str = "") -> Path:
    """Write a file of allowed signers."""
    lines = []
    for key in keys:
        kind, blob = key.with_name(f"{key.name}.pub").read_text().split()[:2]
        lines.append(f"{key.name}@outside.example {options} {kind} {blob}\n".replace("  ", " "))
    path.write_text("".join(lines))
    return path


def names_of(entries: Iterable[ManifestProject | ManifestFile]) -> set[str]:
    return {entry.filename for entry in entries if isinstance(entry, ManifestFile)}
