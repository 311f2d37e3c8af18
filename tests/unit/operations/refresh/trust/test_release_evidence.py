"""Provenance of the files that would be kept, read as it is needed."""

from __future__ import annotations

from typing import Any

from microrepo.config.schema import Config
from microrepo.model import (
    Decision,
    Digests,
    Evidence,
    File,
    NormalizedName,
    Project,
    TrustedPublisher,
)
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.project_decisions import deciding_by
from microrepo.operations.refresh.trust.release_evidence import with_evidence
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.rules.policy import build_policy
from microrepo.selection.trust.downgrades import TrustRules
from microrepo.state import ProjectRow, unpack
from microrepo.transfer.tasks import FetchProvenance, ProvenanceOutcome

FOO = NormalizedName("foo")
RULES = TrustRules(no_downgrade=True)
NOW = "2026-06-02T12:00:00.000000Z"
ACME = Evidence("d" * 64, (TrustedPublisher("GitHub", "acme/foo"),))
EVIL = Evidence("e" * 64, (TrustedPublisher("GitHub", "evil/foo"),))


def file_of(version: int, evidence: Evidence | None = None, *, attested: bool = True) -> File:
    return File(
        f"foo-{version}.zip", "u", str(version), "sdist", Digests("a" * 64),
        upload_time=f"2026-01-0{version}T00:00:00.000000Z",
        provenance=f"https://i.example/{version}" if attested else None, evidence=evidence,
    )  # fmt: skip


def record(*files: File) -> Record:
    return Record(Project(FOO, "Foo", files=files), ProjectRow(FOO, "Foo"), None, None)


def decide(project: Project) -> tuple[Decision, ...]:
    policy = build_policy(Config(versions=1, trust_policy="no-downgrade"), None)
    return deciding_by(Rules(policy, ""), NOW)(project)


def kept(found: Record) -> list[str]:
    return [one.file.version for one in decide(found.project) if one.keep]


def test_files_are_read_until_one_is_accepted(work: WorkContext, workers: Any) -> None:
    told = {"foo-3.zip": EVIL, "foo-2.zip": ACME}
    workers.answer = lambda task: ProvenanceOutcome(task.filename, told[task.filename], "", 5)
    (found,) = with_evidence(
        work, [record(file_of(3), file_of(2), file_of(1, ACME))], decide, RULES
    )
    assert workers.tasks == [
        FetchProvenance(f"foo-{n}.zip", f"https://i.example/{n}", "a" * 64) for n in (3, 2)
    ]
    assert kept(found) == ["2"]
    assert unpack(found.document or b"") == found.project
    assert work.report.received_bytes == 10


def test_nothing_is_asked_about_files_that_are_known_or_not_attested(
    work: WorkContext, workers: Any
) -> None:
    records = [record(file_of(2, ACME), file_of(1, ACME)), record(file_of(1, attested=False))]
    assert with_evidence(work, records, decide, RULES) == records
    assert workers.tasks == []


def test_a_file_that_cannot_be_read_is_asked_about_once(work: WorkContext, workers: Any) -> None:
    workers.answer = lambda task: ProvenanceOutcome(task.filename, error="answers HTTP 500")
    (found,) = with_evidence(work, [record(file_of(2), file_of(1, ACME))], decide, RULES)
    assert len(workers.tasks) == 1
    assert kept(found) == ["1"]
    assert found.project.files[0].evidence == Evidence(problem="answers HTTP 500")
