"""Update of pages after changes of files, if the repository has pages."""

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
    """Update the pages, if the repository has any.

    Args:
        config: decides which pages exist.
        holdings: of the repository.
        work: the run.
        changed: projects to publish even if the state records no change.
        leaving: files that are about to be deleted.
    """
    if config.simple or config.server or holdings.directory.place("simple").exists():
        from microrepo.operations.pages.publishing import publish_changes

        publish_changes(config, holdings, work, changed, leaving=leaving)
