"""Adopt the files of another program's tree without downloading them.

The layout is recognised, the files are compared with the tree's own records, linked into the flat
directory and recorded. The tree does not change.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from microrepo.config.schema import Config
from microrepo.operations.maintain.adopt_batches import Adoption
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.records.report import PlannedReport
from microrepo.operations.run.session import open_session
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.foreign.tree_layouts import recognise
from microrepo.stores.flat_directory import FlatDirectory


class AdoptReport(PlannedReport, frozen=True, kw_only=True):
    """Result of an adoption; for its numbers see `adopt_batches.Counts`.

    Attributes:
        layout: the program that filled the tree, and `evidence`, what it was recognised by.
    """

    repository: str
    tree: str
    layout: str
    evidence: tuple[str, ...]
    found: int = 0
    found_bytes: int = 0
    linked: int = 0
    linked_bytes: int = 0
    copied: int = 0
    recorded: int = 0
    already: int = 0


def adopt(
    config: Config,
    tree: Path,
    *,
    dry_run: bool = False,
    copy: bool = False,
    reporter: Reporter | None = None,
) -> AdoptReport:
    """Adopt a tree that another program filled.

    Args:
        config: complete settings; `repository` may be the tree itself.
        tree: directory with a layout that `repositories.foreign.tree_layouts` recognises.
        dry_run: only make the plan; read files and change nothing on disk.
        copy: copy files on another file system, which cannot be linked.
        reporter: receives progress.

    Returns:
        The report; its `exit_code` is 0 if everything succeeded.

    Raises:
        Locked: another run holds the repository's lock.
        RepositoryError: the tree has no distributions, or the repository is unsuitable.
    """
    layout = recognise(tree)
    FlatDirectory(layout.path).refuse_begun_switch()
    repository = FlatDirectory(Path(config.repository))
    is_new = not repository.exists()
    config, warnings = _without_replacing_theirs(config, repository)
    silent = reporter or SilentReporter()
    with open_session(config, "adopt", silent, read_only=dry_run) as session:
        holdings, work = session.holdings, session.work
        for text in warnings:
            work.report.warn(text)
        adoption = Adoption(config, holdings, work, layout, copy=copy)
        adoption.carry_out()
        if adoption.counts.linked or adoption.counts.recorded:
            RepositoryPages(config, holdings, work).update()
    if is_new and work.report.refused and not dry_run:
        shutil.rmtree(repository.control, ignore_errors=True)
        with suppress(OSError):
            repository.path.rmdir()
    return work.report.build_as(
        AdoptReport,
        tree=str(layout.path),
        layout=layout.name,
        evidence=layout.evidence,
        **msgspec.structs.asdict(adoption.counts),
    )


def _without_replacing_theirs(
    config: Config, repository: FlatDirectory
) -> tuple[Config, list[str]]:
    """Keep an index and a server in the repository that microrepo did not write."""
    if repository.state_file.exists():
        return config, []
    changes: dict[str, bool] = {}
    warnings = []
    for key, name in (("simple", "simple"), ("server", "server.py")):
        if getattr(config, key) and (repository.path / name).exists():
            changes[key] = False
            warnings.append(
                f"{repository.path / name} was not written by microrepo and is kept; the next refresh replaces "
                f"it unless `{key}` is false"
            )
    if "simple" in changes:
        changes["server"] = False
    return msgspec.structs.replace(config, **changes), warnings
