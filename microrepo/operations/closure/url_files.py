"""Files of direct URLs: how they are read, kept and found again.

Such a file is in no project's record; only its row in the state and the requirement that leads to
it describe it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

import msgspec
from packaging.utils import canonicalize_name

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.filenames import package_type_of, split_release
from microrepo.formats.requirements.direct_urls import parse_direct_url, without_user
from microrepo.formats.requirements.requirement import stated_requirement
from microrepo.formats.version_numbers import parse_version
from microrepo.model import Cause, Decision, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.plan import same_content
from microrepo.selection.resolver.facts import Facts, UrlFile
from microrepo.selection.resolver.resolution_records import Resolution
from microrepo.selection.rules.decisions import split_candidates
from microrepo.state import FileRow, ProjectRow, Requirer, State, pack
from microrepo.transfer.download.remote_metadata import unpack_metadata
from microrepo.transfer.tasks import FetchMetadata, MetadataOutcome

Rewrite = Callable[[CoreMetadata], CoreMetadata]
AskedUrl = tuple[str, File, "Future[MetadataOutcome]"]


def is_behind(row: FileRow, file: File) -> bool:
    """Return whether a recorded file is the one behind a direct URL."""
    same = same_content(file.digests, row.digests)
    return row.url == file.url if same is None else same


def held_url_file(row: FileRow, metadata: CoreMetadata) -> UrlFile:
    """Return what is behind a direct URL from what is held of it."""
    file = file_of_row(row)
    return UrlFile(
        msgspec.structs.replace(file, requires_python=metadata.requires_python), metadata
    )


def file_of_row(row: FileRow) -> File:
    """Return the file that a row records."""
    kind = package_type_of(row.filename) or ""
    return File(row.filename, row.url, row.version, kind, row.digests, row.size)


class UrlLearner:
    """Reads the files of direct URLs; without a digest, the whole file must be downloaded.

    Attributes:
        failed: a request failed that may succeed in another run.
    """

    def __init__(
        self, holdings: Holdings, work: WorkContext, rules: Rules, rewrite: Rewrite | None = None
    ) -> None:
        self._holdings = holdings
        self._work = work
        self._rules = rules
        self._rewrite = rewrite
        self.failed = False

    def ask(self, urls: Sequence[str]) -> tuple[dict[str, UrlFile | str], list[AskedUrl]]:
        """Return known files, and queue the requests for the others."""
        known: dict[str, UrlFile | str] = {}
        asked: list[AskedUrl] = []
        for url in urls:
            file = parse_direct_url(url)
            if not isinstance(file, str):
                file = self._admitted(file)
            if isinstance(file, str):
                known[url] = file
                continue
            metadata = self._stored(file)
            if metadata is not None:
                known[url] = self._url_file(file, metadata)
                continue
            row = self._holdings.state.files_named([file.filename]).get(file.filename)
            here = row is not None and self._holdings.is_intact(row) and is_behind(row, file)
            task = FetchMetadata(file.filename, file.url, file.digests, here=here)
            asked.append((url, file, self._work.submit(task)))
        self._work.reporter.expect_documents(len(asked))
        return known, asked

    def collect(
        self, answers: tuple[dict[str, UrlFile | str], list[AskedUrl]]
    ) -> dict[str, UrlFile | str]:
        """Wait for the responses."""
        known, asked = answers
        rows: list[tuple[str, str, bytes]] = []
        for url, file, future in asked:
            outcome = future.result()
            self._work.reporter.document_done()
            self._work.report.add_metadata(outcome.fetched_bytes)
            if outcome.metadata is None:
                self._work.report.warn(f"{without_user(url)}: {outcome.error}")
                self.failed |= outcome.transient
                known[url] = outcome.error
                continue
            known[url] = self._url_file(file, unpack_metadata(outcome.metadata))
            strongest = file.digests.strongest()
            if strongest is not None:
                rows.append((file.filename, ":".join(strongest), outcome.metadata))
        if rows and not self._work.report.dry_run:
            with self._holdings.state.transaction():
                self._holdings.state.save_metadata(rows)
        return known

    def _admitted(self, file: File) -> File | str:
        """Apply the rules for single files."""
        release = split_release(file.filename)
        name = release[0] if release is not None else ""
        project = Project(canonicalize_name(name), name, files=(file,), versions=(file.version,))
        _, rejected = split_candidates(project, self._rules.policy, self._work.now)
        for decision in rejected:
            if decision.cause is Cause.NO_DIGEST:
                return (
                    "announces no digest; append one (`#sha256=…`), or set "
                    "`require_digests` to false"
                )
            detail = f" ({decision.detail})" if decision.detail else ""
            return f"skipped: {decision.cause.value}{detail}"
        return file

    def _stored(self, file: File) -> CoreMetadata | None:
        strongest = file.digests.strongest()
        stored = self._holdings.state.metadata([file.filename]).get(file.filename)
        if strongest is None or stored is None or stored[0] != ":".join(strongest):
            return None
        return unpack_metadata(stored[1])

    def _url_file(self, file: File, metadata: CoreMetadata) -> UrlFile | str:
        if parse_version(metadata.version) != parse_version(file.version):
            return f"its metadata says version {metadata.version}, its name {file.version}"
        if self._rewrite is not None:
            metadata = self._rewrite(metadata)
        file = msgspec.structs.replace(
            file, version=metadata.version, requires_python=metadata.requires_python
        )
        return UrlFile(file, metadata)


def chosen_files(
    facts: Facts, resolutions: Iterable[Resolution]
) -> dict[NormalizedName, dict[str, File]]:
    """Return the files of direct URLs that resolutions chose, by project and name."""
    behind = {_key(one.file) for one in facts.urls.values() if isinstance(one, UrlFile)}
    found: dict[NormalizedName, dict[str, File]] = {}
    for resolution in resolutions:
        for pin in resolution.pins:
            for file in pin.files:
                if _key(file) in behind:
                    found.setdefault(pin.project, {})[file.filename] = file
    return found


def _key(file: File) -> tuple[str, str]:
    return file.filename, file.url


def needed_before(
    state: State, earlier: Iterable[Requirer]
) -> dict[NormalizedName, dict[str, File]]:
    """Return the files of direct URLs that unresolved goals of earlier runs need."""
    names = {row.filename for row in earlier if stated_requirement(row.requirement).url}
    found: dict[NormalizedName, dict[str, File]] = {}
    for row in state.files_named(names).values():
        found.setdefault(row.project, {})[row.filename] = file_of_row(row)
    return found


def with_files(
    looked: Sequence[Looked],
    files: dict[NormalizedName, dict[str, File]],
    reasons: dict[str, str],
    resolutions: Sequence[Resolution],
    state: State,
    rules: Rules,
    now: str,
) -> list[Looked]:
    """Add decisions for files of direct URLs to those for files that sources list.

    Args:
        looked: projects whose records were read.
        files: files of direct URLs, by project and name.
        reasons: why each is needed, by name.
    """
    chosen = {_key(f) for found in resolutions for pin in found.pins for f in pin.files}
    unlisted = files.keys() - {one.project.name for one in looked}
    records = [_record(state, rules, name, files[name], now) for name in sorted(unlisted)]
    return [
        _with(one, files[one.project.name], reasons, chosen) if one.project.name in files else one
        for one in (*looked, *(Looked(record, ()) for record in records))
    ]


def _with(
    one: Looked, files: dict[str, File], reasons: dict[str, str], chosen: set[tuple[str, str]]
) -> Looked:
    listed = {file.filename: file for file in one.project.files}
    added = []
    replaced = set()
    for name, file in files.items():
        there = listed.get(name)
        if there is not None and same_content(file.digests, there.digests):
            continue  # the source lists the same file
        added.append(Decision(file, True, Cause.REQUIRED, reasons.get(name, "")))
        if there is not None and _key(there) not in chosen:
            replaced.add(name)
    kept = [d for d in one.decisions if d.file.filename not in replaced]
    return msgspec.structs.replace(one, decisions=(*kept, *added))


def _record(
    state: State, rules: Rules, name: NormalizedName, files: dict[str, File], now: str
) -> Record:
    """Return the record of a project that was not requested from any source."""
    before = state.projects([name]).get(name)
    stored = state.documents([name]).get(name)
    release = split_release(next(iter(files)))
    project = stored or Project(name, release[0] if release else name)
    row = before or ProjectRow(name, project.display_name, checked_at=now)
    row = msgspec.structs.replace(row, policy=rules.fingerprint(name))
    return Record(project, row, None if stored is not None else pack(project), before)
