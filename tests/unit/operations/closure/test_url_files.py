"""Files behind direct URLs: what is asked, what is kept, and what decisions are made on them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import Cause, Decision, Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.closure.url_files import (
    UrlLearner,
    chosen_files,
    needed_before,
    with_files,
)
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.resolver.facts import Facts, UrlFile
from microrepo.selection.resolver.resolution_records import Pin, Resolution
from microrepo.selection.rules.policy import build_policy
from microrepo.state import FileRow, ProjectRow, Requirer, pack
from microrepo.transfer.download.remote_metadata import pack_metadata
from microrepo.transfer.tasks import MetadataOutcome
from tests.support.closure_world import goal
from tests.unit.operations.conftest import NOW

FOO = NormalizedName("foo")
NAME = "foo-1.0-py3-none-any.whl"
DIGEST = "a" * 64
PLAIN = f"https://f.example/{NAME}"
URL = f"{PLAIN}#sha256={DIGEST}"
FILE = File(NAME, PLAIN, "1.0", "bdist_wheel", Digests(DIGEST))


def rules_of(config: Config, **changes: Any) -> Rules:
    policy = build_policy(msgspec.structs.replace(config, **changes), None)
    return Rules(policy, policy.fingerprint())


def answer(task: Any) -> MetadataOutcome:
    packed = pack_metadata(CoreMetadata("foo", "1.0", requires_python=">=3.8"))
    return MetadataOutcome(task.filename, packed, fetched_bytes=5)


def learn(
    config: Config, holdings: Holdings, work: WorkContext, *urls: str, **changes: Any
) -> dict[str, UrlFile | str]:
    learner = UrlLearner(holdings, work, rules_of(config, **changes))
    found = learner.collect(learner.ask(urls))
    assert not learner.failed
    return found


def test_metadata_is_asked_for_once(
    config: Config, holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    workers.answer = answer
    for _ in range(2):
        found = learn(config, holdings, work, URL)[URL]
        assert isinstance(found, UrlFile)
        assert (found.file.requires_python, found.file.digests) == (">=3.8", Digests(DIGEST))
    assert [(task.url, task.here) for task in workers.tasks] == [(PLAIN, False)]
    assert work.report.metadata == 1


def test_a_dry_run_keeps_no_metadata(
    config: Config, holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    workers.answer = answer
    work.report.dry_run = True
    learn(config, holdings, work, URL)
    assert holdings.state.metadata([NAME]) == {}


@pytest.mark.parametrize(
    ("url", "changes", "word"),
    [
        (PLAIN, {}, "digest"),
        (URL, {"exclude": ["foo"]}, "excluded"),
        (URL, {"package_types": ["sdist"]}, "package type"),
        ("ftp://f.example/foo-1.0.tar.gz", {}, "http"),
    ],
)
def test_files_that_the_rules_leave_out(
    config: Config, holdings: Holdings, work: WorkContext, workers: Any,
    url: str, changes: dict[str, Any], word: str,
) -> None:  # fmt: skip
    found = learn(config, holdings, work, url, **changes)[url]
    assert isinstance(found, str)
    assert word in found
    assert workers.tasks == []


def test_metadata_of_another_release_is_not_believed(
    config: Config, holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    packed = pack_metadata(CoreMetadata("foo", "2.0"))
    workers.answer = lambda task: MetadataOutcome(task.filename, packed)
    assert "2.0" in str(learn(config, holdings, work, URL)[URL])


@pytest.mark.parametrize("transient", [False, True])
def test_a_file_that_cannot_be_had(
    config: Config, holdings: Holdings, work: WorkContext, workers: Any, transient: bool
) -> None:
    workers.answer = lambda task: MetadataOutcome(
        task.filename, error="HTTP 503", transient=transient
    )
    learner = UrlLearner(holdings, work, rules_of(config))
    assert learner.collect(learner.ask([URL])) == {URL: "HTTP 503"}
    assert learner.failed is transient
    assert work.report.warnings == [f"{URL}: HTTP 503"]


def test_a_file_that_is_here_is_read_here(
    config: Config, holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    workers.answer = answer
    holdings.directory.file(NAME).write_bytes(b"four")
    disk = holdings.directory.stat(NAME)
    assert disk is not None
    row = FileRow(NAME, FOO, "1.0", PLAIN, 4, Digests(DIGEST), True, disk.mtime_ns)
    with holdings.state.transaction():
        holdings.state.save_files([row])
    learn(config, holdings, work, URL)
    assert workers.tasks[0].here


# --- decisions ---------------------------------------------------------------------------------------


def resolution(*files: File) -> Resolution:
    pin = Pin(FOO, "1.0", (), files, NAME, False, False, (), url=PLAIN)
    return Resolution(goal("foo", [f"foo @ {URL}"]), "linux", (pin,))


def test_only_files_behind_urls_are_chosen_by_them() -> None:
    listed = msgspec.structs.replace(FILE, url="https://index.example/foo")
    facts = Facts(urls={URL: UrlFile(FILE, CoreMetadata("foo", "1.0")), "https://x.example/": "no"})
    assert chosen_files(facts, [resolution(FILE)]) == {FOO: {NAME: FILE}}
    assert chosen_files(facts, [resolution(listed)]) == {}


def test_what_goals_needed_before_is_known_from_the_state(holdings: Holdings) -> None:
    row = FileRow(NAME, FOO, "1.0", PLAIN, 4, Digests(DIGEST), True)
    with holdings.state.transaction():
        holdings.state.save_files([row])
    by_url = Requirer(NAME, "linux", f"foo @ {URL}", "", "foo")
    by_name = msgspec.structs.replace(by_url, requirement="foo")
    found = needed_before(holdings.state, [by_url])
    assert found == {FOO: {NAME: msgspec.structs.replace(FILE, size=4)}}
    assert needed_before(holdings.state, [by_name]) == {}


def decide(config: Config, holdings: Holdings, *looked: Looked, **more: Any) -> list[Looked]:
    reasons = {NAME: "foo @ URL"}
    found = (resolution(FILE),)
    return with_files(
        looked, {FOO: {NAME: FILE}}, reasons, found, holdings.state, rules_of(config), NOW
    )


def looked(listed: File) -> Looked:
    project = Project(FOO, "Foo", files=(listed,))
    decisions = (Decision(listed, True, Cause.SELECTED),)
    return Looked(Record(project, ProjectRow(FOO, "Foo"), None, None), decisions)


def test_a_file_that_the_source_does_not_list_is_added(config: Config, holdings: Holdings) -> None:
    other = msgspec.structs.replace(FILE, filename="foo-0.9-py3-none-any.whl")
    (found,) = decide(config, holdings, looked(other))
    assert [(one.file, one.keep, one.cause) for one in found.decisions] == [
        (other, True, Cause.SELECTED),
        (FILE, True, Cause.REQUIRED),
    ]


@pytest.mark.parametrize(("digest", "urls"), [(DIGEST, ["i"]), ("b" * 64, [PLAIN])])
def test_a_file_that_the_source_lists_too(
    config: Config, holdings: Holdings, digest: str, urls: list[str]
) -> None:
    listed = msgspec.structs.replace(FILE, url="i", digests=Digests(digest))
    (found,) = decide(config, holdings, looked(listed))
    assert [one.file.url for one in found.decisions] == urls


@pytest.mark.parametrize("known", [False, True])
def test_a_project_that_no_source_was_asked_for(
    config: Config, holdings: Holdings, known: bool
) -> None:
    if known:
        with holdings.state.transaction():
            holdings.state.save_projects([ProjectRow(FOO, "Known", serial=7)])
            holdings.state.save_documents([(FOO, pack(Project(FOO, "Known")))])
    (found,) = decide(config, holdings)
    assert [one.detail for one in found.decisions] == ["foo @ URL"]
    assert found.record.row.policy == rules_of(config).fingerprint(FOO)
    if known:
        assert (found.record.row.serial, found.record.document) == (7, None)
    else:
        assert (found.record.row.checked_at, found.project.display_name) == (NOW, "foo")
        assert found.record.document == pack(found.project)
