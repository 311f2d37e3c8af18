"""A refresh of the repository, carried out."""

from __future__ import annotations

import pytest

from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.refresh.refresh_run import Run
from microrepo.operations.refresh.upstream.change_detection import changes_by_name
from tests.support.upstream import Upstream
from tests.unit.operations.conftest import MakeRun


@pytest.fixture
def refresh(make_run: MakeRun, holdings: Holdings, upstream: Upstream) -> MakeRun:
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
