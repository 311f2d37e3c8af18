"""Adopt: take over the files of another program's tree without fetching one of them again.

The tree is recognised, its files are read and held against what it says of them, then linked into
the flat directory and recorded. Nothing in the tree is changed.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.model import Action
from microrepo.operations.maintain.adopt_batches import Adoption
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.refresh.page_updates import publish
from microrepo.operations.run.session import open_session
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.foreign.tree_layouts import Layout, recognise
from microrepo.stores.flat_directory import FlatDirectory


class AdoptReport(Struct, frozen=True):
    """What taking over a tree did.

    Attributes:
        exit_code: as the command line returns it.
        layout: the program that filled the tree, and `evidence`, what it was recognised by.
        found: distributions in the tree, `found_bytes` in all.
        linked: files that are in the repository now, or would be after a dry run.
        copied: those of them that had to be copied, from another file system.
        recorded: files that lay in their place and are known to the state from now on.
        already: files that an earlier run had taken over, or a refresh had fetched.
        failed: files that are damaged or cannot be read, and why.
        conflicts: names for which the tree, or tree and repository, have different contents.
        refused: why nothing was done.
        plan: the actions, in a dry run.
    """

    operation: str
    repository: str
    tree: str
    layout: str
    evidence: tuple[str, ...]
    exit_code: int
    seconds: float
    dry_run: bool = False
    found: int = 0
    found_bytes: int = 0
    linked: int = 0
    linked_bytes: int = 0
    copied: int = 0
    recorded: int = 0
    already: int = 0
    failed: tuple[Failure, ...] = ()
    conflicts: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: str = ""
    plan: tuple[Action, ...] = ()


def adopt(
    config: Config,
    tree: Path,
    *,
    dry_run: bool = False,
    copy: bool = False,
    reporter: Reporter | None = None,
) -> AdoptReport:
    """Take over a tree that another program has filled.

    Args:
        config: complete settings; `repository` may be the tree itself.
        tree: the directory, of any layout that `repositories.foreign.tree_layouts` knows.
        dry_run: plan only; files are read, nothing changes on disk.
        copy: copy files that cannot be linked, because they lie on another file system.
        reporter: told of progress.

    Returns:
        What was done; `exit_code` tells whether all of it could be.

    Raises:
        Locked: another run holds the repository.
        RepositoryError: the tree holds no distribution, or the repository is unfit.
    """
    started = time.monotonic()
    layout = recognise(tree)
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
            publish(config, holdings, work)
    if is_new and work.report.refused and not dry_run:
        shutil.rmtree(repository.control, ignore_errors=True)
        with suppress(OSError):
            repository.path.rmdir()
    return _report(config.repository, work.report, layout, adoption, time.monotonic() - started)


def _without_replacing_theirs(
    config: Config, repository: FlatDirectory
) -> tuple[Config, list[str]]:
    """Leave an index and a server that others have put into the repository as they are."""
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


def _report(
    repository: str, report: ReportBuilder, layout: Layout, adoption: Adoption, seconds: float
) -> AdoptReport:
    counts = adoption.counts
    return AdoptReport(
        operation="adopt",
        repository=repository,
        tree=str(layout.path),
        layout=layout.name,
        evidence=layout.evidence,
        exit_code=report.exit_code(),
        seconds=round(seconds, 3),
        dry_run=report.dry_run,
        found=counts.found,
        found_bytes=counts.found_bytes,
        linked=counts.linked,
        linked_bytes=counts.linked_bytes,
        copied=counts.copied,
        recorded=counts.recorded,
        already=counts.already,
        failed=tuple(report.failed),
        conflicts=tuple(report.conflicts),
        warnings=tuple(report.warnings),
        refused=report.refused,
        plan=tuple(report.plan),
    )
