"""Reader of core metadata, from the state or by the workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from msgspec import Struct

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import File
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.state import FileRow
from microrepo.transfer.download.remote_metadata import unpack_metadata
from microrepo.transfer.tasks import MetadataOutcome, metadata_of


class MetadataAsked(Struct, frozen=True):
    """Metadata from the state, by file name, and pending requests for the rest."""

    known: dict[str, CoreMetadata]
    futures: Sequence[tuple[File, Future[MetadataOutcome]]]


class MetadataReader:
    """Reads the metadata of distributions, once per content over all runs.

    Attributes:
        failed: a request failed that may succeed in another run.
    """

    def __init__(self, holdings: Holdings, work: WorkContext) -> None:
        self._holdings = holdings
        self._work = work
        self.failed = False

    def ask(self, files: Iterable[File]) -> MetadataAsked:
        """Return metadata from the state, and queue requests for the rest."""
        files = tuple(files)
        state = self._holdings.state
        stored = state.metadata(file.filename for file in files)
        rows = state.files_named(one.filename for one in files if one.filename not in stored)
        known: dict[str, CoreMetadata] = {}
        futures = []
        for file in files:
            digest, cached = _digest_of(file), stored.get(file.filename)
            if cached is not None and digest and cached[0] == digest:
                known[file.filename] = unpack_metadata(cached[1])
                continue
            here = self._is_here(file, rows.get(file.filename))
            futures.append((file, self._work.submit(metadata_of(file, here=here))))
        self._work.reporter.expect_documents(len(futures))
        return MetadataAsked(known, futures)

    def collect(self, asked: MetadataAsked) -> dict[str, CoreMetadata | str]:
        """Return the metadata, or why there is none, by file name; store new metadata."""
        self._work.wait_for(future for _, future in asked.futures)
        found: dict[str, CoreMetadata | str] = dict(asked.known)
        rows: list[tuple[str, str, bytes]] = []
        for file, future in asked.futures:
            outcome = future.result()
            self._work.reporter.document_done()
            self._work.report.add_metadata(outcome.fetched_bytes)
            if outcome.metadata is None:
                self._work.report.warn(f"{file.filename}: no metadata: {outcome.error}")
                self.failed |= outcome.transient
                found[file.filename] = outcome.error
                continue
            found[file.filename] = unpack_metadata(outcome.metadata)
            digest = _digest_of(file)
            if digest:
                rows.append((file.filename, digest, outcome.metadata))
        if rows and not self._work.report.dry_run:
            with self._holdings.state.transaction():
                self._holdings.state.save_metadata(rows)
        return found

    def _is_here(self, file: File, row: FileRow | None) -> bool:
        """Return whether the repository has this file, not an older one with its name."""
        if row is None or not self._holdings.is_intact(row):
            return False
        strongest = file.digests.strongest()
        return strongest is None or getattr(row.digests, strongest[0]) == strongest[1]


def _digest_of(file: File) -> str:
    return ":".join(file.digests.strongest() or ())
