"""Creation of snapshots: a manifest of what the repository has, and its contents protected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from microrepo.batching import batched
from microrepo.config.schema import Config
from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure, RunReport
from microrepo.operations.run.session import open_session
from microrepo.operations.snapshot.manifest_lines import entry_lines
from microrepo.operations.snapshot.snapshot_files import (
    KeptBy,
    Snapshot,
    SnapshotFiles,
    checked_name,
)
from microrepo.operations.switch.current_manifest import CurrentManifest
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.operations.switch.switch_plan import Entry
from microrepo.reporting import Reporter, SilentReporter
from microrepo.standalone.importer.manifest import ManifestDigest
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.durability import sync_file_system
from microrepo.stores.flat_directory import FlatDirectory, provenance_name
from microrepo.stores.objects.protected_contents import ProtectedContents

_AT_ONCE = 5000


class SnapshotReport(RunReport, frozen=True, kw_only=True):
    """Result of `microrepo snapshot create`.

    Attributes:
        snapshot: the snapshot; None if it was refused.
        failed: files that it leaves out, because they are damaged or missing.
        refused: why there is none.
    """

    repository: str
    snapshot: Snapshot | None = None
    refused: str = ""


class PresentState:
    """What a repository has now, to be kept as a snapshot.

    Args:
        writes: keep it; otherwise only describe it.

    Attributes:
        is_lost: all files are missing or damaged.
    """

    def __init__(self, holdings: Holdings, work: WorkContext, *, writes: bool) -> None:
        self._directory = holdings.directory
        self._work = work
        self._store = ProtectedContents.of(holdings.directory.path)
        self._files = SnapshotFiles(holdings.directory.path)
        sound = SoundFiles(holdings, writes=writes)
        self.is_lost = sound.are_lost
        self._current = CurrentManifest(holdings, sound, work.pool, writes=writes)
        self._left_out: list[Failure] = []
        self._listed = 0

    @property
    def left_out(self) -> list[Failure]:
        """Files that are damaged or missing, and why; complete after `keep` or `describe`."""
        return [*self._current.left_out, *self._left_out]

    def describe(self, name: str) -> Snapshot:
        """Return the snapshot as it would be kept."""
        digest = ManifestDigest()
        for batch in batched(self._current.entries(), _AT_ONCE):
            digest.add_all(batch, entry_lines(batch))
        return Snapshot(
            name, created=self._work.now, left_out=len(self.left_out), **digest.summary()._asdict()
        )

    def keep(self, name: str, kept_by: KeptBy, note: str = "") -> Snapshot:
        """Keep it under a name.

        Raises:
            RepositoryError: no file is sound, or the repository cannot be written to.
        """
        control = self._directory.control
        try:
            self._store.prepare()
            return self._files.write(
                name,
                self._kept_entries(),
                self._settle,
                created=self._work.now,
                run=self._work.report.run,
                kept_by=kept_by.value,
                note=note,
            )
        except OSError as error:
            words = disk_words(error, control)
            raise RepositoryError(control, f"the snapshot cannot be written: {words}") from error

    def _settle(self) -> dict[str, object]:
        """Make the contents durable; return what is known only now."""
        left_out = len(self.left_out)
        if left_out and not self._listed:
            raise RepositoryError(
                self._directory.path,
                "all its files are missing or damaged, so no snapshot was made. Is the right file "
                "system mounted?",
            )
        sync_file_system(self._directory.control)
        return {"left_out": left_out}

    def _kept_entries(self) -> Iterator[Entry]:
        """Store the content of each file, then yield its entry.

        One batch is stored while the entries of the next are made.
        """
        with ThreadPoolExecutor(1) as storing:
            waiting: tuple[Sequence[Entry], Future[dict[str, str]]] | None = None
            for batch in batched(self._current.entries(), _AT_ONCE):
                self._work.check()
                stored = storing.submit(self._store_batch, batch)
                if waiting is not None:
                    yield from self._sound_entries(*waiting)
                waiting = batch, stored
            if waiting is not None:
                yield from self._sound_entries(*waiting)

    def _store_batch(self, batch: Sequence[Entry]) -> dict[str, str]:
        """Store the contents of files; return those that cannot be read, and why."""
        files = [one for one in batch if isinstance(one, ManifestFile)]
        contents = [(one.filename, one.sha256) for one in files]
        contents += [
            (provenance_name(one.filename), one.provenance_sha256)
            for one in files
            if one.provenance_sha256
        ]
        return dict(self._store.keep(self._directory.path, contents))

    def _sound_entries(
        self, batch: Sequence[Entry], stored: Future[dict[str, str]]
    ) -> Iterator[Entry]:
        lost = stored.result()
        self._left_out += [Failure(*one) for one in lost.items()]
        for entry in batch:
            if isinstance(entry, ManifestFile):
                if entry.filename in lost:
                    continue
                self._listed += 1
                if provenance_name(entry.filename) in lost:
                    yield entry._replace(provenance_sha256="")
                    continue
            yield entry


def create_snapshot(
    config: Config,
    name: str = "",
    *,
    note: str = "",
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> SnapshotReport:
    """Keep what the repository has now as a snapshot.

    Args:
        name: of the snapshot; by default the date and the number of the run.
        note: text that says what it is for.
        dry_run: only describe it.
        reporter: receives progress.

    Raises:
        ConfigError: the name is unsuitable or taken.
        Locked: another run holds the repository's lock.
        RepositoryError: the directory does not exist or cannot be written to.
    """
    directory = FlatDirectory(Path(config.repository))
    files = SnapshotFiles(directory.path)
    if name:
        refuse_taken(files, checked_name(name))
    if not directory.exists():
        raise RepositoryError(directory.path, "directory not found; name a repository")
    made: Snapshot | None = None
    with open_session(
        config, "snapshot", reporter or SilentReporter(), read_only=dry_run
    ) as session:
        holdings, work = session.holdings, session.work
        if not holdings.links.files:
            work.report.refused = "this repository is an index without files to keep"
        else:
            present = PresentState(holdings, work, writes=not dry_run)
            name = name or free_name(files, work)
            made = present.describe(name) if dry_run else present.keep(name, KeptBy.PERSON, note)
            work.report.failed += present.left_out
    return work.report.build_as(SnapshotReport, snapshot=made)


def refuse_taken(files: SnapshotFiles, name: str) -> None:
    """Raise ConfigError if a snapshot has the name, or one that differs only in case."""
    taken = files.name_taken(name)
    if taken:
        raise ConfigError(
            f"{taken}: this snapshot exists. Choose another name, or run "
            f"`microrepo snapshot delete {taken}` first."
        )


def free_name(files: SnapshotFiles, work: WorkContext, prefix: str = "") -> str:
    """Return a name made of the date and the number of the run."""
    stem = f"{prefix}{work.now[:10]}-run-{work.report.run}"
    name, number = stem, 1
    while files.name_taken(name):  # the state was lost, and runs are counted again
        number += 1
        name = f"{stem}-{number}"
    return name
