"""Page updates: what clients read follows the files, where the repository has pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from microrepo.config.schema import Config
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext


def publish(
    config: Config,
    holdings: Holdings,
    work: WorkContext,
    changed: Iterable[str] = (),
    *,
    leaving: Collection[str] = (),
) -> None:
    """Bring what clients read up to date, where the repository has it.

    Args:
        config: says what there is.
        holdings: of the repository.
        work: the run.
        changed: projects to publish even if the state knows of no change.
        leaving: files that are about to be deleted.
    """
    if config.simple or config.server or holdings.directory.place("simple").exists():
        from microrepo.operations.pages.publishing import publish_changes

        publish_changes(config, holdings, work, changed, leaving=leaving)
