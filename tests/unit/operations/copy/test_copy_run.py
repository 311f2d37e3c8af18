"""One copy: what is compared, what is sent, and what never is."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import Cancelled
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.operations.api.copy_api import everything
from microrepo.operations.copy.copy_run import CopyOptions, CopyRun, copy
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.reporting import SilentReporter
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.selection.rules.policy import Policy, build_policy
from tests.support.packages import build_sdist, build_wheel
from tests.unit.operations.conftest import MakeChannel

FOO, FOO_2 = build_wheel("foo", "1.0"), build_wheel("foo", "2.0")
BAR = build_sdist("bar", "1.0")


@pytest.fixture(autouse=True)
def files(source: Path) -> None:
    for built in (FOO, FOO_2, BAR):
        built.write_to(source)


def policy_of(config: Config, *requested: str, **changes: Any) -> Policy:
    rules = everything(msgspec.structs.replace(config, **changes), (), latest=False)
    return build_policy(rules, parse_requirements(requested) if requested else None)


def run(
    config: Config, open_near: MakeChannel, *requested: str, how: CopyOptions | None = None,
    replace: bool = False, further: tuple[Path, ...] = (), **changes: Any,
) -> CopyRun:  # fmt: skip
    policy = policy_of(config, *requested, **changes)
    channel = open_near(replace=replace, further=further)
    run = CopyRun(channel, how or CopyOptions(), SilentReporter())
    run.choose = run.choosing_by(policy)
    run.carry_out(policy)
    return run


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))


def test_everything_is_linked(
    config: Config, open_near: MakeChannel, source: Path, target: Path
) -> None:
    report = run(config, open_near).report
    assert names(target) == names(source)
    assert (target / FOO.filename).samefile(source / FOO.filename)
    assert (report.downloaded, report.projects, report.exit_code()) == (3, 2, 0)


def test_only_what_is_asked_for(config: Config, open_near: MakeChannel, target: Path) -> None:
    report = run(config, open_near, "foo<2", "nothing").report
    assert names(target) == [FOO.filename]
    assert (report.missing, report.exit_code()) == (["nothing"], 3)


def test_what_is_there_is_not_sent_again(
    config: Config, open_near: MakeChannel, target: Path
) -> None:
    FOO.write_to(target)
    report = run(config, open_near, "foo").report
    assert (report.totals.adopt, report.downloaded) == (1, 1)


@pytest.mark.parametrize("replace", [False, True])
def test_other_content_of_the_same_name(
    config: Config, open_near: MakeChannel, target: Path, replace: bool
) -> None:
    (target / FOO.filename).write_bytes(b"x" * FOO.size)
    report = run(config, open_near, "foo", replace=replace).report
    content = (target / FOO.filename).read_bytes()
    assert content == (FOO.content if replace else b"x" * FOO.size)
    assert [one.what for one in report.conflicts] == ([] if replace else [FOO.filename])
    assert FOO_2.filename in names(target)


def test_a_whole_copy_sends_nothing_next_to_a_conflict(
    config: Config, open_near: MakeChannel, target: Path
) -> None:
    (target / FOO.filename).write_bytes(b"other")
    run(config, open_near, "foo", how=CopyOptions(whole=True))
    assert names(target) == [FOO.filename]


def test_a_dry_run_only_plans(config: Config, open_near: MakeChannel, target: Path) -> None:
    report = run(config, open_near, how=CopyOptions(dry_run=True)).report
    assert len(report.plan) == 3
    assert names(target) == []


def test_a_copy_that_is_read_is_verified(
    config: Config, open_near: MakeChannel, source: Path, target: Path
) -> None:
    """What the source says of a file must hold."""
    (source / f"{FOO.filename}.hash").write_text(f"sha256={'0' * 64}")
    report = run(config, open_near, "foo==1.0", how=CopyOptions(verify=True)).report
    assert names(target) == []
    assert [one.what for one in report.failed] == [FOO.filename]


def test_several_sources_are_asked_through_the_workers(
    config: Config, open_near: MakeChannel, tmp_path: Path, target: Path
) -> None:
    (tmp_path / "second").mkdir()
    later, more = build_wheel("foo", "9.0"), build_wheel("more", "1.0")
    for built in (later, more):
        built.write_to(tmp_path / "second")
    report = run(config, open_near, further=(tmp_path / "second",)).report
    assert names(target) == sorted(one.filename for one in (FOO, FOO_2, BAR, more))
    assert report.projects == 3


def test_a_source_that_does_not_answer_is_a_failure(
    config: Config, open_near: MakeChannel, source: Path, tmp_path: Path
) -> None:
    for path in source.iterdir():
        path.unlink()
    source.rmdir()
    report = run(config, open_near, "foo", further=(tmp_path,)).report
    assert [one.what for one in report.failed] == ["foo"]


@pytest.mark.parametrize(
    ("requested", "changes", "why"),
    [
        ("foo>9", {}, "no file"),
        ("bar", {"max_file_size": "1"}, "no file"),
        ("foo==1.0,==1.*", {"exclude_files": ["x"]}, ""),
    ],
)
def test_a_request_that_leads_to_nothing(
    config: Config, open_near: MakeChannel, requested: str, changes: dict[str, Any], why: str
) -> None:
    failed = run(config, open_near, requested, **changes).report.failed
    assert [one.why.startswith(why) for one in failed] == ([True] if why else [])


def test_batches_end_one_after_the_other(
    config: Config, open_near: MakeChannel, target: Path
) -> None:
    report = run(config, open_near, how=CopyOptions(batch_projects=1)).report
    assert (report.projects, len(names(target))) == (2, 3)


def test_it_can_be_cancelled(config: Config, open_near: MakeChannel, target: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        run(config, open_near, how=CopyOptions(cancel=cancel))
    assert names(target) == []


def test_a_copy_leaves_only_files(config: Config, source: Path, tmp_path: Path) -> None:
    endpoints = Endpoints(
        SourceSettings("directory", str(source), name="source"),
        DestinationSettings("directory", str(tmp_path / "new"), name="new"),
    )
    report = copy(config, endpoints, policy_of(config, "foo"))
    assert (report.copied, report.destination) == (2, "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        FOO.filename,
        FOO_2.filename,
    ]
