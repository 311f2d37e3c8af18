"""Facts for a closure: each thing asked once, in one batch, and what cannot be had is no fact."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.closure.closure_records import ClosureReader, RecordSources
from microrepo.operations.closure.earlier_resolution import record_digest
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.resolver.facts import MetadataNeed, Needs
from microrepo.selection.rules.policy import build_policy
from microrepo.state import pack
from microrepo.transfer.tasks import FetchMetadata, FetchProject, ProjectOutcome
from tests.support.packages import build_wheel
from tests.support.upstream import NAME, Upstream

FOO, BAR = NormalizedName("foo"), NormalizedName("bar")
WHEEL = build_wheel("foo", "1.0", requires_dist=["bar"])


@pytest.fixture
def origins(config: Config, holdings: Holdings, work: WorkContext) -> RecordSources:
    policy = build_policy(config, None)
    source = SourceSettings("json", f"https://{NAME}/", name=NAME)
    sources = Sources([source], lambda: pytest.fail("one source needs no list"))
    return RecordSources(holdings, sources, work, Rules(policy, policy.fingerprint()))


def learn(reader: ClosureReader, *names: str, metadata: str = "", url: str = "") -> None:
    needs = Needs(
        frozenset(map(NormalizedName, names)),
        frozenset({MetadataNeed(FOO, metadata)} if metadata else ()),
        frozenset({url} if url else ()),
    )
    reader.learn(needs)


def test_records_and_metadata_become_facts(
    origins: RecordSources, upstream: Upstream, workers: Any
) -> None:
    upstream.add(WHEEL)
    reader = ClosureReader(origins)
    learn(reader, "foo", "bar")
    learn(reader, metadata=WHEEL.filename)
    found = reader.facts.projects[FOO]
    assert found is not None
    assert [file.filename for file in found.files] == [WHEEL.filename]
    assert reader.facts.projects[BAR] is None
    metadata = reader.facts.metadata[WHEEL.filename]
    assert isinstance(metadata, CoreMetadata)
    assert metadata.requires_dist == ("bar",)
    assert (reader.gone, reader.failed, set(reader.records)) == ([BAR], False, {"foo"})
    assert [type(task) for task in workers.tasks] == [FetchProject, FetchProject, FetchMetadata]


def test_known_records_are_not_asked_for(
    origins: RecordSources, upstream: Upstream, workers: Any
) -> None:
    upstream.add(WHEEL)
    first = ClosureReader(origins)
    learn(first, "foo")
    asked = len(workers.tasks)
    second = ClosureReader(origins, known=first.records)
    learn(second, "foo")
    assert len(workers.tasks) == asked
    assert second.facts.projects[FOO] == first.facts.projects[FOO]


def test_files_that_rules_reject_are_kept_with_the_reason(
    config: Config, origins: RecordSources, upstream: Upstream
) -> None:
    upstream.add(WHEEL)
    changed = msgspec.structs.replace(config, package_types=["sdist"])
    rules = Rules(build_policy(changed, None), "")
    reader = ClosureReader(msgspec.structs.replace(origins, rules=rules))
    learn(reader, "foo")
    found = reader.facts.projects[FOO]
    assert found is not None
    assert (found.files, [one.file.filename for one in found.rejected]) == ((), [WHEEL.filename])


def test_a_rewrite_counts_before_the_solver_sees_it(
    origins: RecordSources, upstream: Upstream
) -> None:
    upstream.add(WHEEL)
    reader = ClosureReader(
        origins, lambda one: msgspec.structs.replace(one, requires_dist=("zed",))
    )
    learn(reader, "foo")
    learn(reader, metadata=WHEEL.filename)
    metadata = reader.facts.metadata[WHEEL.filename]
    assert isinstance(metadata, CoreMetadata)
    assert metadata.requires_dist == ("zed",)


def test_a_source_that_fails_leaves_the_closure_incomplete(
    origins: RecordSources, workers: Any, work: WorkContext
) -> None:
    workers.answer = lambda task: ProjectOutcome(task.name, "failed", error="HTTP 503")
    reader = ClosureReader(origins)
    learn(reader, "foo")
    assert (reader.failed, reader.facts.projects) == (True, {FOO: None})
    assert [failure.what for failure in work.report.failed] == ["foo"]


# --- asked ahead -------------------------------------------------------------------------------------


def remember(holdings: Holdings, upstream: Upstream) -> None:
    with holdings.state.transaction():
        holdings.state.save_documents(
            (name, pack(project)) for name, project in upstream.projects.items()
        )


def test_records_asked_ahead_are_used_once(
    origins: RecordSources, upstream: Upstream, holdings: Holdings, workers: Any
) -> None:
    upstream.add(WHEEL)
    remember(holdings, upstream)
    reader = ClosureReader(origins)
    reader.ahead.ask([FOO])
    assert reader.ahead.is_as_known({})
    learn(reader, "foo")
    assert len(workers.tasks) == 1
    assert reader.facts.projects[FOO] is not None


@pytest.mark.parametrize("change", ["a new file", "gone", "not stored"])
def test_what_differs_from_the_state_is_seen(
    origins: RecordSources, upstream: Upstream, holdings: Holdings, change: str
) -> None:
    upstream.add(WHEEL)
    if change != "not stored":
        remember(holdings, upstream)
    if change == "a new file":
        upstream.add(build_wheel("foo", "2.0"))
    if change == "gone":
        del upstream.projects["foo"]
    reader = ClosureReader(origins)
    reader.ahead.ask([FOO])
    assert not reader.ahead.is_as_known({})


def test_reading_ahead_gives_records_without_solving(
    origins: RecordSources, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(WHEEL)
    remember(holdings, upstream)
    reader = ClosureReader(origins)
    reader.ahead.ask([FOO, BAR])
    assert set(reader.ahead.read(())) == {"foo"}
    assert (reader.records, reader.facts.projects) == ({}, {})


def test_a_record_that_is_not_stored_is_known_by_its_digest(
    origins: RecordSources, upstream: Upstream
) -> None:
    upstream.add(WHEEL)
    ahead = ClosureReader(origins).ahead
    ahead.ask([FOO])
    document = ahead.asked[FOO][1].result().document
    assert document is not None
    assert ahead.is_as_known({FOO: record_digest(document)})
    assert not ahead.is_as_known({FOO: record_digest(b"")})


def test_what_is_unchanged_need_not_be_read(
    origins: RecordSources, upstream: Upstream, work: WorkContext, workers: Any
) -> None:
    upstream.add(WHEEL)
    workers.answer = lambda task: (
        ProjectOutcome("bar", "unchanged", source=NAME)
        if task.name == "bar"
        else upstream.answer(task)
    )
    ahead = ClosureReader(origins).ahead
    ahead.ask([FOO, BAR])
    assert ahead.unchanged() == {"bar"}
    assert set(ahead.read({BAR})) == {"foo"}
    assert (work.report.projects, work.report.unchanged) == (2, 1)


def test_a_url_is_asked_for_too(origins: RecordSources, workers: Any) -> None:
    url = "ftp://f.example/foo-1.0.tar.gz"
    reader = ClosureReader(origins)
    learn(reader, url=url)
    assert "http" in str(reader.facts.urls[url])
    assert workers.tasks == []
