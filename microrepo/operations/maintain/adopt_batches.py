"""Adoption of a tree's files, batch by batch."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from microrepo.cause_texts import action_text
from microrepo.config.schema import Config
from microrepo.model import Action, ActionKind, Cause
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.repository_directory import Journal, Placement, RepositoryDirectory
from microrepo.operations.apply.transfer import carry
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.maintain.adopt_examination import (
    Examined,
    by_project,
    examine,
    one_of_each,
)
from microrepo.operations.maintain.adopt_records import AdoptRecords, TreeProjects
from microrepo.operations.maintain.adopt_target import AdoptTarget
from microrepo.operations.records.report import Failure
from microrepo.operations.run.plan_limits import limits_of
from microrepo.plan import Totals, Wanted, make_plan
from microrepo.reporting import Reporter
from microrepo.repositories.directory_contents import Claim
from microrepo.repositories.foreign.tree_layouts import Candidate, Layout, candidates
from microrepo.repositories.foreign.tree_records import TreeRecords
from microrepo.repositories.foreign.tree_survey import Survey
from microrepo.state import FileRow
from microrepo.stores.placement import Sharing, can_share

_BATCH_FILES = 400


class Counts(Struct, frozen=True, kw_only=True):
    """Counts of an adoption.

    Attributes:
        found: distributions in the tree, `found_bytes` in all.
        linked: files that are in the repository now, or would be after a dry run.
        copied: those of them that had to be copied, from another file system.
        recorded: files that lay in their place and are known to the state from now on.
        already: files that an earlier run had taken over, or a refresh had fetched.
    """

    found: int = 0
    found_bytes: int = 0
    linked: int = 0
    linked_bytes: int = 0
    copied: int = 0
    recorded: int = 0
    already: int = 0

    def __add__(self, other: Counts) -> Counts:
        names = self.__struct_fields__
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names})


def counts_of(files: Iterable[tuple[str, int]], present: Container[str], *, copied: bool) -> Counts:
    """Count files by name and size, as recorded in place or linked."""
    sizes = dict(files)
    linked = [size for name, size in sizes.items() if name not in present]
    return Counts(
        linked=len(linked),
        linked_bytes=sum(linked),
        copied=len(linked) if copied else 0,
        recorded=len(sizes) - len(linked),
    )


class Adoption:
    """A running adoption.

    Args:
        copy: copy files that cannot be linked.
    """

    def __init__(
        self, config: Config, holdings: Holdings, work: WorkContext, layout: Layout, *, copy: bool
    ) -> None:
        self.counts = Counts()
        self._config = config
        self._holdings = holdings
        self._target = AdoptTarget(holdings, layout)
        self._work = work
        self._layout = layout
        self._copy = copy
        self._records = TreeRecords(layout, holdings.state if self._target.is_tree() else None)
        self._links = True
        self._detail = layout.name if layout.is_mirror else ""

    def carry_out(self) -> None:
        """Adopt the whole tree, or set the report's `refused`."""
        work = self._work
        layout = self._layout
        work.reporter.say(f"{layout.path}: {layout.name}; reading the tree")
        with closing(Survey(candidates(layout, self._target.inside_tree(), self._skip))) as found:
            self.counts += Counts(found=found.count, found_bytes=found.size_bytes)
            work.report.refused = self._refusal(found)
            if not work.report.refused:
                self._take_all(found)
        work.report.totals = Totals(adopt=self.counts.linked + self.counts.recorded)

    def _take_all(self, found: Survey) -> None:
        work = self._work
        work.reporter.expect_bytes(found.size_bytes)
        with ThreadPoolExecutor(max_workers=self._config.processes or 1) as threads:
            try:
                for batch in by_project(found, _BATCH_FILES):
                    self._take(batch, threads)
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _skip(self, path: str, why: str) -> None:
        self._work.report.failed.append(Failure(_shown(path), why))

    def _refusal(self, found: Survey) -> str:
        """Return why nothing can be adopted, "" if it can."""
        holdings = self._holdings
        outside = next((one for one in found if not self._target.is_target(one)), None)
        if outside is None:
            return ""
        self._links = can_share(Path(outside.path), holdings.directory.path)
        if self._links:
            return ""
        if not self._copy:
            return (
                f"{self._layout.path} and {holdings.directory.path} are on different file systems, "
                "so files cannot be linked; name a repository beside the tree, or add --copy"
            )
        return self._target.room_refusal(found, limits_of(self._config))

    def _take(self, batch: Sequence[Candidate], threads: ThreadPoolExecutor) -> None:
        holdings, work = self._holdings, self._work
        rows = holdings.state.files_named({one.filename for one in batch})
        fresh = [one for one in batch if not self._target.is_known(one, rows.get(one.filename))]
        skipped_bytes = sum(c.size_bytes for c in batch) - sum(c.size_bytes for c in fresh)
        work.reporter.add_bytes(skipped_bytes)
        already = {c.filename for c in batch} - {c.filename for c in fresh}
        self.counts += Counts(already=len(already))
        records = {name: self._records.project(name) for name in {one.project for one in fresh}}
        claims = self._records.claims(fresh)
        examined = list(threads.map(_Reader(work.reporter, records, claims), fresh))
        bad = [one for one in examined if one.file is None]
        work.report.failed.extend(Failure(_shown(one.candidate.path), one.problem) for one in bad)
        if (damaged := self._target.damaged(bad, claims)) and not work.report.dry_run:
            with holdings.state.transaction():  # so that no later run treats them as new
                holdings.state.publication.save_found(damaged)
        sound = [one for one in examined if one.file is not None]
        chosen, conflicts = one_of_each(sound, self._target.is_target)
        work.report.conflicts.extend(Failure(name, why) for name, why in conflicts)
        self._carry(chosen, rows, records, threads)

    def _carry(
        self,
        chosen: Sequence[Examined],
        rows: Mapping[str, FileRow],
        records: TreeProjects,
        threads: ThreadPoolExecutor,
    ) -> None:
        report = self._work.report
        by_name = {one.candidate.filename: one for one in chosen}
        wanted = [
            Wanted(one.candidate.project, one.file, Cause.ADOPTED, self._detail)
            for one in chosen
            if one.file is not None
        ]
        there = threads.map(
            lambda one: self._target.local_file(one, rows.get(one.candidate.filename)), chosen
        )
        present = {local.filename: local for local in there if local is not None}
        new: list[Action] = []
        for action in make_plan(wanted, present, prune=False):
            if action.kind is ActionKind.CONFLICT:
                path = by_name[action.filename].candidate.path
                why = f"{path}: {action_text(action)}"
                report.conflicts.append(Failure(action.filename, why))
            elif self._target.is_ours_already(action, rows.get(action.filename)):
                self.counts += Counts(already=1)
            else:
                new.append(action)
        if report.dry_run:
            report.plan += new
            files: Iterable[tuple[str, int]] = ((a.filename, a.size_bytes) for a in new)
        else:
            paths = {name: Path(one.candidate.path) for name, one in by_name.items()}
            arrived = self._transfer(
                new, paths, AdoptRecords(self._holdings.state, self._layout, records, wanted)
            )
            files = ((row.filename, row.size or 0) for row in arrived)
        self.counts += counts_of(files, present, copied=not self._links)

    def _transfer(
        self, actions: Sequence[Action], paths: Mapping[str, Path], records: AdoptRecords
    ) -> list[FileRow]:
        """Link or copy files into place; return the rows of those that arrived."""
        holdings, work = self._holdings, self._work
        placement = Placement(Sharing(may_copy=self._copy), lambda file: paths.get(file.filename))
        origins = dict.fromkeys(paths, records.origin)
        journal = Journal(holdings.state, work.report.run, "adopt", origins, records.save)
        carry(actions, RepositoryDirectory(holdings.directory, placement, journal), work)
        return records.rows


class _Reader:
    """Callable that reads one file; used in threads."""

    def __init__(
        self, reporter: Reporter, records: TreeProjects, claims: Mapping[str, Claim]
    ) -> None:
        self._reporter = reporter
        self._claims = claims
        self._listed = {
            (name, file.filename): file
            for name, project in records.items()
            if project is not None
            for file in project.files
        }

    def __call__(self, one: Candidate) -> Examined:
        listed = self._listed.get((one.project, one.filename))
        found = examine(one, listed, self._claims.get(one.path))
        self._reporter.add_bytes(one.size_bytes)
        return found


def _shown(path: str) -> str:
    """Return a path as one printable line."""
    return path if path.isprintable() else repr(path)[1:-1]
