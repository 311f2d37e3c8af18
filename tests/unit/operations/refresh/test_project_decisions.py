"""What is counted and reported of the decisions on projects."""

from __future__ import annotations

import pytest

from microrepo.config.schema import Config
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure
from microrepo.operations.refresh.project_decisions import Looked, deciding_by, look
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.rules.policy import build_policy
from microrepo.state import ProjectRow

FOO = NormalizedName("foo")


def looked(work: WorkContext, *names: str, requested: bool = True, goals: bool = False) -> Looked:
    files = tuple(
        File(name, "u", name[4], "bdist_wheel" if name.endswith(".whl") else "sdist",
             Digests("a" * 64))
        for name in names
    )  # fmt: skip
    record = Record(Project(FOO, "Foo", files=files), ProjectRow(FOO, "Foo"), None, None)
    wanted = [parse_requirement("foo")] if requested else None
    policy = build_policy(Config(package_types=["bdist_wheel"]), wanted)
    rules = Rules(policy, "")
    decide = deciding_by(rules, work.now)
    (found,) = look(work.report, rules, [record], decide, goals_are_reported=goals)
    return found


def test_skipped_files_are_counted_by_rule(work: WorkContext) -> None:
    found = looked(work, "foo-1-py3-none-any.whl", "foo-1.zip", "foo-2.zip")
    assert [item.file.filename for item in found.wanted()] == ["foo-1-py3-none-any.whl"]
    assert work.report.rejected == {"package type": 2}
    assert (work.report.failed, work.report.without_files) == ([], 0)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ((), "the source lists no files"),
        (("foo-1.zip",), "no file kept (1 by package type); see `microrepo explain`"),
    ],
)
def test_a_requested_project_without_a_file_is_a_failure(
    work: WorkContext, names: tuple[str, ...], why: str
) -> None:
    looked(work, *names)
    assert (work.report.failed, work.report.without_files) == ([Failure("foo", why)], 1)


def test_a_goal_is_reported_as_such(work: WorkContext) -> None:
    looked(work, "foo-1.zip", goals=True)
    assert (work.report.failed, work.report.emptied) == ([], {"foo": "1 by package type"})


def test_of_a_whole_index_an_empty_project_is_nothing_special(work: WorkContext) -> None:
    looked(work, "foo-1.zip", requested=False)
    assert (work.report.failed, work.report.without_files) == ([], 1)
