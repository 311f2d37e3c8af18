"""What a release needs, found at its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.operations.mirror.connections import Connections
from microrepo.operations.mirror.mirror_records import MirrorRequest
from microrepo.operations.mirror.release_closure import (
    ReleaseClosure,
    find_release_closure,
    with_redirects,
)
from microrepo.selection.environments.presets import environment_from_preset
from tests.support.packages import build_wheel

LINUX = environment_from_preset("linux", "cp311-manylinux_2_28_x86_64")
WINDOWS = environment_from_preset("windows", "cp311-win_amd64")


@pytest.fixture(autouse=True)
def files(source: Path) -> None:
    needs = ["base<2", "win ; sys_platform == 'win32'"]
    for built in (
        build_wheel("app", "1.0", requires_dist=needs),
        build_wheel("app", "2.0", requires_dist=["nothing"]),
        build_wheel("base", "1.0"),
        build_wheel("base", "2.0"),
        build_wheel("win", "3.0"),
    ):
        built.write_to(source)


def find(
    config: Config, connections: Connections, source: Path, version: str, *names: str
) -> ReleaseClosure:
    environments = tuple(one for one in (LINUX, WINDOWS) if one.name in names)
    order = MirrorRequest("app", version, dependencies=True)
    return find_release_closure(config, connections, str(source), order, environments)


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["linux"], [("base", "1.0")]), (["linux", "windows"], [("base", "1.0"), ("win", "3.0")])],
)
def test_what_it_needs_in_all_environments(
    config: Config, connections: Connections, source: Path,
    names: list[str], expected: list[tuple[str, str]],
) -> None:  # fmt: skip
    found = find(config, connections, source, "1.0", *names)
    assert [(one.package_name, one.version) for one in found.releases] == expected
    assert (found.missing, found.failed) == ((), ())


def test_what_the_source_does_not_have(
    config: Config, connections: Connections, source: Path
) -> None:
    found = find(config, connections, source, "2.0", "linux")
    assert (found.releases, found.missing) == ((), ("nothing",))
    assert found.failed


def test_direct_urls_count_as_requirements_of_an_index() -> None:
    metadata = CoreMetadata("app", "1.0", ("bar @ https://f.example/bar-2.0.tar.gz", "base<2"))
    assert with_redirects(metadata).requires_dist == ("bar==2.0", "base<2")
