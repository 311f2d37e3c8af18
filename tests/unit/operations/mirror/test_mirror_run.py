"""A release with all that it needs: in which order, and with which exit code."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, ConfigError
from microrepo.operations.mirror.connections import Connections
from microrepo.operations.mirror.mirror_records import MirrorReport, MirrorRequest
from microrepo.operations.mirror.mirror_run import mirror, named_environments
from tests.support.packages import build_wheel


@pytest.fixture(autouse=True)
def files(source: Path) -> None:
    for built in (
        build_wheel("app", "1.0", requires_dist=["base", "more"]),
        build_wheel("broken", "1.0", requires_dist=["nothing"]),
        build_wheel("base", "1.0"),
        build_wheel("more", "1.0"),
    ):
        built.write_to(source)


def run(
    connections: Connections, source: Path, to: Path, name: str = "app", **order: Any
) -> MirrorReport:
    request = MirrorRequest(name, order.pop("version", "1.0"), **order)
    try:
        return mirror(connections, str(source), lambda _: str(to), request)
    finally:
        connections.close()


def names(directory: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in directory.glob("*.whl")}


def test_a_release_by_itself(connections: Connections, source: Path, target: Path) -> None:
    report = run(connections, source, target)
    assert [(one.name, one.status) for one in report.releases] == [("app", "copied")]
    assert (report.exit_code, names(target)) == (0, {"app"})


def test_what_it_needs_comes_first(connections: Connections, source: Path, target: Path) -> None:
    report = run(connections, source, target, dependencies=True)
    assert [one.name for one in report.releases][-1] == "app"
    assert (report.exit_code, names(target)) == (0, {"app", "base", "more"})


def test_what_is_missing_is_told(connections: Connections, source: Path, target: Path) -> None:
    report = run(connections, source, target, "broken", dependencies=True)
    assert (report.missing, report.exit_code) == (("nothing",), 3)
    assert names(target) == {"broken"}


def test_a_release_that_there_is_not_fails(
    connections: Connections, source: Path, target: Path
) -> None:
    report = run(connections, source, target, version="9.0")
    assert (report.releases[-1].status, report.exit_code) == ("refused", 1)


def test_a_release_may_stay_where_it_is(connections: Connections, source: Path) -> None:
    report = run(connections, source, source)
    assert ([one.status for one in report.releases], report.exit_code) == (["left"], 0)


@pytest.mark.parametrize(
    "order",
    [{"version": ""}, {"version": ">=1"}, {"name": "app[x]"}, {"name": "app<2"},
     {"max_concurrent": 0}, {"label": "x"}, {"label": " ", "tags": True}],
)  # fmt: skip
def test_orders_that_mean_nothing(
    connections: Connections, source: Path, target: Path, order: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        run(connections, source, target, **order)
    assert names(target) == set()


def test_it_can_be_cancelled(connections: Connections, source: Path, target: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    order = MirrorRequest("app", "1.0")
    with pytest.raises(Cancelled):
        mirror(connections, str(source), lambda _: str(target), order, cancel=cancel)
    connections.close()
    assert names(target) == set()


def test_environments_by_their_names(config: Config) -> None:
    found = named_environments(["cp311-win_amd64"], config)
    assert [one.name for one in found] == ["cp311-win_amd64"]
    with pytest.raises(ConfigError):
        named_environments(["nowhere"], config)
