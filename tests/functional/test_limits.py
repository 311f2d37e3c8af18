"""Budgets and rates: space, sizes, ages, requests, bytes per second."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest

from microrepo.config.sizes import format_size
from tests.support.faults import Fault, NoLength, Pause
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer
from tests.support.transports import each_transport


@pytest.fixture
def files(index: FakeIndex) -> list[BuiltFile]:
    """Eight projects of 20 kB each."""
    built = [build_wheel(f"p{number}", "1", payload_size=20_000) for number in range(8)]
    for file in built:
        index.add(file.name, file)
    return built


def test_no_plan_leaves_too_little_free_space(
    repo: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    free = shutil.disk_usage(repo.path.parent).free
    wanted = f"{free // 10**9 + 5} GB"
    done = repo.run(
        *("refresh", "--packages", "everything", *repo.flags(), "--min-free-space", wanted),
        expect=1,
    )
    assert "refused: " in done.stdout
    assert "`min_free_space`" in done.stdout
    repo.holds()
    assert pypi.paths("/files/") == []


def test_the_repository_does_not_grow_beyond_its_budget(
    repo: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    total = sum(file.size for file in files)
    report = repo.refresh_all("--max-total-size", str(total - 1), expect=1)
    assert "`max_total_size`" in report.refused
    repo.holds()
    repo.refresh_all("--max-total-size", str(total))
    repo.holds(*files)


def test_a_refusal_names_what_only_snapshots_hold(
    repo: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    repo.refresh_all()
    repo.do("snapshot", "create", "before")
    for name in ("p0", "p1"):
        index.add(name, build_wheel(name, "2", payload_size=20_000))
    repo.refresh_all("--versions", "1")
    index.add("p0", build_wheel("p0", "3", payload_size=20_000))
    report = repo.refresh_all("--versions", "1", "--max-total-size", "1000", expect=1)
    held = json.loads(repo.run("health", "--json", "--repository", repo.path, expect=None).stdout)[
        "snapshot_bytes"
    ]
    assert held > 20_000
    assert f"This does not count {format_size(held)} that only snapshots hold." in report.refused
    wanted = f"{shutil.disk_usage(repo.path.parent).free // 10**9 + 5} GB"
    words = ["refresh", "--packages", "everything", "--versions", "1", *repo.flags()]
    done = repo.run(*words, "--min-free-space", wanted, expect=1)
    assert f"`microrepo snapshot prune` frees {format_size(held)}" in " ".join(done.stdout.split())


def test_a_full_budget_still_takes_replacements(
    repo: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    total = sum(file.size for file in files)
    repo.refresh_all("--max-total-size", str(total))
    new = build_wheel("p0", "2", payload_size=20_000)
    index.add("p0", new)
    # For a moment both are there, so the budget must have room for the new one.
    repo.refresh_all("--max-total-size", str(total), expect=1)
    repo.refresh_all("--max-total-size", str(total + new.size))
    repo.holds(new, *files[1:])


def test_large_files_are_left_out(
    repo: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    large = build_wheel("large", "1", payload_size=200_000)
    index.add("large", large)
    report = repo.refresh_all("--max-file-size", "100 kB")
    repo.holds(*files)
    assert report.rejected == {"too large": 1}


def test_young_files_wait_until_they_are_old_enough(repo: Repository, index: FakeIndex) -> None:
    now = datetime.now(timezone.utc)
    old, young = build_wheel("alpha", "1.0"), build_wheel("alpha", "2.0")
    index.add("alpha", old, upload_time=(now - timedelta(days=30)).isoformat())
    index.add("alpha", young, upload_time=(now - timedelta(days=5)).isoformat())
    repo.refresh_all("--min-age-days", "7")
    repo.holds(old)
    # Nothing changes upstream; time alone lets the file in.
    repo.refresh_all("--min-age-days", "4")
    repo.holds(young)


def test_time_alone_brings_a_file_in(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> None:
    young = build_wheel("alpha", "2.0")
    due = datetime.now(timezone.utc) - timedelta(days=1) + timedelta(seconds=4)
    index.add("alpha", young, upload_time=due.isoformat())
    repo.refresh_all("--min-age-days", "1")
    repo.holds()
    while datetime.now(timezone.utc) - timedelta(days=1) <= due:
        time.sleep(0.1)
    pypi.reset()
    repo.refresh_all("--min-age-days", "1")
    repo.holds(young)
    assert pypi.paths("/pypi/") == []


def test_time_travel(repo: Repository, index: FakeIndex) -> None:
    for year in (2021, 2022, 2023):
        index.add("alpha", build_wheel("alpha", f"{year}.1"), upload_time=f"{year}-06-01T00:00:00Z")
    repo.refresh_all("--uploaded-before", "2022-12-31")
    assert repo.names() == {"alpha-2022.1-py3-none-any.whl"}


@each_transport
def test_workers_share_the_limit_on_requests(
    repo: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    report = repo.refresh_all("--requests-per-second", "5")
    repo.holds(*files)
    # The list and eight documents; the first one is free.
    assert report.seconds >= 8 / 5 - 0.1
    assert pypi.count("/pypi/") == 8


@each_transport
def test_workers_share_the_limit_on_bytes(repo: Repository, files: list[BuiltFile]) -> None:
    total = sum(file.size for file in files)
    report = repo.refresh_all("--bandwidth", str(total // 2))
    repo.holds(*files)
    # A quarter of a second's worth may come at once.
    assert report.seconds >= 2 - 0.25 - 0.1


def test_a_larger_document_costs_its_project(
    repo: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    for version in range(2, 30):
        index.add("p0", build_wheel("p0", str(version)))
    report = repo.refresh_all("--max-document-size", "8 kB", expect=3)
    assert [failure.what for failure in report.failed] == ["p0"]
    assert "`max_document_size`" in report.failed[0].why
    repo.holds(*files[1:])
    repo.refresh_all("--max-document-size", "1 MB")
    assert "p0-29-py3-none-any.whl" in repo.names()


@dataclass(frozen=True)
class Overlapping(Fault):
    """Count the responses that are sent at the same time; each takes a moment."""

    counts: list[int] = field(default_factory=list)
    running: set[object] = field(default_factory=set)

    def stream(self, body: bytes, pause: Pause) -> Iterator[bytes]:
        response = object()
        self.running.add(response)
        self.counts.append(len(self.running))
        yield b""
        pause(0.1)
        self.running.discard(response)
        yield body


@each_transport
@pytest.mark.parametrize("closes", [True, False])
def test_a_server_that_closes_each_connection_gets_few_requests_at_a_time(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, closes: bool, transport: str
) -> None:
    for number in range(40):
        name = f"q{number}"
        index.add(name, build_wheel(name, "1"))
    overlapping = Overlapping()
    pypi.fault("*", overlapping, *([NoLength()] if closes else []))
    repo.settings = ("--packages", "everything", "--min-free-space", "0")
    repo.refresh("--processes", "2", "--transport", transport)
    assert pypi.count("/files/") == 40
    assert (max(overlapping.counts) <= 6) == closes
    assert max(overlapping.counts) <= 32
