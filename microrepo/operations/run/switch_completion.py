"""Completion of a killed switch for commands that write to a directory without being its run."""

from __future__ import annotations

from microrepo.config.schema import Config
from microrepo.operations.run.session import open_session
from microrepo.reporting import SilentReporter
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.page_paths import START_PAGE


def complete_switch(config: Config, directory: FlatDirectory) -> None:
    """Complete the restore or the import that a killed run has begun in a directory, if there is one.

    The settings of the directory are unknown here: its pages link as its state records, and pages
    for people and the server are written if they exist.

    Args:
        config: of the command, for its limits.

    Raises:
        Locked: another run uses the directory.
        RepositoryError: the switch cannot be completed.
    """
    if not directory.begun_switch():
        return
    own = Config(
        repository=str(directory.path),
        server=directory.place("server.py").exists(),
        browse=directory.place(START_PAGE).exists(),
        processes=config.processes,
        min_free_space=config.min_free_space,
    )
    with open_session(own, "index", SilentReporter(), creates=False):
        pass  # each session begins with it
