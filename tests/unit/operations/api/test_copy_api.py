"""A copy in one call, and settings under which only a requirement decides."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.operations.api.copy_api import copy_between, everything
from microrepo.operations.copy.copy_run import CopyOptions
from tests.support.packages import build_wheel

BUILT = [build_wheel("foo", version) for version in ("1.0", "2.0", "3.0rc1")]


@pytest.mark.parametrize(
    ("requirements", "latest", "copied"),
    [(None, False, 3), (["foo<2"], False, 1), (["foo"], True, 1), ([], False, 0)],
)
def test_what_is_copied(
    config: Config, source: Path, target: Path,
    requirements: list[str] | None, latest: bool, copied: int,
) -> None:  # fmt: skip
    for built in BUILT:
        built.write_to(source)
    report = copy_between(source, target, requirements, latest=latest, config=config)
    assert (report.copied, report.exit_code) == (copied, 0)
    assert len(list(target.glob("*.whl"))) == copied


def test_a_dry_run(config: Config, source: Path, target: Path) -> None:
    BUILT[0].write_to(source)
    report = copy_between(source, target, config=config, manner=CopyOptions(dry_run=True))
    assert (len(report.plan), list(target.iterdir())) == (1, [])


def test_filters_of_a_refresh_do_not_count(config: Config) -> None:
    strict = msgspec.structs.replace(config, package_types=["sdist"], max_file_size="1 MB")
    found = everything(strict, ["foo"], latest=False)
    assert (found.versions, found.exclude, found.max_file_size) == ("all", ["foo"], "1 MB")
    assert found.package_types != ["sdist"]
    assert everything(strict, (), latest=True).versions == 1
