"""Completion of what earlier programs left: a begun switch, an import that no state records."""

from __future__ import annotations

from microrepo.config.schema import Config
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.standalone.importer.control_files import CURRENT_IMPORT, IMPORTS_FOLDER


def complete_earlier_switches(config: Config, holdings: Holdings, work: WorkContext) -> None:
    """Complete a switch that a killed run had begun, and record an import by another program.

    Raises:
        RepositoryError: the switch cannot be completed, or the repository cannot be written to.
    """
    directory = holdings.directory
    # Most repositories have neither, and their runs need not load what completes them.
    if directory.begun_switch():
        from microrepo.operations.switch.manifest_switch import ManifestSwitch

        ManifestSwitch(config, holdings, work).roll_forward()
    if (directory.control / IMPORTS_FOLDER / CURRENT_IMPORT).exists():
        from microrepo.operations.switch.import_settlement import settle_import

        settle_import(config, holdings, work)
