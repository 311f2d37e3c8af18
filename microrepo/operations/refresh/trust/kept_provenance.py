"""Keeper of the provenance objects beside the files of a repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from microrepo.model import File
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.stores.flat_directory import FlatDirectory, provenance_name
from microrepo.transfer.tasks import FetchProvenance


def keep_provenance(holdings: Holdings, work: WorkContext, looked: Iterable[Looked]) -> set[str]:
    """Put missing provenance objects beside the kept files of projects.

    Returns:
        The projects that lack one, which is reported.
    """
    asked = [
        (one.project.name, work.submit(_task(file)))
        for one in looked
        for file in _lacking(holdings.directory, one)
    ]
    work.wait_for(future for _, future in asked)
    failed: set[str] = set()
    for project, future in asked:
        outcome = future.result()
        work.report.received_bytes += outcome.fetched_bytes
        if outcome.error:
            work.report.failed.append(Failure(provenance_name(outcome.filename), outcome.error))
            failed.add(project)
    return failed


def _lacking(directory: FlatDirectory, looked: Looked) -> Iterator[File]:
    """Yield the attested files in the directory without an object of their own."""
    for decision in looked.decisions:
        file = decision.file
        if not decision.keep or file.provenance is None:
            continue
        disk = directory.stat(file.filename)
        beside = directory.stat(provenance_name(file.filename)) if disk is not None else None
        if disk is not None and (beside is None or beside.mtime_ns != disk.mtime_ns):
            yield file


def _task(file: File) -> FetchProvenance:
    return FetchProvenance(file.filename, file.provenance or "", file.digests.sha256, keep=True)
