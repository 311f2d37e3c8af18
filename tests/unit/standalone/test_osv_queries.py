"""Questions in the form of OSV's API: several at once cost little more than one."""

from __future__ import annotations

import io

from microrepo.formats.advisories.index_building import build_index
from microrepo.standalone.server.advisories.advisory_index import AdvisoryIndex
from microrepo.standalone.server.advisories.osv_queries import (
    OsvQuery,
    answer_batch,
    answer_query,
)
from tests.support.advisories import osv_archive, osv_record

RECORDS = [
    osv_record("GHSA-1", "evil", introduced="", aliases=["MAL-1", None]),
    osv_record("PYSEC-1", "foo", fixed="1.1"),
]
CONTENT = build_index(io.BytesIO(osv_archive(RECORDS)), "all.zip", "").content


def test_a_batch_reads_each_project_once() -> None:
    reads: list[int] = []

    def read(offset: int, size: int) -> bytes:
        reads.append(offset)
        return CONTENT[offset : offset + size]

    index = AdvisoryIndex(read)
    reads.clear()
    queries = [OsvQuery("foo", "1.0"), OsvQuery("evil", "9"), OsvQuery("foo", "1.1")] * 300
    found = [[one["id"] for one in vulns] for vulns in answer_batch(index, queries)]
    assert found == [["PYSEC-1"], ["GHSA-1"], []] * 300
    assert len(reads) == 2


def test_malware_that_an_alias_names_affects_all_releases() -> None:
    index = AdvisoryIndex(lambda offset, size: CONTENT[offset : offset + size])
    assert index.has_malware("evil")
    assert not index.has_malware("foo")
    assert [one["id"] for one in answer_query(index, OsvQuery("evil", "1"))] == ["GHSA-1"]
    assert answer_query(index, OsvQuery("foo")) == [RECORDS[1]]
