"""Page updates: what clients read follows the files, where the repository has pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from microrepo.operations.run.session import Session


def publish(
    session: Session, changed: Iterable[str] = (), *, leaving: Collection[str] = ()
) -> None:
    """Bring what clients read up to date, where the repository has it.

    Args:
        session: the run.
        changed: projects to publish even if the state knows of no change.
        leaving: files that are about to be deleted.
    """
    config = session.config
    if config.simple or config.server or session.directory.place("simple").exists():
        from microrepo.operations.pages.publishing import publish_changes

        publish_changes(session, changed, leaving=leaving)
