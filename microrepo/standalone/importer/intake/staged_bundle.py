"""Bundle in staging: its lists, what the repository needs of it, and what is still lacking."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence

from microrepo.standalone.importer.bundle_header import (
    EXTRA_MEMBERS,
    BundleContent,
    BundleError,
)
from microrepo.standalone.importer.case_twins import case_twins, ignores_case
from microrepo.standalone.importer.intake.bundle_manifest import BundleManifest
from microrepo.standalone.importer.intake.content_survey import ContentSurvey, Needed
from microrepo.standalone.importer.intake.import_records import read_entries
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.intake.staging import Staging
from microrepo.standalone.importer.intake.volume_records import VolumeRecords
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject

_FEW = 10


class StagedBundle:
    """The bundle that is being imported.

    Args:
        staging: has its content.
        survey: knows what the repository has.
        records: the volumes that were read.
        selection: the part that the repository takes.
        keep_free_bytes: room that must stay free on the file system.
    """

    def __init__(
        self,
        staging: Staging,
        survey: ContentSurvey,
        records: VolumeRecords,
        selection: ReleaseSelection,
        keep_free_bytes: int,
    ) -> None:
        self._staging = staging
        self._survey = survey
        self.records = records
        self._selection = selection
        self._keep_free_bytes = keep_free_bytes
        self._needed: Needed | None = None

    @property
    def target_path(self) -> str:
        """Where the manifest of the selected part is."""
        return self._staging.path("target.jsonl")

    @property
    def whole_path(self) -> str:
        """Where the bundle's whole manifest is, unpacked."""
        return self._staging.path("whole.jsonl")

    def contents(self) -> Iterator[BundleContent]:
        """Yield the members of all volumes that were read."""
        for volume in sorted(self.records.contents):
            yield from self.records.contents[volume]

    def find_needed(self) -> None:
        """Find what the repository needs as soon as the manifest is there.

        Raises:
            BundleError: the file system of the repository cannot hold all names.
        """
        header = self.records.header
        if self._needed is not None or header is None or not self.records.has_manifest:
            return
        manifest = BundleManifest(self.records.manifest_path, header)
        manifest.write_whole(self.whole_path)
        manifest.write_selected(self.target_path, self._selection)
        self._refuse_twins()
        self._needed = self._survey.needed(read_entries(self.target_path))

    def _refuse_twins(self) -> None:
        repository = self._survey.repository
        if not ignores_case(repository):
            return
        twins = [f"{first} and {second}" for first, second in case_twins(self._target())]
        if twins:
            more = f", and {len(twins) - _FEW:,} other pairs" if len(twins) > _FEW else ""
            raise BundleError(
                f"{repository}: its file system ignores case, so it cannot hold both of "
                f"{'; '.join(twins[:_FEW])}{more}. Import on another file system, or leave one of "
                "each out with `exclude_files` outside and export again."
            )

    def _target(self) -> Iterator[ManifestProject | ManifestFile]:
        return read_entries(self.target_path)

    def is_wanted(self, content: BundleContent) -> bool:
        """Return whether a member must be staged."""
        is_needed = (
            self._needed is None
            or content.member in EXTRA_MEMBERS
            or self._needed.wants(content.sha256)
        )
        if not is_needed or self._staging.has(content.sha256, content.size_bytes):
            return False
        return content.is_whole or not self._staging.has_piece(content)

    def check_space(self, contents: Sequence[BundleContent]) -> None:
        """Raise BundleError if members do not fit on the file system.

        Raises:
            BundleError: they do not.
        """
        wanted_bytes = sum(one.piece_bytes for one in contents if self.is_wanted(one))
        free_bytes = shutil.disk_usage(self._survey.existing_folder()).free - self._keep_free_bytes
        if wanted_bytes > free_bytes:
            raise BundleError(
                f"{self._survey.repository}: the bundle needs {wanted_bytes:,} bytes there, but "
                f"only {max(0, free_bytes):,} can be used. Make room, then import again."
            )

    def extras(self) -> dict[str, str]:
        """Return the digests of members such as `server.py`."""
        return {one.member: one.sha256 for one in self.contents() if one.member in EXTRA_MEMBERS}

    def complete(self) -> list[str]:
        """Join pieces; return the digests that are still lacking.

        Raises:
            BundleError: the volumes carry something else than the manifest states.
        """
        header, needed = self.records.header, self._needed
        assert header is not None  # noqa: S101 - the manifest was read
        assert needed is not None  # noqa: S101
        contents = list(self.contents())
        BundleManifest(self.records.manifest_path, header).check_contents(contents)
        self._join(contents, needed)
        sizes = needed.files.items()
        return [sha256 for sha256, size in sizes if not self._staging.has(sha256, size)]

    def names_of(self, lacking: Sequence[str]) -> Iterator[str]:
        """Yield the names of the files with some digests."""
        wanted = set(lacking)
        if wanted:
            for entry in read_entries(self.target_path):
                if isinstance(entry, ManifestFile) and entry.sha256 in wanted:
                    yield entry.filename

    def _join(self, contents: Iterable[BundleContent], needed: Needed) -> None:
        split: dict[str, list[BundleContent]] = {}
        for content in contents:
            if not content.is_whole:
                split.setdefault(content.sha256, []).append(content)
        extras = set(self.extras().values())
        for sha256, pieces in split.items():
            is_needed = sha256 in extras or needed.wants(sha256)
            if is_needed and not self._staging.has(sha256, pieces[0].size_bytes):
                self._staging.join_pieces(pieces)
