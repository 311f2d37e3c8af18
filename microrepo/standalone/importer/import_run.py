"""Run of an import without microrepo: lock, completion of a killed run, reading, switch."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.import_texts import (
    applied_text,
    bundle_title,
    plan_lines,
    refusal_text,
)
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
from microrepo.standalone.importer.intake.import_records import ImportRecords, import_facts
from microrepo.standalone.importer.intake.receiving import BundleReceiver, Received
from microrepo.standalone.importer.intake.release_selection import EVERYTHING, ReleaseSelection
from microrepo.standalone.importer.intake.staging import Staging
from microrepo.standalone.importer.pages.tree_files import replace_content
from microrepo.standalone.importer.sbom_place import sbom_moves
from microrepo.standalone.importer.switch.attested_files import trusted_root_moves
from microrepo.standalone.importer.switch.import_journal import ImportJournal
from microrepo.standalone.importer.switch.import_switch import ImportSwitch
from microrepo.standalone.importer.switch.repository_lock import hold_repository
from microrepo.standalone.importer.volumes.signatures import SignatureCheck
from microrepo.standalone.importer.volumes.volume_sources import VolumeSource, find_volumes
from microrepo.standalone.server.disk.freshness import (
    FRESHNESS_FILE,
    MAX_FRESHNESS_BYTES,
    freshness_content,
    parse_freshness,
)
from microrepo.standalone.server.labels import counted

DONE, FAILED, USAGE_ERROR, INCOMPLETE, LOCKED = 0, 1, 2, 3, 4
_SERVER = "server.py"


class ImportOptions(NamedTuple):
    """What the user asks for; ``select`` is empty for what was selected before."""

    repository: str
    inputs: tuple[str, ...]
    dry_run: bool = False
    select: tuple[str, ...] = ()
    allowed_signers: str = ""
    allow_unsigned: bool = False
    permissions: Permissions = Permissions()


def run_import(options: ImportOptions, say: Callable[[str], None]) -> int:
    """Import a bundle; return the exit code.

    Args:
        say: shows a line to the user.

    Raises:
        BundleError: the bundle is refused.
        OSError: the repository cannot be written to.
        RepositoryLocked: another run holds the lock.
    """
    sources = find_volumes(options.inputs)
    if options.dry_run:
        if os.path.lexists(ImportJournal(options.repository).path):
            say(
                "the plan is of a state between two: a restore or an import was killed before its end"
            )
        with tempfile.TemporaryDirectory(prefix="microrepo-") as folder:
            staging = staging_for_dry_run(options.repository, folder)
            first, *rest = _pending(options, sources)
            if rest:
                say(f"{counted(len(rest), 'later bundle')} can only be planned when it is applied")
            return _import(options, first, staging, say)
    with hold_repository(options.repository):
        staging = Staging(os.path.join(options.repository, CONTROL_FOLDER, "staging"))
        _complete_killed(options.repository, staging, say)
        code = DONE
        for group in _pending(options, sources):
            code = _import(options, group, staging, say)
            if code != DONE:
                break
        return code


def staging_for_dry_run(repository: str, folder: str) -> Staging:
    """Return a staging that only verifies, with what earlier runs have read."""
    earlier = os.path.join(repository, CONTROL_FOLDER, "staging")
    if os.path.isdir(os.path.join(earlier, "bundle")):
        shutil.copytree(os.path.join(earlier, "bundle"), os.path.join(folder, "bundle"))
    return Staging(folder, earlier)


def signature_check(
    repository: str, allowed_signers: str, *, allow_unsigned: bool
) -> SignatureCheck:
    """Return how signatures are checked: by the named file, else by that of the repository."""
    own = os.path.join(repository, CONTROL_FOLDER, "allowed_signers")
    found = allowed_signers or (own if os.path.exists(own) else "")
    was_verified = bool(ImportRecords(repository).facts().get("signer"))
    return SignatureCheck(found, allow_unsigned=allow_unsigned, was_verified=was_verified)


def selected_now(options: Sequence[str], current: CurrentImport) -> tuple[str, ...]:
    """Return the requirements that count: those asked for, else those of the last import."""
    if not options:
        return current.select
    return tuple(text for text in options if text != EVERYTHING)


def _complete_killed(repository: str, staging: Staging, say: Callable[[str], None]) -> None:
    records = ImportRecords(repository)
    survey = ContentSurvey(repository, records.verified)
    completed = ImportSwitch(survey, staging, records).roll_forward()
    if completed:
        say(f"completed the import of {completed}, which a killed run had begun")


def _pending(options: ImportOptions, sources: Sequence[VolumeSource]) -> list[BundleGroup]:
    current = ImportRecords(options.repository).current()
    rollback = options.permissions.rollback
    return pending_groups(group_volumes(sources), current, rollback=rollback)


def _import(
    options: ImportOptions, group: BundleGroup, staging: Staging, say: Callable[[str], None]
) -> int:
    records = ImportRecords(options.repository)
    survey = ContentSurvey(options.repository, records.verified)
    switch = ImportSwitch(survey, staging, records)
    current = records.current()
    select = selected_now(options.select, current)
    check = signature_check(
        options.repository, options.allowed_signers, allow_unsigned=options.allow_unsigned
    )
    receiver = BundleReceiver(staging, survey, check, ReleaseSelection(select))
    with _logged(records, dry_run=options.dry_run) as log:
        received = receiver.receive(group.sources, current, options.permissions)
        say(f"{bundle_title(received.header)}: {received.remark}")
        log.update(bundle=received.header.name, signer=received.signer)
        if received.verdict is not ImportVerdict.APPLY:
            say(refusal_text(received, current))
            log["refused"] = received.verdict.value
            return INCOMPLETE if received.verdict is ImportVerdict.INCOMPLETE else FAILED
        plan = switch.plan(receiver.bundle.target_path)
        if options.dry_run:
            for line in plan_lines(plan, received.header):
                say(line)
            return DONE
        facts = import_facts(
            received.header,
            current,
            imported_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            signer=received.signer,
            select=select,
        )
        server = _server(staging, received)
        advisories = bundle_advisories(staging, received.extras)
        bundle = receiver.bundle
        moves = (
            *advisories.moves,
            *trusted_root_moves(staging, received.extras),
            *sbom_moves(staging, received.extras, received.header.snapshot),
        )
        switch.apply(plan, bundle.target_path, bundle.whole_path, facts, moves)
        log.update(placed=len(plan.placed), deleted=len(plan.leaving))
    _put_server(options.repository, server)
    _renew_freshness(options.repository)
    for name in switch.files.set_aside:
        say(f"{name}: another content had this name; it is in {CONTROL_FOLDER}/quarantine")
    for name in plan.kept:
        say(f"{name}: the bundle deletes it, but it was replaced here; it is kept")
    if advisories.remark:
        say(f"{bundle_title(received.header)}: {advisories.remark}")
    say(applied_text(plan, received.header))
    return DONE


@contextmanager
def _logged(records: ImportRecords, *, dry_run: bool) -> Iterator[dict[str, Any]]:
    """Append a line about the import to the log, however it ends."""
    facts: dict[str, Any] = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    try:
        yield facts
    except BundleError as error:
        facts["refused"] = str(error)
        raise
    finally:
        if not dry_run:
            records.log(facts)


def _server(staging: Staging, received: Received) -> bytes:
    """Return the bundle's server, b"" without one."""
    digest = received.extras.get(_SERVER)
    if not digest or not os.path.exists(staging.object_path(digest)):
        return b""
    with open(staging.object_path(digest), "rb") as stream:
        return stream.read()


def _renew_freshness(repository: str) -> None:
    """Record the time of the import, if the age of the repository has a limit."""
    path = os.path.join(repository, CONTROL_FOLDER, FRESHNESS_FILE)
    with contextlib.suppress(OSError):
        with open(path, "rb") as stream:
            found = parse_freshness(stream.read(MAX_FRESHNESS_BYTES))
        if found is not None:
            replace_content(path, freshness_content(found._replace(updated_s=time.time())))


def _put_server(repository: str, content: bytes) -> None:
    path = os.path.join(repository, _SERVER)
    if not content or (os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode)):
        return
    try:
        with open(path, "rb") as stream:
            if stream.read() == content:
                return
    except FileNotFoundError:
        pass
    replace_content(path, content, 0o777)
