"""Reader of project records and advisories from sources."""

from __future__ import annotations

import msgspec

from microrepo.client import Client
from microrepo.errors import MicrorepoError, ProjectNotFound, Unavailable
from microrepo.model import FACTS, PROVENANCE_FACTS, Project
from microrepo.repositories.protocol import Fetched, SourceSettings
from microrepo.repositories.sources.pypi_index import PyPISource
from microrepo.repositories.sources.source_registry import open_source
from microrepo.state.rows import pack
from microrepo.transfer.documents.merged_fetch import fetch_merged
from microrepo.transfer.tasks import (
    AdvisoriesOutcome,
    FetchAdvisories,
    FetchProject,
    ProjectOutcome,
)


class ProjectFetcher:
    """Reader with the sources that all tasks of a process share."""

    def __init__(self, client: Client, sources: tuple[SourceSettings, ...]) -> None:
        self._client = client
        self._settings = sources
        self._sources = [open_source(client, source) for source in sources]

    def fetch_project(self, task: FetchProject) -> ProjectOutcome:
        """Return the record of a project from the first of its sources that has it, or from all."""
        if task.is_merged:
            return self._fetch_merged(task)
        outcome = ProjectOutcome(task.name, "missing")
        etag = task.etag
        for number in task.sources:
            outcome = self._ask(number, task, etag)
            if outcome.status != "missing":
                break
            etag = None
        if outcome.status == "missing" and task.elsewhere:
            return ProjectOutcome(task.name, "failed", error=task.elsewhere)
        return outcome

    def _fetch_merged(self, task: FetchProject) -> ProjectOutcome:
        def ask(number: int, etag: str | None, serial: int | None) -> Fetched:
            fetched = self._fetch_record(number, task.name, etag, None, serial)
            if fetched.project is None:
                return fetched
            project = self._with_facts(fetched.project, number)
            return msgspec.structs.replace(fetched, project=project)

        return fetch_merged(task, [one.name for one in self._settings], ask)

    def _ask(self, number: int, task: FetchProject, etag: str | None) -> ProjectOutcome:
        name, source = task.name, self._settings[number].name
        serial = task.known_serial if number == task.sources[0] else None
        try:
            fetched = self._fetch_record(number, name, etag, task.min_serial, serial)
        except ProjectNotFound as error:
            return ProjectOutcome(name, "missing", error=error.why(name), source=source)
        except MicrorepoError as error:
            silent = isinstance(error, Unavailable)
            return ProjectOutcome(
                name, "failed", error=error.why(name), source=source, unreachable=silent
            )
        if fetched.project is None:
            return ProjectOutcome(name, "unchanged", etag=fetched.etag, source=source)
        return ProjectOutcome(
            name,
            "changed",
            pack(self._with_facts(fetched.project, number)),
            fetched.etag,
            source=source,
            page_time=fetched.page_time,
            lacks_status=fetched.lacks_status,
        )

    def _with_facts(self, project: Project, number: int) -> Project:
        was_asked = self._settings[number].asks_provenance
        is_silent = project.silent_on_provenance and not was_asked
        return msgspec.structs.replace(project, facts=FACTS if is_silent else PROVENANCE_FACTS)

    def _fetch_record(
        self,
        number: int,
        name: str,
        etag: str | None,
        min_serial: int | None,
        known_serial: int | None,
    ) -> Fetched:
        """Return a source's record of a project; reject a response out of step."""
        source = self._sources[number]
        try:
            fetched = source.fetch_project(name, etag, min_serial, known_serial)
        except Unavailable:
            raise
        except MicrorepoError:
            if not self._is_out_of_step(number):
                raise
        else:
            is_plausible = fetched.project is None or fetched.project.files
            if is_plausible or not self._is_out_of_step(number):
                return fetched
        return source.fetch_project(name, etag, min_serial, known_serial)

    def _is_out_of_step(self, number: int) -> bool:
        source = self._settings[number]
        return source.kind != "directory" and self._client.is_out_of_step(source.simple_root)

    def fetch_advisories(self, task: FetchAdvisories) -> AdvisoriesOutcome:
        """Return the advisories for one release from the first source that has any."""
        outcome = AdvisoriesOutcome(error="the source has none for single releases")
        for source in (self._sources[number] for number in task.sources):
            if not isinstance(source, PyPISource):
                continue
            try:
                return AdvisoriesOutcome(source.fetch_advisories(task.name, task.version))
            except ProjectNotFound as error:
                outcome = AdvisoriesOutcome(error=str(error))
            except MicrorepoError as error:
                return AdvisoriesOutcome(error=str(error), transient=True)
        return outcome
