"""The release mirror from programs: shared schedulers, destinations by callback, errors."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from microrepo import (
    CommandParameters,
    FailedCommand,
    SchedulerContext,
    StorageOperationError,
    UniquePackageLocation,
    mirror,
    mirror_with_dependencies,
)
from tests.functional.copying.conftest import content, names
from tests.support import receiver as faults
from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.receiver import Receiver
from tests.support.repository import wait_until
from tests.support.server import PyPIServer

LINUX = "cp312-manylinux_2_28_x86_64"


@pytest.fixture
def chain(index: FakeIndex) -> list[BuiltFile]:
    """Three releases, each of which needs the next."""
    built = [
        build_wheel("top", "1", requires_dist=["middle"]),
        build_wheel("middle", "1", requires_dist=["bottom"]),
        build_wheel("bottom", "1"),
    ]
    for file in built:
        index.add(file.name, file)
    return built


def test_many_calls_share_a_scheduler(
    index: FakeIndex, pypi: PyPIServer, receiver: Receiver, tmp_path: Path
) -> None:
    files = [build_wheel(f"p{number}", "1") for number in range(12)]
    for file in files:
        index.add(file.name, file)
    receiver.auth = ("me", "s3cret")
    log = tmp_path / "mirror.log"

    async def main() -> list[int]:
        logins = {receiver.url: ("me", "s3cret")}
        context = CommandParameters(log_file=log, verbose=True)
        async with SchedulerContext(logins=logins, connections=4, processes=1) as scheduler:
            for _ in range(2):
                reports = await asyncio.gather(
                    *(
                        mirror(f.name, "1", pypi.url, receiver.url, context=context,
                               scheduler=scheduler)
                        for f in files
                    )
                )  # fmt: skip
            return [report.releases[0].already for report in reports]

    assert asyncio.run(main()) == [1] * len(files)
    assert receiver.digests() == {f.filename: f.sha256 for f in files}
    assert receiver.reads["/simple/"] <= 2  # how the destination is laid out is asked once
    said = log.read_text()
    assert said.count("p7 1: copied") == 1
    assert said.count("p7 1: present") == 1
    assert "s3cret" not in said
    assert not [h for h in logging.getLogger("microrepo").handlers if "mirror.log" in str(h)]


def test_destinations_by_callback(
    chain: list[BuiltFile], pypi: PyPIServer, receiver: Receiver, tmp_path: Path
) -> None:
    asked: list[UniquePackageLocation] = []

    async def route(release: UniquePackageLocation) -> str:
        await asyncio.sleep(0)
        asked.append(release)
        if release.package_name == "bottom":
            return release.repository
        return receiver.url if release.package_name == "middle" else str(tmp_path / "there")

    call = mirror_with_dependencies(
        "top", "1", pypi.url, route, environments=[LINUX],
        max_concurrent_single_package_mirror_ops=1,
    )  # fmt: skip
    report = asyncio.run(call)
    assert [one.package_name for one in asked] == ["bottom", "middle", "top"]
    assert {one.name: one.status for one in report.releases} == {
        "bottom": "left",
        "middle": "copied",
        "top": "copied",
    }
    assert content(tmp_path / "there") == {chain[0].filename: chain[0].content}
    assert set(receiver.digests()) == {chain[1].filename}


def test_errors_of_both_kinds(
    chain: list[BuiltFile], pypi: PyPIServer, receiver: Receiver, tmp_path: Path
) -> None:
    there = tmp_path / "there"

    def run(name: str = "top", version: str = "1", source: str = pypi.url, to: str = "") -> None:
        asyncio.run(mirror(name, version, source, to or str(there)))

    with pytest.raises(FailedCommand, match="release not found"):
        run(version="9")
    with pytest.raises(FailedCommand, match="project not found"):
        run(name="absent")
    with pytest.raises(FailedCommand, match="is not a version"):
        run(version=">=1")
    with pytest.raises(FailedCommand, match="a repository is a directory"):
        run(to="ftp://h.example/")
    assert not there.exists()
    there.mkdir()
    (there / chain[0].filename).write_bytes(b"other")
    with pytest.raises(FailedCommand, match="different content"):
        run()
    assert names(there) == {chain[0].filename}
    with pytest.raises(StorageOperationError, match="directory not found"):
        run(source=str(tmp_path / "absent"))
    pypi.fault("*/middle-1-py3-none-any.whl", Status(404))
    with pytest.raises(StorageOperationError, match="middle-1"):
        run(name="middle")
    receiver.faults += [faults.status(400, b"not on Sundays")]
    with pytest.raises(StorageOperationError, match="not on Sundays"):
        run(name="bottom", to=receiver.url)


def test_a_dry_run_writes_nothing(chain: list[BuiltFile], pypi: PyPIServer, tmp_path: Path) -> None:
    context = CommandParameters(dry_run=True, hash_cache_file=tmp_path / "hashes.json")
    call = mirror_with_dependencies(
        "top", "1", pypi.url, tmp_path / "there", True, environments=[LINUX], context=context
    )
    report = asyncio.run(call)
    assert [one.status for one in report.releases] == ["planned"] * 3
    assert names(tmp_path) == set()


def test_a_cancelled_call_ends_in_good_order(
    chain: list[BuiltFile], pypi: PyPIServer, receiver: Receiver
) -> None:
    held, go = threading.Event(), threading.Event()

    def waiting(*_: object) -> bool:
        held.set()
        go.wait(30)
        return False

    receiver.faults += [waiting]

    async def main() -> None:
        async with SchedulerContext(processes=1) as scheduler:
            call = asyncio.create_task(
                mirror_with_dependencies(
                    "top", "1", pypi.url, receiver.url, environments=[LINUX], scheduler=scheduler
                )
            )
            await asyncio.to_thread(wait_until, held.is_set)
            call.cancel()
            for _ in range(5):  # until the call has noticed
                await asyncio.sleep(0)
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await call
            report = await mirror("top", "1", pypi.url, receiver.url, scheduler=scheduler)
            assert report.releases[0].status == "copied"

    asyncio.run(main())
    assert chain[1].filename not in receiver.digests()
