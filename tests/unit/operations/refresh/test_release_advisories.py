"""Advisories on the releases that are kept, asked for as they are needed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.model import (
    Decision,
    Digests,
    File,
    Info,
    NormalizedName,
    Project,
    Vulnerability,
)
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.project_decisions import deciding_by
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.refresh.upstream.release_advisories import advised
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.rules.policy import build_policy
from microrepo.state import ProjectRow, unpack
from microrepo.transfer.tasks import AdvisoriesOutcome

FOO = NormalizedName("foo")
NOW = "2026-06-02T12:00:00.000000Z"
FLAW = Vulnerability("PYSEC-1")
SOURCES = Sources(
    [SourceSettings("json", "https://index.example/simple/")],
    lambda: pytest.fail("one source needs no list"),
)


def record(**more: Any) -> Record:
    """Return a project whose newest of three releases has a flaw."""
    files = tuple(File(f"foo-{n}.zip", "u", str(n), "sdist", Digests("a" * 64)) for n in (3, 2, 1))
    project = Project(FOO, "Foo", files=files, info=Info("3"), vulnerabilities=(FLAW,), **more)
    return Record(project, ProjectRow(FOO, "Foo"), None, None)


def decide(project: Project) -> tuple[Decision, ...]:
    config = Config(versions=1, vulnerabilities="refuse")
    policy = build_policy(config, None)
    return deciding_by(Rules(policy, ""), NOW)(project)


def kept(found: Record) -> list[str]:
    return [one.file.version for one in decide(found.project) if one.keep]


def test_releases_are_asked_about_until_one_is_sound(work: WorkContext, workers: Any) -> None:
    flaws = {"2": (FLAW,), "1": ()}
    workers.answer = lambda task: AdvisoriesOutcome(flaws[task.version])
    (found,) = advised(SOURCES, work, [record()], decide)
    assert [task.version for task in workers.tasks] == ["2", "1"]
    assert (kept(found), found.project.advised_at) == (["1"], NOW)
    assert found.document is not None
    assert unpack(found.document) == found.project


def test_answers_of_the_last_day_are_believed(work: WorkContext, workers: Any) -> None:
    known = {"2": (), "3": (FLAW,)}
    one = record(advisories=known, advised_at="2026-06-02T00:00:00.000000Z")
    assert advised(SOURCES, work, [one], decide) == [one]
    assert (workers.tasks, kept(one)) == ([], ["2"])


def test_older_answers_are_asked_for_again(work: WorkContext, workers: Any) -> None:
    one = record(advisories={"2": (FLAW,)}, advised_at="2026-06-01T00:00:00.000000Z")
    workers.answer = lambda _: AdvisoriesOutcome()
    (found,) = advised(SOURCES, work, [one], decide)
    assert [task.version for task in workers.tasks] == ["2"]
    assert kept(found) == ["2"]


@pytest.mark.parametrize("transient", [False, True])
def test_where_a_source_says_nothing_flaws_of_later_releases_count(
    work: WorkContext, workers: Any, transient: bool
) -> None:
    workers.answer = lambda _: AdvisoriesOutcome(error="HTTP 500", transient=transient)
    (found,) = advised(SOURCES, work, [record()], decide)
    assert kept(found) == []
    assert len(work.report.warnings) == 1
    # What may be answered by the next run is asked for again then.
    assert (found.document is None) is transient


def test_a_sound_release_is_no_question(work: WorkContext, workers: Any) -> None:
    one = record()
    one = msgspec.structs.replace(
        one, project=msgspec.structs.replace(one.project, vulnerabilities=())
    )
    assert advised(SOURCES, work, [one], decide) == [one]
    assert workers.tasks == []
