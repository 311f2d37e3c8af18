"""`microrepo receipt`: what this repository holds, for the next export to it."""

from __future__ import annotations

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles
from microrepo.operations.export.receipt import Receipt, join_digests
from microrepo.operations.run.session import open_session
from microrepo.operations.switch.current_manifest import CurrentManifest
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.reporting import Reporter, SilentReporter
from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.intake.import_records import ImportRecords
from microrepo.standalone.importer.manifest_entries import ManifestFile

_MAX_FAILURES = 1000


def make_receipt(config: Config, reporter: Reporter | None = None) -> Receipt:
    """Return a receipt of the sound files; damaged ones are listed as failures.

    Raises:
        RepositoryError: the repository or the record of its last import cannot be read.
    """
    with open_session(config, "receipt", reporter or SilentReporter(), read_only=True) as session:
        holdings, work = session.holdings, session.work
        directory = holdings.directory
        if not directory.exists():
            raise RepositoryError(directory.path, "directory not found; name a repository")
        directory.refuse_begun_switch()
        try:
            current = ImportRecords(str(directory.path)).current()
        except BundleError as error:
            raise RepositoryError(directory.path, str(error)) from error
        manifest = CurrentManifest(holdings, SoundFiles(holdings), work.pool)
        held = {entry.sha256 for entry in manifest.entries() if isinstance(entry, ManifestFile)}
        failures = [f"{one.what}: {one.why}" for one in manifest.left_out[:_MAX_FAILURES]]
    return Receipt(
        origin=current.origin,
        snapshot=current.snapshot,
        sequence=current.sequence,
        made_at=now(),
        held=join_digests(held),
        failures=tuple(failures),
        advisories=AdvisoryFiles(directory.path).sha256(),
    )
