"""Reader of what a closure needs: from the state if it is known, else from the sources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from microrepo.model import File, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.closure.url_files import Rewrite, UrlLearner
from microrepo.operations.refresh.upstream.change_detection import Visit
from microrepo.operations.refresh.upstream.metadata_reader import MetadataReader
from microrepo.operations.refresh.upstream.project_questions import Asked, Question
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.refresh.upstream.record_merge import as_kept
from microrepo.operations.refresh.upstream.record_reader import RecordReader
from microrepo.operations.refresh.upstream.release_advisories import without_guesses
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.resolver.facts import Candidates, Facts, Needs
from microrepo.selection.rules.decisions import split_candidates


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


class ClosureReader:
    """Reads the facts that a closure needs, each once.

    Args:
        origins: where they come from.
        rewrite: changes the metadata of distributions before it is used.
        known: records that need no request.

    Attributes:
        facts: the facts read so far.
        records: record of each project that was read, by name.
        failed: a request failed that may succeed in another run.
    """

    def __init__(
        self,
        origins: RecordSources,
        rewrite: Rewrite | None = None,
        known: Mapping[str, Record] | None = None,
    ) -> None:
        holdings, work, rules = origins.holdings, origins.work, origins.rules
        self._holdings = holdings
        self._work = work
        self._known = known or {}
        self._ahead: dict[NormalizedName, Question] = {}
        self._rules = rules
        self._rewrite = rewrite
        self._reader = RecordReader(holdings.state, origins.sources, work, rules)
        self._files: dict[str, File] = {}
        self._metadata = MetadataReader(holdings, work)
        self._urls = UrlLearner(holdings, work, rules, rewrite)
        self.facts = Facts()
        self.records: dict[str, Record] = {}
        self.failed = False

    @property
    def gone(self) -> list[NormalizedName]:
        """Projects that the sources do not know."""
        return self._reader.gone

    def ask_ahead(self, names: Sequence[NormalizedName]) -> None:
        """Queue the requests for projects that will be needed, in one batch."""
        asked = self._reader.ask([Visit(name, ask=True) for name in names])
        self._ahead = {visit.name: (visit, future) for visit, future in asked}

    def is_as_stored(self) -> bool:
        """Return whether the projects requested ahead are unchanged from the state."""
        self._work.wait_for(future for _, future in self._ahead.values())
        new = self._ahead.keys() - self.unchanged()
        stored = self._holdings.state.packed_documents(new)
        return all(
            answer.document is not None
            and (known := stored.get(answer.name)) is not None
            and as_kept(answer.document, known, keeps_advisories=False) == known
            for answer in (self._ahead[name][1].result() for name in new)
        )

    def unchanged(self) -> set[NormalizedName]:
        """Return the projects asked ahead of which the sources say that nothing changed."""
        return {
            name
            for name, (_, future) in self._ahead.items()
            if future.result().status == "unchanged"
        }

    def read_ahead(self, unread: Collection[NormalizedName]) -> None:
        """Read the records of the projects requested ahead, without solving.

        Args:
            unread: unchanged ones, whose records nobody needs.
        """
        report = self._work.report
        report.projects += len(unread)
        report.asked += len(unread)
        report.unchanged += len(unread)
        asked = [one for name, one in self._ahead.items() if name not in unread]
        records = self._reader.read([visit for visit, _ in asked], asked)
        self.records.update((record.project.name, record) for record in records)
        self.failed |= len(self.records) < len(asked)

    def learn(self, needs: Needs) -> None:
        """Read all facts that a round needs; send every request before waiting for a response."""
        self._take(self._known[name] for name in sorted(needs.projects & self._known.keys()))
        visits = [Visit(name, ask=True) for name in sorted(needs.projects - self._known.keys())]
        asked = [self._ahead[one.name] for one in visits if one.name in self._ahead]
        asked += self._reader.ask([one for one in visits if one.name not in self._ahead])
        asked_metadata = self._metadata.ask(self._files[n.filename] for n in sorted(needs.metadata))
        behind = self._urls.ask(sorted(needs.urls))
        if visits:
            self._read_projects(visits, asked)
        metadata = self._metadata.collect(asked_metadata)
        if self._rewrite is not None:
            metadata = {
                name: one if isinstance(one, str) else self._rewrite(one)
                for name, one in metadata.items()
            }
        self.facts.add(metadata=metadata, urls=self._urls.collect(behind))
        self.failed |= self._urls.failed or self._metadata.failed

    def _read_projects(self, visits: Sequence[Visit], asked: Asked) -> None:
        """Read the records of projects and split their files by the rules."""
        before = len(self._work.report.failed)
        self.facts.add(projects={visit.name: None for visit in visits})
        self._take(self._reader.read(visits, asked))
        self.failed |= len(self._work.report.failed) > before

    def _take(self, records: Iterable[Record]) -> None:
        found: dict[NormalizedName, Candidates | None] = {}
        if self._rules.policy.vulnerabilities != "ignore":
            records = (without_guesses(record, self._work.now) for record in records)
        for record in records:
            project = record.project
            files, rejected = split_candidates(project, self._rules.policy, self._work.now)
            self.records[project.name] = record
            self._files.update((file.filename, file) for file in files)
            found[project.name] = Candidates(files, rejected)
        self.facts.add(projects=found)
