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
from microrepo.operations.closure.metadata_facts import FactSources, Learner
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
def origins(config: Config, holdings: Holdings, work: WorkContext) -> FactSources:
    policy = build_policy(config, None)
    source = SourceSettings("json", f"https://{NAME}/", name=NAME)
    sources = Sources([source], lambda: pytest.fail("one source needs no list"))
    return FactSources(holdings, sources, work, Rules(policy, policy.fingerprint()))


def learn(learner: Learner, *names: str, metadata: str = "", url: str = "") -> None:
    needs = Needs(
        frozenset(map(NormalizedName, names)),
        frozenset({MetadataNeed(FOO, metadata)} if metadata else ()),
        frozenset({url} if url else ()),
    )
    learner.learn(needs)


def test_records_and_metadata_become_facts(
    origins: FactSources, upstream: Upstream, workers: Any
) -> None:
    upstream.add(WHEEL)
    learner = Learner(origins)
    learn(learner, "foo", "bar")
    learn(learner, metadata=WHEEL.filename)
    found = learner.facts.projects[FOO]
    assert found is not None
    assert [file.filename for file in found.files] == [WHEEL.filename]
    assert learner.facts.projects[BAR] is None
    metadata = learner.facts.metadata[WHEEL.filename]
    assert isinstance(metadata, CoreMetadata)
    assert metadata.requires_dist == ("bar",)
    assert (learner.gone, learner.failed, set(learner.records)) == ([BAR], False, {"foo"})
    assert [type(task) for task in workers.tasks] == [FetchProject, FetchProject, FetchMetadata]


def test_known_records_are_not_asked_for(
    origins: FactSources, upstream: Upstream, workers: Any
) -> None:
    upstream.add(WHEEL)
    first = Learner(origins)
    learn(first, "foo")
    asked = len(workers.tasks)
    second = Learner(origins, known=first.records)
    learn(second, "foo")
    assert len(workers.tasks) == asked
    assert second.facts.projects[FOO] == first.facts.projects[FOO]


def test_files_that_rules_reject_are_kept_with_the_reason(
    config: Config, origins: FactSources, upstream: Upstream
) -> None:
    upstream.add(WHEEL)
    changed = msgspec.structs.replace(config, package_types=["sdist"])
    rules = Rules(build_policy(changed, None), "")
    learner = Learner(msgspec.structs.replace(origins, rules=rules))
    learn(learner, "foo")
    found = learner.facts.projects[FOO]
    assert found is not None
    assert (found.files, [one.file.filename for one in found.rejected]) == ((), [WHEEL.filename])


def test_a_rewrite_counts_before_the_solver_sees_it(
    origins: FactSources, upstream: Upstream
) -> None:
    upstream.add(WHEEL)
    learner = Learner(origins, lambda one: msgspec.structs.replace(one, requires_dist=("zed",)))
    learn(learner, "foo")
    learn(learner, metadata=WHEEL.filename)
    metadata = learner.facts.metadata[WHEEL.filename]
    assert isinstance(metadata, CoreMetadata)
    assert metadata.requires_dist == ("zed",)


def test_a_source_that_fails_leaves_the_closure_incomplete(
    origins: FactSources, workers: Any, work: WorkContext
) -> None:
    workers.answer = lambda task: ProjectOutcome(task.name, "failed", error="HTTP 503")
    learner = Learner(origins)
    learn(learner, "foo")
    assert (learner.failed, learner.facts.projects) == (True, {FOO: None})
    assert [failure.what for failure in work.report.failed] == ["foo"]


# --- asked ahead -------------------------------------------------------------------------------------


def remember(holdings: Holdings, upstream: Upstream) -> None:
    with holdings.state.transaction():
        holdings.state.save_documents(
            (name, pack(project)) for name, project in upstream.projects.items()
        )


def test_records_asked_ahead_are_used_once(
    origins: FactSources, upstream: Upstream, holdings: Holdings, workers: Any
) -> None:
    upstream.add(WHEEL)
    remember(holdings, upstream)
    learner = Learner(origins)
    learner.ask_ahead([FOO])
    assert learner.is_as_stored()
    learn(learner, "foo")
    assert len(workers.tasks) == 1
    assert learner.facts.projects[FOO] is not None


@pytest.mark.parametrize("change", ["a new file", "gone", "not stored"])
def test_what_differs_from_the_state_is_seen(
    origins: FactSources, upstream: Upstream, holdings: Holdings, change: str
) -> None:
    upstream.add(WHEEL)
    if change != "not stored":
        remember(holdings, upstream)
    if change == "a new file":
        upstream.add(build_wheel("foo", "2.0"))
    if change == "gone":
        del upstream.projects["foo"]
    learner = Learner(origins)
    learner.ask_ahead([FOO])
    assert not learner.is_as_stored()


def test_reading_ahead_gives_records_without_solving(
    origins: FactSources, upstream: Upstream, holdings: Holdings
) -> None:
    upstream.add(WHEEL)
    remember(holdings, upstream)
    learner = Learner(origins)
    learner.ask_ahead([FOO])
    learner.read_ahead()
    assert set(learner.records) == {"foo"}
    assert (learner.failed, learner.facts.projects) == (False, {})
    lacking = Learner(origins)
    lacking.ask_ahead([FOO, BAR])
    lacking.read_ahead()
    assert lacking.failed


def test_a_url_is_asked_for_too(origins: FactSources, workers: Any) -> None:
    url = "ftp://f.example/foo-1.0.tar.gz"
    learner = Learner(origins)
    learn(learner, url=url)
    assert "only http" in str(learner.facts.urls[url])
    assert workers.tasks == []
