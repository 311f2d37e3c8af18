"""Metadata of distributions: read once for all runs, from here where the file is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import Digests, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.metadata_reader import MetadataReader
from microrepo.state import FileRow
from microrepo.transfer.download.remote_metadata import pack_metadata
from microrepo.transfer.tasks import MetadataOutcome, metadata_of
from tests.support.packages import build_wheel
from tests.support.upstream import file_of
from tests.unit.operations.conftest import Workers

FILE = file_of(build_wheel("foo", "1.0"))
METADATA = CoreMetadata("foo", "1.0", ("bar",))
Answers = Callable[..., MetadataOutcome]


@pytest.fixture
def reader(holdings: Holdings, work: WorkContext, workers: Workers) -> MetadataReader:
    workers.answer = lambda task: MetadataOutcome(
        task.filename, pack_metadata(METADATA), fetched_bytes=5
    )
    return MetadataReader(holdings, work)


def read(reader: MetadataReader, file: Any = FILE) -> CoreMetadata | str:
    return reader.collect(reader.ask([file]))[FILE.filename]


def test_it_is_asked_for_once(reader: MetadataReader, workers: Workers, work: WorkContext) -> None:
    assert read(reader) == read(reader) == METADATA
    assert workers.tasks == [metadata_of(FILE)]
    assert (work.report.metadata, reader.failed) == (1, False)


def test_other_content_of_the_name_is_asked_for(reader: MetadataReader, workers: Workers) -> None:
    read(reader)
    read(reader, msgspec.structs.replace(FILE, digests=Digests("0" * 64)))
    assert len(workers.tasks) == 2


def test_content_without_a_digest_is_not_kept(
    reader: MetadataReader, workers: Workers, holdings: Holdings
) -> None:
    nameless = msgspec.structs.replace(FILE, digests=Digests())
    for _ in range(2):
        assert read(reader, nameless) == METADATA
    assert len(workers.tasks) == 2
    assert holdings.state.metadata([FILE.filename]) == {}


def test_a_dry_run_keeps_nothing(
    reader: MetadataReader, work: WorkContext, holdings: Holdings
) -> None:
    work.report.dry_run = True
    assert read(reader) == METADATA
    assert holdings.state.metadata([FILE.filename]) == {}


@pytest.mark.parametrize("transient", [False, True])
def test_metadata_that_cannot_be_had(
    reader: MetadataReader, workers: Workers, work: WorkContext, transient: bool
) -> None:
    workers.answer = lambda task: MetadataOutcome(
        task.filename, error="HTTP 500", transient=transient
    )
    assert read(reader) == "HTTP 500"
    assert reader.failed is transient
    assert [FILE.filename in text for text in work.report.warnings] == [True]


@pytest.mark.parametrize(
    ("digest", "intact", "here"),
    [
        (FILE.digests.sha256, True, True),
        (FILE.digests.sha256, False, False),
        ("0" * 64, True, False),
    ],
)
def test_a_file_that_is_here_is_read_here(
    reader: MetadataReader,
    workers: Workers,
    holdings: Holdings,
    digest: str,
    intact: bool,
    here: bool,
) -> None:
    holdings.directory.file(FILE.filename).write_bytes(b"four")
    disk = holdings.directory.stat(FILE.filename)
    assert disk is not None
    time = disk.mtime_ns if intact else 1
    row = FileRow(FILE.filename, NormalizedName("foo"), "1.0", "", 4, Digests(digest), True, time)
    with holdings.state.transaction():
        holdings.state.save_files([row])
    read(reader)
    assert [task.here for task in workers.tasks] == [here]
