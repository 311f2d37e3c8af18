"""Receiving of a bundle: every volume is read, and what the repository lacks is staged.

Nothing visible changes. An error of one volume does not stop the others; what was good stays
staged for the next try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from microrepo.standalone.importer.bundle_header import (
    BundleError,
    BundleHeader,
)
from microrepo.standalone.importer.intake.content_survey import ContentSurvey
from microrepo.standalone.importer.intake.import_decision import (
    CurrentImport,
    ImportVerdict,
    Permissions,
    Supply,
    decide_order,
    decide_supply,
)
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.intake.staged_bundle import StagedBundle
from microrepo.standalone.importer.intake.staging import Staging
from microrepo.standalone.importer.intake.volume_records import VolumeRecords
from microrepo.standalone.importer.volumes.signatures import SignatureCheck
from microrepo.standalone.importer.volumes.volume_reader import VolumeHead, VolumeReader
from microrepo.standalone.importer.volumes.volume_sources import VolumeSource
from microrepo.standalone.importer.volumes.volume_stream import VolumeDamage, VolumeStream


class Received(NamedTuple):
    """A bundle that was read.

    Attributes:
        verdict: what to do with it.
        signer: who signed it; "" if nobody, or if that was not verified.
        remark: about its origin, for people.
        lacking: files that are needed, and neither staged nor in place.
        missing_volumes: numbers of the volumes that were not read to their end.
        damage: what could not be read, with its place.
        extras: digests of members such as `server.py`.
    """

    header: BundleHeader
    verdict: ImportVerdict
    signer: str
    remark: str
    lacking: tuple[str, ...] = ()
    missing_volumes: tuple[int, ...] = ()
    damage: tuple[str, ...] = ()
    extras: Mapping[str, str] = MappingProxyType({})


class BundleReceiver:
    """Reads the volumes of one bundle into the staging of a repository.

    Args:
        staging: receives content.
        survey: knows what the repository has.
        check: verifies signatures.
        selection: the part that the repository takes.
        keep_free_bytes: room that must stay free on the file system.

    Attributes:
        bundle: what was read of it.
    """

    def __init__(
        self,
        staging: Staging,
        survey: ContentSurvey,
        check: SignatureCheck,
        selection: ReleaseSelection,
        *,
        keep_free_bytes: int = 0,
    ) -> None:
        self._staging = staging
        self._check = check
        records = VolumeRecords(staging, check)
        self.bundle = StagedBundle(staging, survey, records, selection, keep_free_bytes)
        # By source, and by volume once its header is known.
        self._volume = 0
        self._damage: dict[object, str] = {}

    def receive(
        self, sources: Sequence[VolumeSource], current: CurrentImport, permissions: Permissions
    ) -> Received:
        """Read all volumes.

        Raises:
            BundleError: the bundle is malformed, not accepted, or does not fit on the disk.
        """
        self._staging.prepare()
        ordered, verdict = self._survey_files(sources, current, permissions)
        for source in ordered if verdict is ImportVerdict.APPLY else ():
            try:
                with source.open() as stream:
                    verdict = self._read_volumes(
                        VolumeStream(stream, source.name), current, permissions
                    )
            except VolumeDamage as error:
                self._damage[self._volume or source.name] = str(error)
            if verdict is not ImportVerdict.APPLY:
                break
        return self._judged() if verdict is ImportVerdict.APPLY else self._received(verdict)

    def _survey_files(
        self, sources: Sequence[VolumeSource], current: CurrentImport, permissions: Permissions
    ) -> tuple[list[VolumeSource], ImportVerdict]:
        """Read the lists of all volumes that are files; return the sources in their best order.

        So mixed bundles, and those that do not fit, are refused before anything is staged.
        """
        numbered: list[tuple[int, int, VolumeSource]] = []
        for place, source in enumerate(sources):
            number = 0
            if source.is_file:
                try:
                    with source.open() as stream:
                        reader = VolumeReader(VolumeStream(stream, source.name))
                        head = reader.head()
                        verdict = self._accept(head, source.name, current, permissions)
                        if verdict is not ImportVerdict.APPLY:
                            return [], verdict
                        self.bundle.records.read_lists(reader, head)
                except VolumeDamage as error:
                    self._damage[source.name] = str(error)
                    continue
                number = head.header.volume
            numbered.append((number, place, source))
        self.bundle.find_needed()
        self.bundle.check_space(list(self.bundle.contents()))
        numbered.sort(key=lambda row: row[:2])
        return [source for _, _, source in numbered], ImportVerdict.APPLY

    def _accept(
        self, head: VolumeHead, name: str, current: CurrentImport, permissions: Permissions
    ) -> ImportVerdict:
        is_first = self.bundle.records.header is None
        self.bundle.records.accept(head, name)
        verdict = decide_order(head.header, current, permissions)
        if is_first and verdict is ImportVerdict.APPLY:
            self.bundle.records.load()
        return verdict

    def _read_volumes(
        self, stream: VolumeStream, current: CurrentImport, permissions: Permissions
    ) -> ImportVerdict:
        while True:
            self._volume = 0
            reader = VolumeReader(stream)
            head = reader.head()
            self._volume = head.header.volume
            verdict = self._accept(head, stream.name, current, permissions)
            if verdict is not ImportVerdict.APPLY:
                return verdict
            self._read_volume(reader, head)
            if stream.at_end():
                return verdict

    def _read_volume(self, reader: VolumeReader, head: VolumeHead) -> None:
        contents = self.bundle.records.read_lists(reader, head)
        self.bundle.find_needed()
        self.bundle.check_space(contents)
        is_good = True
        for content in contents:
            reader.begin(content)
            if self.bundle.is_wanted(content):
                found = self._staging.put(content, reader.chunks())
                if found != content.piece_sha256:
                    self._damage[head.header.volume] = str(reader.mismatch(found))
                    is_good = False
            else:
                reader.skip()
        reader.finish()
        if is_good:
            self._damage.pop(head.header.volume, None)  # of another copy
            self.bundle.records.complete(head.header)

    def _judged(self) -> Received:
        if self.bundle.records.header is None:
            raise BundleError("; ".join(self._damage.values()) or "no volume could be read")
        has_manifest = self.bundle.records.has_manifest
        lacking = self.bundle.complete() if has_manifest else []
        missing = self.bundle.records.missing
        supply = Supply(missing, bool(self._damage), has_manifest, len(lacking))
        return self._received(decide_supply(supply), lacking)

    def _received(self, verdict: ImportVerdict, lacking: Sequence[str] = ()) -> Received:
        header = self.bundle.records.header
        assert header is not None  # noqa: S101 - a volume was read
        return Received(
            header,
            verdict,
            self.bundle.records.signer,
            self._check.remark(self.bundle.records.signature, self.bundle.records.signer),
            tuple(self.bundle.names_of(lacking)),
            self.bundle.records.missing,
            tuple(self._damage.values()),
            self.bundle.extras(),
        )
