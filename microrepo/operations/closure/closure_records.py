"""Reader of what a closure needs: from the state if it is known, else from the sources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from msgspec import Struct

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import File, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.closure.earlier_resolution import record_digest
from microrepo.operations.closure.url_files import AskedUrl, Rewrite, UrlLearner
from microrepo.operations.refresh.trust.kept_content import with_kept_content
from microrepo.operations.refresh.upstream.change_detection import Visit
from microrepo.operations.refresh.upstream.metadata_reader import MetadataAsked, MetadataReader
from microrepo.operations.refresh.upstream.project_questions import Asked, Question
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.refresh.upstream.record_merge import as_kept
from microrepo.operations.refresh.upstream.record_reader import RecordReader
from microrepo.operations.refresh.upstream.release_advisories import without_guesses
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.resolver.facts import Candidates, Facts, Needs, UrlFile
from microrepo.selection.rules.decisions import split_candidates
from microrepo.transfer.tasks import MetadataOutcome

_Asked = TypeVar("_Asked")


class RecordSources(Struct, frozen=True):
    """Where the records and metadata of a closure come from.

    Attributes:
        holdings: of the repository, whose state knows some of them.
        sources: sources of the projects.
        work: workers, report, progress.
        rules: the rules that select files.
    """

    holdings: Holdings
    sources: Sources
    work: WorkContext
    rules: Rules


class ProjectsAhead:
    """Projects that an earlier closure read, requested all at once.

    Attributes:
        asked: the requests, by name.
    """

    def __init__(self, holdings: Holdings, work: WorkContext, reader: RecordReader) -> None:
        self._state = holdings.state
        self._work = work
        self._reader = reader
        self.asked: dict[NormalizedName, Question] = {}

    def ask(self, names: Sequence[NormalizedName]) -> None:
        """Queue the requests."""
        asked = self._reader.ask([Visit(name, ask=True) for name in names])
        self.asked = {visit.name: (visit, future) for visit, future in asked}

    def is_as_known(self, unstored: Mapping[NormalizedName, str]) -> bool:
        """Return whether all projects are unchanged since the earlier closure.

        Args:
            unstored: digests of the records that the state does not store, by name.
        """
        self._work.wait_for(future for _, future in self.asked.values())
        new = self.asked.keys() - self.unchanged()
        stored = self._state.packed_documents(new)
        for name in new:
            document = self.asked[name][1].result().document
            if document is None:
                return False
            if name in unstored:
                is_known = record_digest(document) == unstored[name]
            else:
                known = stored.get(name)
                is_known = known is not None and (
                    as_kept(document, known, keeps_advisories=False) == known
                )
            if not is_known:
                return False
        return True

    def unchanged(self) -> set[NormalizedName]:
        """Return the projects that the sources report as unchanged."""
        return {
            name
            for name, (_, future) in self.asked.items()
            if future.result().status == "unchanged"
        }

    def read(self, unread: Collection[NormalizedName]) -> dict[str, Record]:
        """Return the records of the projects, by name.

        Args:
            unread: projects whose records are not needed.
        """
        report = self._work.report
        report.projects += len(unread)
        report.asked += len(unread)
        report.unchanged += len(unread)
        asked = [one for name, one in self.asked.items() if name not in unread]
        records = self._reader.read([visit for visit, _ in asked], asked)
        return {record.project.name: record for record in records}


class ClosureReader:
    """Reads the facts that a closure needs, each once.

    Args:
        rewrite: changes the metadata of distributions before it is used.
        known: records that need no request.

    Attributes:
        facts: the facts read so far.
        records: record of each project that was read, by name.
        failed: a request failed that may succeed in another run.
        ahead: projects that an earlier closure needed, requested all at once.
    """

    def __init__(
        self,
        origins: RecordSources,
        rewrite: Rewrite | None = None,
        known: Mapping[str, Record] | None = None,
    ) -> None:
        holdings, work, rules = origins.holdings, origins.work, origins.rules
        self._state = holdings.state
        self._work = work
        self._known = known or {}
        self._rules = rules
        self._rewrite = rewrite
        self._reader = RecordReader(holdings.state, origins.sources, work, rules)
        self.ahead = ProjectsAhead(holdings, work, self._reader)
        self._files: dict[str, File] = {}
        self._asked: set[str] = set()
        self._open_projects: dict[Future[Any], Question] = {}
        self._open_metadata: dict[Future[Any], tuple[File, Future[MetadataOutcome]]] = {}
        self._open_urls: dict[Future[Any], AskedUrl] = {}
        self._metadata = MetadataReader(holdings, work)
        self._urls = UrlLearner(holdings, work, rules, rewrite)
        self.facts = Facts()
        self.records: dict[str, Record] = {}
        self.failed = False

    @property
    def gone(self) -> list[NormalizedName]:
        """Projects that the sources do not know."""
        return self._reader.gone

    def learn(self, needs: Needs, more_s: float = 0.0) -> None:
        """Request what is needed, and add the responses that have arrived to the facts.

        Args:
            needs: needs of the goals; responses to earlier ones may still be missing.
            more_s: seconds to wait for more responses after the first.
        """
        is_one_known = self._ask(needs)
        futures = [*self._open_projects, *self._open_metadata, *self._open_urls]
        done = self._work.wait_for_some(futures, more_s, is_one_done=is_one_known)
        self._read_projects(_popped(self._open_projects, done))
        found = self._metadata.collect(MetadataAsked({}, _popped(self._open_metadata, done)))
        self._add(found, self._urls.collect(({}, _popped(self._open_urls, done))))
        self.failed |= self._urls.failed or self._metadata.failed

    def forget_open(self) -> None:
        """Cancel the requests that no goal needs any more."""
        for future in (*self._open_projects, *self._open_metadata, *self._open_urls):
            future.cancel()
        for _ in (*self._open_metadata, *self._open_urls):
            self._work.reporter.document_done()

    def _ask(self, needs: Needs) -> bool:
        """Request what is not requested yet; return whether some of it is known already."""
        known = sorted(needs.projects & self._known.keys() - self.records.keys())
        self._take(self._known[name] for name in known)
        names = [n for n in sorted(needs.projects) if n not in self._asked and n not in self._known]
        ahead = self.ahead.asked
        asked = [ahead[name] for name in names if name in ahead]
        asked += self._reader.ask([Visit(n, ask=True) for n in names if n not in ahead])
        self._open_projects.update((future, (visit, future)) for visit, future in asked)
        files = [n.filename for n in sorted(needs.metadata) if n.filename not in self._asked]
        metadata = self._metadata.ask(self._files[name] for name in files)
        self._open_metadata.update((future, (file, future)) for file, future in metadata.futures)
        urls = [url for url in sorted(needs.urls) if url not in self._asked]
        behind, open_urls = self._urls.ask(urls)
        self._open_urls.update((one[-1], one) for one in open_urls)
        self._asked.update(names, files, urls)
        self._add(metadata.known, behind)
        return bool(known or metadata.known or behind)

    def _add(
        self, metadata: Mapping[str, CoreMetadata | str], urls: Mapping[str, UrlFile | str]
    ) -> None:
        rewrite = self._rewrite
        if rewrite is not None:
            metadata = {
                name: one if isinstance(one, str) else rewrite(one)
                for name, one in metadata.items()
            }
        self.facts.add(metadata=metadata, urls=urls)

    def _read_projects(self, asked: Asked) -> None:
        """Read the records of projects and split their files by the rules."""
        before = len(self._work.report.failed)
        visits = [visit for visit, _ in asked]
        self.facts.add(projects={visit.name: None for visit in visits})
        self._take(self._reader.read(visits, asked))
        self.failed |= len(self._work.report.failed) > before

    def _take(self, records: Iterable[Record]) -> None:
        found: dict[NormalizedName, Candidates | None] = {}
        records = with_kept_content(self._state, self._work, records, self._rules)
        if self._rules.policy.asks_advisories:
            records = (without_guesses(record, self._work.now) for record in records)
        for record in records:
            project = record.project
            files, rejected = split_candidates(project, self._rules.policy, self._work.now)
            self.records[project.name] = record
            self._files.update((file.filename, file) for file in files)
            found[project.name] = Candidates(files, rejected)
        self.facts.add(projects=found)


def _popped(open_ones: dict[Future[Any], _Asked], done: Collection[Future[Any]]) -> list[_Asked]:
    """Remove and return the finished requests, in the order of the requests."""
    return [open_ones.pop(future) for future in list(open_ones) if future in done]
