"""Refresh of advisories: conditional, from URLs and files, and never from better to worse."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.client.settings import Answer
from microrepo.config.schema import Config
from microrepo.errors import SourceError, Unavailable
from microrepo.operations.advisories.advisory_age import advisory_problem, is_stale
from microrepo.operations.advisories.advisory_refresh import AdvisoryRefresh
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles
from microrepo.operations.records.report import ReportBuilder
from tests.support.advisories import osv_archive, osv_record

URL = "https://osv.example/all.zip"
NOW = "2026-06-10T00:00:00.000000Z"
FIRST = osv_archive([osv_record("PYSEC-1", "foo", modified="2026-06-01T00:00:00Z")])
SECOND = osv_archive([osv_record("PYSEC-2", "foo", modified="2026-06-02T00:00:00Z")])


class OneAnswer:
    """A client that has one answer, and remembers what it was asked with."""

    def __init__(self, answer: Answer | SourceError) -> None:
        self.answer = answer
        self.headers: Mapping[str, str] = {}

    def get(self, url: str, headers: Mapping[str, str], bound: object) -> Answer:
        assert url == URL
        self.headers = headers
        if isinstance(self.answer, SourceError):
            raise self.answer
        return self.answer

    def close(self) -> None:
        pass


def ok(body: bytes, **headers: str) -> Answer:
    return Answer(
        200, {name.replace("_", "-"): value for name, value in headers.items()}, body, URL
    )


@pytest.fixture
def report() -> ReportBuilder:
    return ReportBuilder("refresh", "here", NOW)


def refresh(
    config: Config, report: ReportBuilder, answer: Answer | SourceError, **how: Any
) -> tuple[list[str], Mapping[str, str]]:
    changed = msgspec.structs.replace(config, advisories=URL.replace("//", "//me:secret@"))
    client: Any = OneAnswer(answer)
    known = AdvisoryRefresh(changed, report, lambda: client, **how).run()
    return [one.id for one in known.affecting("foo", "1")], client.headers


def test_conditional_requests(config: Config, report: ReportBuilder) -> None:
    found, asked = refresh(config, report, ok(FIRST, ETag='"1"'))
    assert (found, asked) == (["PYSEC-1"], {})
    origin = AdvisoryFiles(Path(config.repository)).origin()
    assert origin is not None
    assert (origin.url, origin.as_of) == (URL, NOW)
    found, asked = refresh(config, report, Answer(304, {}, b"", URL))
    assert (found, asked) == (["PYSEC-1"], {"If-None-Match": '"1"'})
    found, _ = refresh(config, report, ok(SECOND, ETag='"2"'))
    assert found == ["PYSEC-2"]


def test_the_time_is_that_of_the_source(config: Config, report: ReportBuilder) -> None:
    refresh(config, report, ok(FIRST, Last_Modified="Mon, 01 Jun 2026 00:00:00 GMT"))
    files = AdvisoryFiles(Path(config.repository))
    assert files.as_of() == "2026-06-01T00:00:00.000000Z"
    late = "Wed, 01 Jul 2026 00:00:00 GMT"
    refresh(config, report, ok(SECOND, Last_Modified=late))
    assert files.as_of() == NOW  # no source knows the future
    refresh(config, report, Answer(304, {"Last-Modified": "nonsense"}, b"", URL))
    assert files.as_of() == NOW


def test_a_stale_copy_stays_so_when_nothing_changes(config: Config, report: ReportBuilder) -> None:
    stated = "Mon, 01 Jun 2026 00:00:00 GMT"
    refresh(config, report, ok(FIRST, ETag='"1"', Last_Modified=stated))
    files = AdvisoryFiles(Path(config.repository))
    for headers in ({}, {"Last-Modified": "nonsense"}):
        refresh(config, report, Answer(304, headers, b"", URL))
        assert files.as_of() == "2026-06-01T00:00:00.000000Z"
    later = "Fri, 05 Jun 2026 00:00:00 GMT"
    refresh(config, report, Answer(304, {"Last-Modified": later}, b"", URL))
    assert files.as_of() == "2026-06-05T00:00:00.000000Z"


def test_same_content_is_not_written_again(config: Config, report: ReportBuilder) -> None:
    refresh(config, report, ok(FIRST))
    files = AdvisoryFiles(Path(config.repository))
    before = files.archive.stat().st_ino
    refresh(config, report, ok(FIRST))
    assert files.archive.stat().st_ino == before


@pytest.mark.parametrize("status", [200, 304])
def test_a_damaged_index_is_written_again(
    config: Config, report: ReportBuilder, status: int
) -> None:
    refresh(config, report, ok(FIRST, ETag='"1"'))
    index = AdvisoryFiles(Path(config.repository)).index
    whole = index.read_bytes()
    index.write_bytes(whole[:-3] + b"odd")
    answer = ok(FIRST, ETag='"1"') if status == 200 else Answer(304, {}, b"", URL)
    report.dry_run = True
    assert refresh(config, report, answer)[0] == ["PYSEC-1"]
    assert index.read_bytes() != whole
    report.dry_run = False
    assert refresh(config, report, answer)[0] == ["PYSEC-1"]
    assert index.read_bytes() == whole


def test_a_time_of_the_future_does_not_make_later_archives_older(
    config: Config, report: ReportBuilder
) -> None:
    odd = osv_record("PYSEC-1", "foo", modified="9999-12-31T00:00:00Z")
    usual = osv_record("PYSEC-3", "foo", modified="2026-06-01T00:00:00Z")
    refresh(config, report, ok(osv_archive([odd, usual])))
    assert refresh(config, report, ok(SECOND))[0] == ["PYSEC-2"]
    assert not report.warnings


def test_a_dry_run_saves_nothing(config: Config, report: ReportBuilder) -> None:
    report.dry_run = True
    found, _ = refresh(config, report, ok(FIRST))
    assert found == ["PYSEC-1"]
    assert not AdvisoryFiles(Path(config.repository)).exist()


@pytest.mark.parametrize(
    "answer",
    [Unavailable(URL, "no answer"), Answer(404, {}, b"", URL), ok(b"<html>"), ok(osv_archive([]))],
)
def test_without_a_usable_answer(
    config: Config, report: ReportBuilder, answer: Answer | SourceError
) -> None:
    with pytest.raises(SourceError):
        refresh(config, report, answer)
    refresh(config, report, ok(FIRST, ETag='"1"'))
    found, _ = refresh(config, report, answer)
    assert found == ["PYSEC-1"]
    assert len(report.warnings) == 1
    assert not report.failed


def test_stale_ones_that_cannot_be_renewed_fail(config: Config, report: ReportBuilder) -> None:
    refresh(config, report, ok(FIRST, Last_Modified="Mon, 01 Jun 2026 00:00:00 GMT"))
    refresh(config, report, Unavailable(URL, "no answer"))
    assert [one.what for one in report.failed] == ["advisories"]
    assert "2026-06-01" in report.failed[0].why


@pytest.mark.parametrize("worse", ["older", "smaller"])
def test_what_is_worse_is_no_news(config: Config, report: ReportBuilder, worse: str) -> None:
    many = [
        osv_record(f"PYSEC-{number}", "foo", modified="2026-06-02T00:00:00Z") for number in range(3)
    ]
    refresh(config, report, ok(osv_archive(many)))
    modified = "2026-05-01T00:00:00Z" if worse == "older" else "2026-07-01T00:00:00Z"
    count = 3 if worse == "older" else 1
    records = [osv_record(f"GHSA-{number}", "foo", modified=modified) for number in range(count)]
    found, _ = refresh(config, report, ok(osv_archive(records)))
    assert len(found) == 3
    assert "--force-check" in report.warnings[0]
    found, _ = refresh(config, report, ok(osv_archive(records)), credulous=True)
    assert found[0] == "GHSA-0"


def test_unreadable_records_are_named(config: Config, report: ReportBuilder) -> None:
    archive = osv_archive([osv_record("PYSEC-1", "foo")], {"odd.json": b"{"})
    refresh(config, report, ok(archive))
    assert "1 record cannot be used (first: odd.json" in report.warnings[0]


def test_a_damaged_archive_is_requested_again(config: Config, report: ReportBuilder) -> None:
    refresh(config, report, ok(FIRST, ETag='"1"'))
    AdvisoryFiles(Path(config.repository)).archive.write_bytes(b"damage")
    found, asked = refresh(config, report, ok(FIRST, ETag='"1"'))
    assert (found, asked) == (["PYSEC-1"], {})


def read_file(config: Config, report: ReportBuilder, text: str) -> list[str]:
    def no_client() -> Any:
        raise AssertionError("a file needs no client")

    changed = msgspec.structs.replace(config, advisories=text)
    known = AdvisoryRefresh(changed, report, no_client).run()
    return [one.id for one in known.affecting("foo", "1")]


def test_a_file(config: Config, report: ReportBuilder, tmp_path: Path) -> None:
    path = tmp_path / "a b.zip"
    with pytest.raises(Unavailable):
        read_file(config, report, str(path))
    path.write_bytes(FIRST)
    os.utime(path, (0, 0))
    assert read_file(config, report, str(path)) == ["PYSEC-1"]
    files = AdvisoryFiles(Path(config.repository))
    assert files.as_of() == "1970-01-01T00:00:00.000000Z"
    path.write_bytes(SECOND)
    assert read_file(config, report, path.as_uri()) == ["PYSEC-2"]
    assert files.sha256() == hashlib.sha256(SECOND).hexdigest()
    with path.open("wb") as stream:
        stream.truncate((256 << 20) + 1)
    assert read_file(config, report, str(path)) == ["PYSEC-2"]


def test_stale() -> None:
    config = Config(advisories_max_age="P3D")
    assert not is_stale(None, NOW, config)
    assert not is_stale("2026-06-07T00:00:00.000000Z", NOW, config)
    assert is_stale("2026-06-06T23:59:59.000000Z", NOW, config)
    assert advisory_problem("2026-06-07T00:00:00.000000Z", NOW, config) == ""
    assert "of 2026-06-06" in advisory_problem("2026-06-06T23:59:59.000000Z", NOW, config)
