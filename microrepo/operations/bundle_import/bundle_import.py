"""Import of a bundle: read and staged as by the program in the bundle, then switched as one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.config.sizes import parse_size
from microrepo.errors import BundleRefused, ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.bundle_import.import_report import ImportReport
from microrepo.operations.run.session import open_session
from microrepo.operations.switch.import_settlement import (
    applied_digests,
    import_name,
    is_deletable,
    placed_files,
    recorded_digests,
)
from microrepo.operations.switch.manifest_switch import ManifestSwitch
from microrepo.operations.switch.switch_plan import SwitchKind, SwitchPlan
from microrepo.operations.switch.switch_target import SwitchTarget, plan_switch
from microrepo.reporting import Reporter, SilentReporter
from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.import_run import (
    selected_now,
    signature_check,
    staging_for_dry_run,
)
from microrepo.standalone.importer.import_texts import bundle_title, refusal_text
from microrepo.standalone.importer.intake.advisory_members import bundle_advisories
from microrepo.standalone.importer.intake.bundle_groups import (
    BundleGroup,
    group_volumes,
    pending_groups,
)
from microrepo.standalone.importer.intake.content_survey import ContentSurvey
from microrepo.standalone.importer.intake.import_decision import (
    CurrentImport,
    ImportVerdict,
    Permissions,
)
from microrepo.standalone.importer.intake.import_records import (
    ImportRecords,
    import_facts,
    read_entries,
)
from microrepo.standalone.importer.intake.receiving import BundleReceiver, Received
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.intake.staging import Staging
from microrepo.standalone.importer.sbom_place import sbom_moves
from microrepo.standalone.importer.switch.attested_files import trusted_root_moves
from microrepo.standalone.importer.switch.import_journal import STATE_KEY, state_value
from microrepo.standalone.importer.volumes.volume_sources import find_volumes
from microrepo.state import Owner


class ImportRequest(Struct, frozen=True):
    """What to import.

    Attributes:
        inputs: volumes, directories with volumes, `-` for the standard input.
        select: requirements of the part to import; empty for what was selected before.
        allow_unsigned: accept a bundle without a signature although signers are configured.
        rollback: accept a bundle older than the present one.
        new_origin: accept a bundle of another repository than those before.
    """

    inputs: tuple[str, ...]
    select: tuple[str, ...] = ()
    allow_unsigned: bool = False
    rollback: bool = False
    new_origin: bool = False


def import_bundle(
    config: Config,
    request: ImportRequest,
    *,
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> ImportReport:
    """Give the repository the state that bundles lead to, one after another.

    An import that was interrupted, or lacked volumes, continues where it ended.

    Args:
        config: complete settings.
        dry_run: verify the bundle and only plan.
        reporter: receives progress.

    Returns:
        The report on the last bundle, with notes on those before.

    Raises:
        BundleRefused: the bundle is malformed, or its signature is not accepted.
        ConfigError: a requirement is malformed.
        Locked, RepositoryError: the repository is in use, or cannot be written to.
    """
    try:
        ReleaseSelection(request.select)
    except ValueError as error:
        raise ConfigError(f"--select {error}") from error
    groups = _pending(config.repository, request)
    notes: list[str] = []
    if dry_run and len(groups) > 1:
        notes.append("only the first bundle is planned; the later ones start from it")
        del groups[1:]
    for group in groups:
        report = _import_one(config, request, group, dry_run=dry_run, reporter=reporter)
        notes += report.notes
        if report.exit_code != ExitCode.DONE:
            break
        notes += [f"applied {report.bundle}"] if group != groups[-1] else []
    return msgspec.structs.replace(report, notes=tuple(notes))


def _pending(repository: str, request: ImportRequest) -> list[BundleGroup]:
    try:
        groups = group_volumes(find_volumes(request.inputs))
        current = ImportRecords(repository).current()
        return pending_groups(groups, current, rollback=request.rollback)
    except BundleError as error:
        raise BundleRefused(str(error)) from error


def _import_one(
    config: Config,
    request: ImportRequest,
    group: BundleGroup,
    *,
    dry_run: bool,
    reporter: Reporter | None,
) -> ImportReport:
    with (
        open_session(config, "import", reporter or SilentReporter(), read_only=dry_run) as session,
        _staging(config.repository, dry_run=dry_run) as staging,
    ):
        running = _Import(config, request, session.holdings, session.work, staging)
        with _refusals(running.records, dry_run=dry_run) as log:
            report = running.carry_out(group, dry_run=dry_run)
            log.update(bundle=report.bundle, signer=report.signer)
            if report.refused:
                log["refused"] = report.verdict
            else:
                log.update(placed=len(report.placed), deleted=len(report.leaving))
    return report


class _Import:
    """A running import."""

    def __init__(
        self,
        config: Config,
        request: ImportRequest,
        holdings: Holdings,
        work: WorkContext,
        staging: Staging,
    ) -> None:
        self._config = config
        self._request = request
        self._holdings = holdings
        self._work = work
        self._staging = staging
        repository = config.repository
        self.records = ImportRecords(repository)
        self._current = self.records.current()
        self._select = selected_now(request.select, self._current)
        self._survey = ContentSurvey(repository, lambda: recorded_digests(holdings.state))
        check = signature_check(
            repository, config.allowed_signers or "", allow_unsigned=request.allow_unsigned
        )
        self._receiver = BundleReceiver(
            staging,
            self._survey,
            check,
            ReleaseSelection(self._select),
            keep_free_bytes=parse_size(config.min_free_space, "$.min_free_space"),
        )

    def carry_out(self, group: BundleGroup, *, dry_run: bool) -> ImportReport:
        """Read the bundle, then switch the repository to it.

        Raises:
            BundleError: it is refused.
        """
        permissions = Permissions(self._request.rollback, self._request.new_origin)
        received = self._receiver.receive(group.sources, self._current, permissions)
        report = self._work.report
        report.notes.append(f"{bundle_title(received.header)}: {received.remark}")
        if received.verdict is not ImportVerdict.APPLY:
            return self._refused(received, self._current)
        facts = import_facts(
            received.header,
            self._current,
            imported_at=f"{now()[:19]}Z",
            signer=received.signer,
            select=self._select,
        )
        moves: tuple[tuple[str, str], ...] = ()
        bundle = self._receiver.bundle
        if not dry_run:
            advisories = bundle_advisories(self._staging, received.extras)
            report.notes += [advisories.remark] if advisories.remark else []
            records = self.records.stage(self._staging.path("records"), bundle.whole_path, facts)
            roots = trusted_root_moves(self._staging, received.extras)
            sbom = sbom_moves(self._staging, received.extras, received.header.snapshot)
            moves = (*advisories.moves, *roots, *sbom, *records)
        target = SwitchTarget(
            SwitchKind.IMPORT,
            import_name(facts),
            lambda: read_entries(bundle.target_path),
            self._content,
            is_deletable(self._holdings, applied_digests(self.records)),
            owner=Owner.PERSON,
            meta={STATE_KEY: state_value(facts)},
            moves=moves,
        )
        if dry_run:
            plan = plan_switch(self._holdings, self._work, target, writes=False)
        else:
            plan = ManifestSwitch(self._config, self._holdings, self._work).apply(target)
            if not report.refused:
                self._staging.clear()
        return self._report(received, plan)

    def _content(self, sha256: str) -> Iterator[Path]:
        yield Path(self._staging.object_path(sha256))
        yield Path(self._survey.object_path(sha256))
        target_path = self._receiver.bundle.target_path
        yield from placed_files(self._holdings.directory, read_entries(target_path), sha256)

    def _refused(self, received: Received, current: CurrentImport) -> ImportReport:
        report = self._work.report
        text = refusal_text(received, current)
        if received.verdict is ImportVerdict.INCOMPLETE:
            report.missing += [
                f"volume {number} of {received.header.volumes}"
                for number in received.missing_volumes
            ] or ["sound volumes"]
            return self._report(received, None, text)
        report.refused = text
        return self._report(received, None, text)

    def _report(
        self, received: Received, plan: SwitchPlan | None, refused: str = ""
    ) -> ImportReport:
        header = received.header
        return self._work.report.build_as(
            ImportReport,
            bundle=header.name,
            origin=header.origin,
            sequence=header.sequence,
            snapshot=header.snapshot,
            base=header.base,
            created=header.created,
            signer=received.signer,
            verdict=received.verdict.value,
            placed=plan.placed if plan else (),
            leaving=plan.leaving if plan else (),
            projects=len(plan.projects) if plan else 0,
            missing_volumes=received.missing_volumes,
            damage=received.damage,
            lacking=received.lacking,
            refused=refused or self._work.report.refused,
        )


@contextmanager
def _staging(repository: str, *, dry_run: bool) -> Iterator[Staging]:
    if not dry_run:
        yield Staging(str(Path(repository, CONTROL_FOLDER, "staging")))
        return
    with tempfile.TemporaryDirectory(prefix="microrepo-") as folder:
        yield staging_for_dry_run(repository, folder)


@contextmanager
def _refusals(records: ImportRecords, *, dry_run: bool) -> Iterator[dict[str, object]]:
    """Append a line about the import to the log; raise BundleRefused if it is refused."""
    facts: dict[str, object] = {"at": f"{now()[:19]}Z"}
    try:
        yield facts
    except BundleError as error:
        facts["refused"] = str(error)
        raise BundleRefused(str(error)) from error
    finally:
        if not dry_run:
            records.log(facts)
