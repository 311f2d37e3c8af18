"""Manifest of a bundle: unpacked within bounds, checked against its header, and selected from."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import zlib
from collections.abc import Iterator

from microrepo.standalone.importer.bundle_header import (
    EXTRA_MEMBERS,
    MANIFEST_MEMBER,
    BundleContent,
    BundleError,
    BundleHeader,
)
from microrepo.standalone.importer.intake.import_records import write_lines
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.manifest import ManifestError, ManifestReader, head_line
from microrepo.standalone.importer.manifest_entries import (
    ManifestFile,
    ManifestProject,
    entry_line,
)

# Of an unpacked manifest: some ten million files.
MAX_MANIFEST_BYTES = 1 << 32
_BROKEN_GZIP = (OSError, EOFError, zlib.error)


class BundleManifest:
    """The packed manifest of a bundle, on disk.

    Args:
        path: the packed manifest; its digest is that of the header.
    """

    def __init__(self, path: str, header: BundleHeader) -> None:
        self._path = path
        self._header = header

    def entries(self) -> Iterator[ManifestProject | ManifestFile]:
        """Yield the entries; the last one is followed by a check of the snapshot's id.

        Raises:
            BundleError: it is malformed, too large, or describes another snapshot.
        """
        left_bytes = MAX_MANIFEST_BYTES
        with _explained(), gzip.open(self._path, "rb") as stream:

            def read_line(size: int) -> bytes:
                nonlocal left_bytes
                line: bytes = stream.readline(size)
                left_bytes -= len(line)
                if left_bytes < 0:
                    raise BundleError(f"{MANIFEST_MEMBER}: unpacks to too many bytes")
                return line

            reader = ManifestReader(read_line)
            yield from reader.entries()
            if reader.summary().snapshot != self._header.snapshot:
                raise BundleError(
                    f"{MANIFEST_MEMBER}: describes another snapshot than {self._header.snapshot}"
                )

    def write_whole(self, path: str) -> None:
        """Write the manifest, unpacked, byte for byte.

        Raises:
            BundleError: it is malformed.
        """
        for _ in self.entries():
            pass
        with _explained(), gzip.open(self._path, "rb") as stream:
            write_lines(path, stream)

    def write_selected(self, path: str, selection: ReleaseSelection) -> None:
        """Write the manifest of the selected part.

        A project without selected files is left out.

        Raises:
            BundleError: it is malformed.
        """
        head = head_line(created=self._header.created, snapshot=self._header.snapshot)
        lines = (entry_line(entry) for entry in _selected(self.entries(), selection))
        write_lines(path, itertools.chain([head], lines))

    def check_contents(self, contents: list[BundleContent]) -> None:
        """Raise BundleError if volumes carry something that the manifest does not list.

        Raises:
            BundleError: a digest is not in the manifest, or has another size there.
        """
        rest = {c.sha256: c for c in contents if c.member not in EXTRA_MEMBERS}
        for entry in self.entries():
            if not isinstance(entry, ManifestFile):
                continue
            rest.pop(entry.metadata_sha256, None)
            rest.pop(entry.provenance_sha256, None)
            found = rest.pop(entry.sha256, None)
            if found is not None and found.size_bytes != entry.size_bytes:
                raise BundleError(
                    f"{self._header.name}: {found.member}: the manifest states another size"
                )
        if rest:
            member = min(content.member for content in rest.values())
            raise BundleError(f"{self._header.name}: {member}: is carried, but not in the manifest")


def _selected(
    entries: Iterator[ManifestProject | ManifestFile], selection: ReleaseSelection
) -> Iterator[ManifestProject | ManifestFile]:
    project: ManifestProject | None = None
    for entry in entries:
        if isinstance(entry, ManifestProject):
            project = entry
        elif selection.takes(entry):
            if project is not None:
                yield project
            project = None
            yield entry


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn errors of the manifest into those of the bundle.

    Raises:
        BundleError: the manifest is malformed.
    """
    try:
        yield
    except (ManifestError, *_BROKEN_GZIP) as error:
        raise BundleError(f"{MANIFEST_MEMBER}: {error}") from None
