"""A refresh of the repository, with what it needs from the settings."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from microrepo.client import Client
from microrepo.config.schema import Config
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.refresh_run import Run
from microrepo.operations.refresh.upstream.change_detection import changes_by_name
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.rules.policy import build_policy
from tests.support.upstream import NAME, Upstream

Refresh = Callable[..., Run]


def no_client() -> Client:
    """Fail: one source needs no list."""
    raise AssertionError("one source needs no list")


@pytest.fixture
def make_run(config: Config, holdings: Holdings, work: WorkContext) -> Refresh:
    """``make_run(*requested, only_these=False, replace=False, **settings)``: a run, not begun."""

    def make(
        *requested: str,
        only_these: bool = False,
        replace: bool = False,
        work: WorkContext = work,
        **settings: object,
    ) -> Run:
        changed = msgspec.structs.replace(config, **settings)
        policy = build_policy(changed, parse_requirements(requested) if requested else None)
        rules = Rules(policy, policy.fingerprint())
        source = SourceSettings("json", f"https://{NAME}/simple/", name=NAME)
        sources = Sources([source], no_client)
        return Run(changed, holdings, sources, work, rules, only_these=only_these, replace=replace)

    return make


@pytest.fixture
def refresh(make_run: Refresh, holdings: Holdings, upstream: Upstream) -> Refresh:
    """``refresh(*requested, **how)``: carry out a run over the named projects, or all of them."""

    def run(*requested: str, only_these: bool = False, **how: object) -> Run:
        run = make_run(*requested, only_these=only_these, **how)
        wanted = run.rules.policy.requested
        names = map(NormalizedName, upstream.projects if wanted is None else wanted)
        changes = changes_by_name(
            names, holdings.state.iter_known(), only_these=only_these or not requested
        )
        run.carry_out(changes)
        return run

    return run
