"""Records of the volumes of one bundle that were read, so that volumes may arrive one by one."""

from __future__ import annotations

import os

from microrepo.standalone.importer.bundle_header import (
    CONTENTS_MEMBER,
    HEADER_MEMBER,
    SIGNATURE_MEMBER,
    BundleContent,
    BundleError,
    BundleHeader,
    parse_header,
)
from microrepo.standalone.importer.intake.staging import Staging, file_sha256
from microrepo.standalone.importer.tree_exchange import remove_tree
from microrepo.standalone.importer.volumes.signatures import SignatureCheck
from microrepo.standalone.importer.volumes.volume_reader import (
    VolumeHead,
    VolumeReader,
    parse_contents,
)

_FOLDER = "bundle"
_COMPLETE = "complete"
_PACKED_MANIFEST = "manifest.jsonl.gz"


class VolumeRecords:
    """The volumes of the bundle that is being imported; earlier runs may have read some.

    Args:
        staging: where the records are.
        check: verifies each header, also one on record.

    Attributes:
        header: of the first volume; None before one is known.
        signer: who signed it.
        signature: of the first volume.
        contents: the members of each volume, by its number.
    """

    def __init__(self, staging: Staging, check: SignatureCheck) -> None:
        self._staging = staging
        self._check = check
        self.header: BundleHeader | None = None
        self.signer = ""
        self.signature = b""
        self.contents: dict[int, list[BundleContent]] = {}
        self._complete: set[int] = set()

    @property
    def manifest_path(self) -> str:
        """Where the packed manifest is."""
        return self._staging.path(_FOLDER, "1", _PACKED_MANIFEST)

    @property
    def has_manifest(self) -> bool:
        """Return whether the manifest was read."""
        return 1 in self.contents

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the volumes that were not read to their end."""
        volumes = self.header.volumes if self.header else 0
        return tuple(n for n in range(1, volumes + 1) if n not in self._complete)

    def accept(self, head: VolumeHead, name: str) -> None:
        """Count a header as one of this bundle.

        Raises:
            BundleError: its signature is not accepted, or it belongs to another bundle.
        """
        try:
            signer = self._check.signer(head.content, head.signature)
        except BundleError as error:
            raise BundleError(f"{name}: {error}") from None
        if self.header is None:
            self.header, self.signer, self.signature = head.header, signer, head.signature
        elif _common(head.header) != _common(self.header):
            raise BundleError(
                f"{name}: belongs to another bundle ({head.header.name}) than the volumes before "
                f"it ({self.header.name}). Import one bundle at a time, the oldest first."
            )

    def load(self) -> None:
        """Read the records of earlier runs about this bundle; delete those about another."""
        assert self.header is not None  # noqa: S101 - a header was accepted
        folder = self._staging.path(_FOLDER)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if not name.isdigit():
                continue
            try:
                self._load_volume(int(name), os.path.join(folder, name))
            except (BundleError, OSError):
                # Damaged, about another bundle, or no longer accepted.
                remove_tree(folder)
                self.contents.clear()
                self._complete.clear()
                return

    def read_lists(self, reader: VolumeReader, head: VolumeHead) -> list[BundleContent]:
        """Read and record the lists of a volume; return its members.

        Raises:
            BundleError: they are not what the header states.
        """
        header = head.header
        folder = self._staging.path(_FOLDER, str(header.volume))
        os.makedirs(folder, exist_ok=True)
        if header.volume == 1:
            part = self.manifest_path + ".part"
            with open(part, "wb") as stream:
                reader.manifest(header, stream.write)
            os.replace(part, self.manifest_path)
        lines = reader.contents_text(header)
        contents = parse_contents(lines, header.volume)
        for name, content in (
            (SIGNATURE_MEMBER, head.signature),
            (CONTENTS_MEMBER, lines),
            (HEADER_MEMBER, head.content),
        ):
            with open(os.path.join(folder, name), "wb") as stream:
                stream.write(content)
        self.contents[header.volume] = contents
        return contents

    def complete(self, header: BundleHeader) -> None:
        """Record that a volume was read to its end."""
        self._complete.add(header.volume)
        with open(self._staging.path(_FOLDER, str(header.volume), _COMPLETE), "wb"):
            pass

    def is_complete(self, volume: int) -> bool:
        """Return whether a volume was read to its end."""
        return volume in self._complete

    def _load_volume(self, number: int, folder: str) -> None:
        parts = {}
        for name in (HEADER_MEMBER, SIGNATURE_MEMBER, CONTENTS_MEMBER):
            with open(os.path.join(folder, name), "rb") as stream:
                parts[name] = stream.read()
        content, signature = parts[HEADER_MEMBER], parts[SIGNATURE_MEMBER]
        header = parse_header(content)
        self.accept(VolumeHead(header, content, signature), folder)
        # After a loss of power, a file can be other than it was written.
        lists = [(CONTENTS_MEMBER, header.contents)]
        lists += [(_PACKED_MANIFEST, header.manifest)] if number == 1 else []
        if any(file_sha256(os.path.join(folder, name)) != one.sha256 for name, one in lists):
            raise BundleError(f"{folder}: damaged")
        self.contents[number] = parse_contents(parts[CONTENTS_MEMBER], number)
        if os.path.exists(os.path.join(folder, _COMPLETE)):
            self._complete.add(number)


def _common(header: BundleHeader) -> BundleHeader:
    """Return what the headers of all volumes of a bundle have in common."""
    return header._replace(contents=header.manifest, volume=1)
