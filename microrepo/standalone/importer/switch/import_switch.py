"""Switch of a repository to an imported manifest, as one step for readers.

New files get their names first, then the pages are built aside and exchanged, then files that no
page lists any more are deleted. From the moment at which the journal is written, the next run
completes what a killed run began.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from microrepo.standalone.importer.case_twins import renamed_files
from microrepo.standalone.importer.intake.content_survey import ContentSurvey, file_status
from microrepo.standalone.importer.intake.import_records import (
    ImportRecords,
    VerifiedFile,
    read_entries,
)
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.intake.staging import Staging
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.standalone.importer.pages.browse_tree import update_browse_tree
from microrepo.standalone.importer.pages.page_tree import PageTree, listed_files
from microrepo.standalone.importer.switch.attested_files import put_provenance
from microrepo.standalone.importer.switch.file_changes import FileChanges
from microrepo.standalone.importer.switch.import_journal import BegunImport, ImportJournal
from microrepo.standalone.importer.switch.import_plan import ImportPlan, PlanMaker


class ImportSwitch:
    """The switch of one repository.

    Args:
        survey: knows its files.
        staging: has the new contents.
        records: of its imports.
    """

    def __init__(self, survey: ContentSurvey, staging: Staging, records: ImportRecords) -> None:
        self._survey = survey
        self._staging = staging
        self._records = records
        self._journal = ImportJournal(survey.repository)
        self.files = FileChanges(survey, staging)

    def plan(self, target_path: str) -> ImportPlan:
        """Return what an import of a manifest changes."""
        plan = PlanMaker(self._survey).plan(self.applied(), read_entries(target_path))
        names = [file.filename for file in plan.leaving]
        renamed = renamed_files(self._survey.repository, names, read_entries(target_path))
        return plan.without_deleting(renamed)

    def applied(self) -> Iterator[ManifestProject | ManifestFile]:
        """Yield the entries that the last import has applied."""
        selection = ReleaseSelection(self._records.current().select)
        return (entry for entry in self._records.entries() if selection.takes(entry))

    def apply(
        self,
        plan: ImportPlan,
        target_path: str,
        whole_path: str,
        current: dict[str, Any],
        moves: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Carry out a plan.

        Args:
            target_path: the manifest of the selected part.
            whole_path: the whole manifest.
            current: the record of the import.
            moves: other staged files and their places, below the control folder.

        Raises:
            BundleError: staged content is gone.
            OSError: the repository cannot be written to; a switch that has begun is completed by
                the next run.
        """
        self.files.stage_protected(plan)
        records = self._records.stage(self._staging.path("records"), whole_path, current)
        moves = (*moves, *records)
        self._complete(self._journal.begin(plan, target_path, current, moves))

    def roll_forward(self) -> str:
        """Complete an import that a killed run has begun; return its name, "" without one.

        Raises:
            BundleError: it cannot be completed.
        """
        begun = self._journal.begun()
        if begun is None:
            return ""
        self._complete(begun)
        return begun.name

    def _complete(self, begun: BegunImport) -> None:
        plan = begun.plan
        self.files.put(file for file in plan.placed if file.replaces is None)
        pages = PageTree(self._survey, self._journal.trees)
        pages.prepare()
        late = {file.project for file in plan.placed if file.replaces is not None}
        names = set(plan.projects)
        names |= pages.lacking(entry.project for entry in self._target())
        put_provenance(self._survey.repository, self._target(), names - late)
        old = self._old_names(names)
        pages.write(names - late, listed_files(self._target(), names - late), old)
        self.files.put(file for file in plan.placed if file.replaces is not None)
        put_provenance(self._survey.repository, self._target(), late)
        pages.write(late, listed_files(self._target(), late), old)
        pages.finish()
        update_browse_tree(pages.files, self._survey.repository)
        if pages.files.written:
            pages.files.exchange()
        self.files.delete(plan.leaving)
        self._records.write_verified(self._verified())
        self._journal.carry_out_moves(begun)
        self._journal.end()
        self._staging.clear()

    def _target(self) -> Iterator[ManifestProject | ManifestFile]:
        return read_entries(self._journal.manifest_path)

    def _old_names(self, names: set[str]) -> set[str]:
        """Return the files of some projects that the last import has put in place."""
        found = set()
        for entry in self.applied():
            if isinstance(entry, ManifestFile) and entry.project in names:
                found.add(entry.filename)
        return found

    def _verified(self) -> Iterator[VerifiedFile]:
        """Yield size and time of the files in place, so that the next import need not read them."""
        for entry in self._target():
            if not isinstance(entry, ManifestFile):
                continue
            status = file_status(self._survey.path(entry.filename))
            if status is not None:
                yield VerifiedFile(
                    entry.project,
                    entry.filename,
                    status.st_size,
                    status.st_mtime_ns,
                    entry.sha256,
                )
