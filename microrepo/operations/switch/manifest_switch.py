"""Switch of a repository to what a manifest lists: readers see the old state or the new one.

1. The contents that are not in place are verified and staged. Nothing visible has changed.
2. The journal is written. From here on, a run that is killed is completed by the next one.
3. New files get their names, the state is changed in one transaction, and the pages are built
   aside. Files that replace others get their names just before the page trees are exchanged.
4. Files that no page lists any more are deleted, and then the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from microrepo.config.schema import Config
from microrepo.config.sizes import parse_size
from microrepo.errors import RepositoryError
from microrepo.guards import Limits, check_space
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.staged_content import put_in_place, settle_times, stage_contents
from microrepo.operations.switch.staged_pages import StagedPages
from microrepo.operations.switch.switch_journal import SwitchJournal
from microrepo.operations.switch.switch_plan import LeavingFile, PlacedFile, SwitchPlan
from microrepo.operations.switch.switch_rows import SwitchRows
from microrepo.operations.switch.switch_target import SwitchTarget, plan_switch, with_unrecorded
from microrepo.standalone.importer.switch.attested_files import put_provenance
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.durability import sync_file_system
from microrepo.stores.placement import can_share


class ManifestSwitch:
    """The switch of one repository.

    Args:
        config: decides which pages exist, and how much space to leave.
    """

    def __init__(self, config: Config, holdings: Holdings, work: WorkContext) -> None:
        self._config = config
        self._holdings = holdings
        self._directory = holdings.directory
        self._work = work
        self._journal = SwitchJournal(holdings.directory)

    def apply(self, target: SwitchTarget) -> SwitchPlan:
        """Switch the repository to a target; return what was planned.

        If it is refused, the report says why in `refused` and `failed`, and nothing has changed.

        Raises:
            RepositoryError: the repository cannot be written to. A switch that has begun is
                completed by the next run.
        """
        report = self._work.report
        with self._explained():
            self._journal.clear()
            plan = plan_switch(self._holdings, self._work, target, writes=True)
            if not self._holdings.links.files:
                report.refused = "this repository is an index without files, so nothing can be put"
            if not report.refused:
                self._stage(target, plan)
            if report.refused:
                return plan
            snapshot = self._journal.write_target(target.entries(), name=target.name)
            plan = msgspec.structs.replace(plan, snapshot=snapshot)
            # Staged contents and what `moves` names must be on disk before the journal is.
            sync_file_system(self._directory.control)
            self._journal.begin(plan)
            self._complete(plan, again=False)
        return plan

    def roll_forward(self) -> bool:
        """Complete a switch that a killed run had begun; return whether there was one.

        Raises:
            RepositoryError: it cannot be completed.
        """
        plan = self._journal.plan()
        if plan is None:
            return False
        what = f"{plan.kind.value} of {plan.name}"
        self._work.report.warn(f"completed the {what}, which a killed run had begun")
        with self._explained():
            plan = with_unrecorded(plan, self._journal.target(), self._holdings.state)
            self._complete(plan, again=True)
        return True

    def _stage(self, target: SwitchTarget, plan: SwitchPlan) -> None:
        """Stage the contents; if that is impossible, the report says why."""
        report = self._work.report
        report.refused = self._lacking_space(target, plan)
        if report.refused:
            return
        objects = self._journal.objects
        failures = stage_contents(objects, plan.placed, target.content, self._work.check)
        if failures:
            report.failed += failures
            what = "1 file is" if len(failures) == 1 else f"{len(failures):,} files are"
            report.refused = f"{what} missing or damaged; nothing was changed"
        else:
            settle_times(objects, plan.placed)

    def _lacking_space(self, target: SwitchTarget, plan: SwitchPlan) -> str:
        """Return why the file system cannot hold the files; "" if it can."""
        objects = self._journal.objects
        unstaged = [file for file in plan.placed if not (objects / file.sha256).exists()]
        paths = (path for file in unstaged for path in target.content(file.sha256))
        first = next((path for path in paths if path.exists()), None)
        if first is None or can_share(first, objects):
            return ""
        needed = sum(file.size_bytes for file in unstaged)
        limits = Limits(min_free_bytes=parse_size(self._config.min_free_space, "$.min_free_space"))
        refusal = check_space(needed, 0, self._directory.free_bytes(), limits)
        return str(refusal) if refusal else ""

    # --- from here on, everything can be done again after a kill ----------------------------------

    def _complete(self, plan: SwitchPlan, *, again: bool) -> None:
        uses = Counter(file.sha256 for file in plan.placed)
        new = [file for file in plan.placed if file.replaces is None]
        replacing = [file for file in plan.placed if file.replaces is not None]
        self._put(new, uses)
        rows = SwitchRows(self._holdings, self._journal.objects, plan, self._work.report.run)
        rows.record(self._journal.target())
        if plan.changes_files:
            self._publish(plan, replacing, uses, again=again)
        self._delete(plan.leaving)
        for source, final in plan.moves:
            self._move(source, final)
        self._journal.end(file.sha256 for file in plan.placed)

    def _put(self, files: Sequence[PlacedFile], uses: Counter[str]) -> None:
        for file in files:
            put_in_place(self._directory, self._journal.objects, file, uses[file.sha256])
        if files:
            self._directory.sync()

    def _publish(
        self, plan: SwitchPlan, replacing: Sequence[PlacedFile], uses: Counter[str], *, again: bool
    ) -> None:
        pages = StagedPages(self._config, self._holdings, self._work, self._journal, rebuild=again)
        late = {file.project for file in replacing}
        names = {*plan.projects, *pages.pending()}
        for files, projects in (((), names - late), (replacing, late)):
            self._put(files, uses)
            put_provenance(str(self._directory.path), self._journal.target(), projects)
            pages.publish(projects)
        pages.exchange()

    def _delete(self, leaving: Sequence[LeavingFile]) -> None:
        """Delete files, unless somebody has put another one in their place."""
        report = self._work.report
        names = []
        for file in leaving:
            if file.disk is not None and self._directory.stat(file.filename) == file.disk:
                names.append(file.filename)
                report.deleted_bytes += file.disk.size_bytes
        for _ in self._directory.delete(names):
            report.deleted += 1
        if names:
            self._directory.sync()

    def _move(self, source: str, final: str) -> None:
        control = self._directory.control
        (control / final).parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # moved before the kill
            (control / source).replace(control / final)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn disk errors into RepositoryError."""
        try:
            yield
        except OSError as error:
            path = error.filename2 or error.filename or self._directory.path
            text = disk_words(error, self._directory.path)
            if self._journal.path.exists():
                text += ". The switch has begun; the next run completes it."
            raise RepositoryError(path, text) from error
