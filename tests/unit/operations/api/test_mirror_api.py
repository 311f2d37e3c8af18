"""The release mirror for programs: coroutines that share a scheduler."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import FailedCommand
from microrepo.operations.api.copy_api import everything
from microrepo.operations.api.mirror_api import (
    CommandParameters,
    SchedulerContext,
    mirror,
    mirror_with_dependencies,
)
from microrepo.operations.mirror.mirror_records import MirrorReport, UniquePackageLocation
from tests.support.packages import build_wheel

DRY = CommandParameters(dry_run=True)


@pytest.fixture(autouse=True)
def files(source: Path) -> None:
    for built in (build_wheel("app", "1.0", requires_dist=["base"]), build_wheel("base", "1.0")):
        built.write_to(source)


def test_a_destination_is_asked_for_each_release(
    config: Config, source: Path, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def route(release: UniquePackageLocation) -> str:
        asked.append(release.package_name)
        return str(tmp_path / release.package_name)

    async def run() -> MirrorReport:
        async with SchedulerContext(config=everything(config, (), latest=False)) as scheduler:
            return await mirror_with_dependencies(
                "app", "1.0", source, route, context=DRY, scheduler=scheduler
            )

    report = asyncio.run(run())
    assert (asked, report.exit_code) == (["base", "app"], 0)
    assert [one.status for one in report.releases] == ["planned", "planned"]


@pytest.mark.parametrize("version", ["9.0", ">=1"])
def test_what_cannot_be_done_is_raised(
    config: Config, source: Path, tmp_path: Path, version: str
) -> None:
    async def run() -> None:
        async with SchedulerContext(config=config, connections=3) as scheduler:
            assert scheduler.config.connections == 3
            await mirror("app", version, source, tmp_path / "to", context=DRY, scheduler=scheduler)

    with pytest.raises(FailedCommand):
        asyncio.run(run())
    assert not (tmp_path / "to").exists()


def test_a_call_has_its_own_log(config: Config, source: Path, tmp_path: Path) -> None:
    context = CommandParameters(dry_run=True, log_file=tmp_path / "log")

    async def run() -> None:
        async with SchedulerContext(config=config) as scheduler:
            to = tmp_path / "to"
            await mirror("base", "1.0", source, to, context=context, scheduler=scheduler)

    asyncio.run(run())
    assert "base 1.0" in (tmp_path / "log").read_text()
