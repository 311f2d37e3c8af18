"""`microrepo export`: a snapshot, or the changes since one, as a bundle for another network."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.config.sizes import format_size
from microrepo.errors import ConfigError, NoSpace, RepositoryError
from microrepo.operations.export.bundle_content import BundleContent
from microrepo.operations.export.bundle_plan import Slice, plan_volumes, planned_bytes
from microrepo.operations.export.bundle_scan import scan_manifest
from microrepo.operations.export.export_base import (
    FULL,
    ExportBase,
    base_for,
    base_since,
    latest_base,
)
from microrepo.operations.export.sent_manifests import (
    BundleOrigin,
    PackedManifest,
    SentManifests,
    pack_manifest,
)
from microrepo.operations.export.signing import Signer
from microrepo.operations.export.volume_writer import StoredList, VolumeWriter, list_contents
from microrepo.operations.records.report import RunReport
from microrepo.operations.run.session import Session, open_session
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.operations.switch.current_manifest import CurrentManifest
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.reporting import Reporter, SilentReporter
from microrepo.standalone.assemble import IMPORTER, assemble
from microrepo.standalone.importer.bundle_header import BundleHeader
from microrepo.stores.atomic_write import Replacement
from microrepo.stores.disk_errors import disk_words
from microrepo.transfer.file_scan import FileScanner

Write = Callable[[bytes], object]
_UNFINISHED = re.compile(r"\.microrepo-\d+-[0-9a-f]{12}(?:\.\d+-of-\d+)?\.tar\.\d+")


class ExportOptions(Struct, frozen=True, kw_only=True):
    """What to export, and where to.

    Attributes:
        out: a directory for the volumes, or a file for a single one; ignored with `write`.
        write: receives the only volume, for standard output.
        snapshot: snapshot to send; "" for the repository as it is.
        since, receipt, full: what the receiver holds, at most one of them; default: the last
            bundle.
        split_bytes: largest volume.
        key: key to sign with.
        scan: words of a command that sees each new file; refused ones are not sent.
        config_copy: effective settings without secrets, to carry along.
    """

    out: Path = Path()
    write: Write | None = None
    snapshot: str = ""
    since: str = ""
    receipt: Path | None = None
    full: bool = False
    split_bytes: int | None = None
    key: Path | None = None
    config_copy: bytes = b""
    scan: tuple[str, ...] = ()
    dry_run: bool = False


class ExportReport(RunReport, frozen=True, kw_only=True):
    """Result of an export.

    Attributes:
        base: what the receiver is known to hold, for people.
        snapshot: id of the snapshot that the bundle leads to.
        sequence: number of the bundle; 0 if none was written.
        volumes: written files.
        files: sent distributions, with `size_bytes`; `deleted` ones go.
    """

    repository: str
    base: str
    snapshot: str
    sequence: int = 0
    volumes: tuple[str, ...] = ()
    volume_count: int = 0
    files: int = 0
    size_bytes: int = 0
    deleted: int = 0
    is_signed: bool = False
    is_unchanged: bool = False


def export(
    config: Config, options: ExportOptions, reporter: Reporter | None = None
) -> ExportReport:
    """Write a bundle.

    Args:
        config: complete settings.
        reporter: receives progress.

    Raises:
        ConfigError: an option is invalid, or the bundle cannot be signed.
        DigestMismatch: a file is damaged.
        Locked: another run holds the repository's lock.
        NoSpace: the bundle does not fit.
        RepositoryError: the repository cannot be read, or the bundle cannot be written.
    """
    signer = Signer(options.key) if options.key else None
    with open_session(
        config, "export", reporter or SilentReporter(), read_only=options.dry_run, creates=False
    ) as session:
        repository = session.holdings.directory.path
        if not session.holdings.links.files:
            raise RepositoryError(
                repository, "keeps no files of its own (`files`); nothing to send"
            )
        base = _base_of(repository, options)
        manifest = _manifest(session, options)
        extras = {"server.py": assemble().encode(), "import.py": assemble(IMPORTER).encode()}
        if options.config_copy:
            extras["config.json"] = options.config_copy
        content = BundleContent(repository, extras)
        is_empty = not manifest.summary.files and base is FULL
        if is_empty and not session.report.failed:
            raise RepositoryError(repository, "contains no distributions; nothing to send")
        if options.scan:
            scanner = FileScanner(options.scan, str(repository), config.scan_timeout_s)
            scanned = scan_manifest(manifest, base, content, scanner)
            manifest = scanned.manifest
            session.report.failed += scanned.refused
        changes = content.changes(manifest, base)
        volumes = plan_volumes(changes.items, options.split_bytes, len(manifest.content))
        # Without a file that may be sent, the report says why.
        is_empty = not manifest.summary.files and base is FULL
        unchanged = base.snapshot == manifest.summary.snapshot and not changes.files
        sender = SentManifests(repository).sender()
        written: tuple[str, ...] = ()
        if not (options.dry_run or unchanged or is_empty):
            sender = sender.next()
            header = _header(sender, manifest, base, len(volumes))
            bundle = _Bundle(header, manifest, volumes, content, signer, session)
            written = bundle.write(options)
            SentManifests(repository).add(sender, manifest)
    return session.report.build_as(
        ExportReport,
        base=base.label,
        snapshot=manifest.summary.snapshot,
        sequence=sender.sequence if written else 0,
        volumes=written,
        volume_count=len(volumes),
        files=changes.files,
        size_bytes=sum(item.size_bytes for item in changes.items if item.folder == "files"),
        deleted=changes.deleted,
        is_signed=signer is not None,
        is_unchanged=unchanged,
    )


def _base_of(repository: Path, options: ExportOptions) -> ExportBase:
    if options.full:
        return FULL
    if options.receipt is not None:
        return base_for(repository, options.receipt)
    return base_since(repository, options.since) if options.since else latest_base(repository)


def _manifest(session: Session, options: ExportOptions) -> PackedManifest:
    """Return the manifest to send; damaged files are reported and left out."""
    holdings, work = session.holdings, session.work
    if options.snapshot:
        files = SnapshotFiles(holdings.directory.path)
        return pack_manifest(files.entries(files.find(options.snapshot).name))
    current = CurrentManifest(holdings, SoundFiles(holdings, writes=not options.dry_run), work.pool)
    manifest = pack_manifest(current.entries())
    work.report.failed += current.left_out
    return manifest


def _header(
    sender: BundleOrigin, manifest: PackedManifest, base: ExportBase, volumes: int
) -> BundleHeader:
    listed = StoredList(manifest.content).described()
    created = f"{now()[:19]}Z"
    return BundleHeader(
        sender.origin,
        sender.sequence,
        created,
        manifest.summary.snapshot,
        base.snapshot,
        listed,
        listed,  # replaced by the contents of each volume
        1,
        volumes,
    )


class _Bundle(Struct, frozen=True):
    """A bundle that is about to be written."""

    header: BundleHeader
    manifest: PackedManifest
    volumes: Sequence[Sequence[Slice]]
    content: BundleContent
    signer: Signer | None
    session: Session

    def write(self, options: ExportOptions) -> tuple[str, ...]:
        """Write all volumes; return their paths. None is left behind if one fails."""
        self.session.work.reporter.expect_bytes(planned_bytes(self.volumes))
        if options.write is not None:
            self._write_volume(1, options.write)
            return ("-",)
        folder, names = self._places(options)
        self._check_space(folder)
        written: list[Path] = []
        try:
            for number, name in enumerate(names, 1):
                path = folder / name
                with _explained(path), Replacement(path) as replacement:
                    self._write_volume(number, replacement.stream.write)
                    replacement.put_in_place()
                written.append(path)
        except BaseException:
            for path in written:
                with suppress(OSError):
                    path.unlink()
            raise
        return tuple(map(str, written))

    def _places(self, options: ExportOptions) -> tuple[Path, list[str]]:
        """Return the directory and the names of the volumes."""
        is_file = options.out.suffix == ".tar" and not options.out.is_dir()
        if is_file and len(self.volumes) > 1:
            raise ConfigError(f"--split: {options.out} is one file; name a directory for volumes")
        folder = options.out.parent if is_file else options.out
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _delete_unfinished(folder)
        if is_file:
            return folder, [options.out.name]
        numbers = range(1, len(self.volumes) + 1)
        return folder, [self.header._replace(volume=number).name for number in numbers]

    def _check_space(self, folder: Path) -> None:
        needed = planned_bytes(self.volumes) + len(self.manifest.content)
        with _explained(folder):
            free = shutil.disk_usage(folder).free
        if free < needed:
            raise NoSpace(
                f"{folder}: the bundle needs {format_size(needed)}, {format_size(free)} are free"
            )

    def _write_volume(self, number: int, write: Write) -> None:
        volume = self.volumes[number - 1]
        contents = list_contents(volume, self.content.open)
        header = self.header._replace(volume=number, contents=contents.described())
        manifest = StoredList(self.manifest.content) if number == 1 else None
        writer = VolumeWriter(write)
        writer.begin(header, self.signer, manifest, contents)
        for part in writer.add_slices(volume, self.content.open):
            self.session.work.check()
            self.session.work.reporter.add_bytes(part.count_bytes)
        writer.end()


def _delete_unfinished(folder: Path) -> None:
    """Delete volumes that a killed export has left incomplete, under hidden names."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the medium into RepositoryError."""
    try:
        yield
    except OSError as error:
        words = disk_words(error, path)
        if error.errno == errno.EFBIG:
            words += "; the medium holds no files of this size, use --split 4GB"
        raise RepositoryError(path, f"cannot be written: {words}") from error
