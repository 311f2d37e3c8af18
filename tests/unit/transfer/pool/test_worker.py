"""A worker that died leaves an outcome of the kind that was waited for."""

from __future__ import annotations

import pytest

from microrepo.model import Digests, Outcome
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.tasks import (
    FetchMetadata,
    FetchProject,
    HashUrl,
    HeldOutcome,
    ListHeld,
    MetadataOutcome,
    ProjectOutcome,
    RedirectOutcome,
    RedirectWheel,
    SendFile,
    Task,
)

ABOUT = FetchMetadata("x-1-py3-none-any.whl", "https://h.example/x", Digests())


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (FetchProject("x"), ProjectOutcome),
        (ListHeld("x"), HeldOutcome),
        (SendFile("x", "https://h.example/x", Digests()), Outcome),
        (ABOUT, MetadataOutcome),
        (RedirectWheel(ABOUT), RedirectOutcome),
        (HashUrl("x", "https://h.example/x"), Outcome),
    ],
)
def test_the_outcome_of_a_lost_task(task: Task, kind: type) -> None:
    outcome = lost(task, "the worker died")
    assert isinstance(outcome, kind)
    assert outcome.error.endswith("the worker died")
