"""`microrepo export`: a snapshot, or the changes since one, as a bundle for another network."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.formats.sbom.cyclonedx import render_cyclonedx
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles
from microrepo.operations.export.bundle_content import BundleContent
from microrepo.operations.export.bundle_plan import plan_volumes
from microrepo.operations.export.bundle_scan import scan_manifest
from microrepo.operations.export.export_base import (
    FULL,
    ExportBase,
    base_for,
    base_since,
    latest_base,
)
from microrepo.operations.export.planned_bundle import PlannedBundle, Write
from microrepo.operations.export.sent_manifests import (
    BundleOrigin,
    PackedManifest,
    SentManifests,
    pack_manifest,
)
from microrepo.operations.export.signing import Signer
from microrepo.operations.export.volume_writer import StoredList
from microrepo.operations.records.report import RunReport
from microrepo.operations.run.session import Session, open_session
from microrepo.operations.sbom.sbom_creation import make_bill
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.operations.switch.current_manifest import CurrentManifest
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.reporting import Reporter, SilentReporter
from microrepo.standalone.assemble import IMPORTER, assemble
from microrepo.standalone.importer.bundle_header import (
    ADVISORY_MEMBERS,
    SBOM_MEMBER,
    TRUSTED_ROOT_MEMBER,
    BundleHeader,
)
from microrepo.transfer.file_scan import FileScanner


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
        sbom: carry a bill of materials along.
        trusted_root: file with the keys that verify attestations, to carry along.
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
    trusted_root: Path | None = None
    scan: tuple[str, ...] = ()
    sbom: bool = False
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
        advisories = AdvisoryFiles(repository).sha256()
        extras = _extras(config, options, with_advisories=advisories != base.advisories)
        content = BundleContent(repository, extras)
        if _is_empty(manifest, base) and not session.report.failed:
            raise RepositoryError(repository, "contains no distributions; nothing to send")
        if options.scan:
            scanner = FileScanner(options.scan, str(repository), config.scan_timeout_s)
            scanned = scan_manifest(manifest, base, content, scanner)
            manifest = scanned.manifest
            session.report.failed += scanned.refused
        changes = content.changes(manifest, base)
        volumes = plan_volumes(changes.items, options.split_bytes, len(manifest.content))
        is_same = base.snapshot == manifest.summary.snapshot and not changes.files
        unchanged = is_same and advisories in {"", base.advisories}
        sender = SentManifests(repository).sender()
        written: tuple[str, ...] = ()
        # Without a file that may be sent, the report says why.
        if not (options.dry_run or unchanged or _is_empty(manifest, base)):
            sender = sender.next(advisories or base.advisories)
            header = _header(sender, manifest, base, len(volumes))
            bundle = PlannedBundle(header, manifest, volumes, content, signer, session.work)
            written = bundle.stream(options.write) if options.write else bundle.store(options.out)
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


def _is_empty(manifest: PackedManifest, base: ExportBase) -> bool:
    return not manifest.summary.files and base is FULL


def _extras(
    config: Config, options: ExportOptions, *, with_advisories: bool
) -> dict[str, bytes | Path]:
    """Return the members of the bundle that are no files of the repository."""
    extras: dict[str, bytes | Path] = {
        "server.py": assemble().encode(),
        "import.py": assemble(IMPORTER).encode(),
    }
    if options.config_copy:
        extras["config.json"] = options.config_copy
    if options.sbom:
        bill = make_bill(config, snapshot=options.snapshot)
        extras[SBOM_MEMBER] = render_cyclonedx(bill).encode()
    if options.trusted_root:
        extras[TRUSTED_ROOT_MEMBER] = options.trusted_root
    kept = AdvisoryFiles(Path(config.repository))
    if with_advisories and kept.exist():
        contents = (kept.archive, kept.index_content(), kept.origin_content())
        extras.update(zip(ADVISORY_MEMBERS, contents, strict=True))
    return extras


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
