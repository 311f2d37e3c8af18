"""`microrepo sbom`: what the repository contains, or what requirements install from it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from microrepo._version import __version__
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.formats.sbom.components import BillOfMaterials
from microrepo.operations.closure.needed_files import installed_files
from microrepo.operations.run.goals import Requests
from microrepo.operations.sbom.component_reader import ComponentReader
from microrepo.operations.snapshot.snapshot_view import viewed_for_checks
from microrepo.repositories.reading import open_for_reading
from microrepo.stores.flat_directory import FlatDirectory


def make_bill(
    config: Config,
    requests: Requests | None = None,
    only: Sequence[str] = (),
    snapshot: str = "",
) -> BillOfMaterials:
    """Return what a bill of materials of the repository states.

    Args:
        requests: only what these install; None for all files.
        only: names of environments, or presets, to install in; empty for all environments.
        snapshot: look at this snapshot instead of the present files.

    Raises:
        ConfigError: the snapshot or an environment does not exist.
        RepositoryError: the repository cannot be read, or contains no distributions.
    """
    name = Path(config.repository).absolute().name
    with viewed_for_checks(config, snapshot) if snapshot else nullcontext(config) as shown:
        directory = FlatDirectory(Path(shown.repository))
        directory.refuse_begun_switch()
        with open_for_reading(directory.path) as state:
            rows = {row.filename: row for row in state.files() if row.present}
            if not rows:
                raise RepositoryError(config.repository, "contains no distributions")
            missing: tuple[str, ...] = ()
            if requests is not None:
                chosen, missing = installed_files(shown, state, directory, requests.goals, only)
                rows = {filename: rows[filename] for filename in chosen if filename in rows}
            read = ComponentReader(directory).read(rows.values())
    created = f"{now()[:19]}Z"
    return BillOfMaterials(name, created, __version__, read.components, read.problems, missing)
