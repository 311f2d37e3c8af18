"""Check: what installs from the files that are there, and what is said of the rest."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, ConfigError, RepositoryError
from microrepo.model import Digests
from microrepo.operations.closure.check import CheckReport, check
from microrepo.operations.closure.target_records import record_environments
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, read_requests
from microrepo.selection.environments.environment import Environment
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from tests.support.odd_wheels import odd_wheel
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.shelf import Shelf

APP, BASE = build_wheel("app", "1.0", requires_dist=["base"]), build_wheel("base", "1.0")


def run(config: Config, *requested: str, only: tuple[str, ...] = ()) -> CheckReport:
    requests = read_requests(requested, Path("/")) if requested else EVERYTHING_REQUESTED
    return check(config, requests, only)


def test_what_is_there_installs(shelf: Shelf, config: Config) -> None:
    shelf.hold(APP)
    shelf.hold(BASE)
    report = run(config, "app")
    assert (report.closed, report.goals, report.environments) == (True, 1, ("linux",))
    assert (report.missing, report.exit_code) == ((), 0)


def test_everything_is_each_project_that_is_there(shelf: Shelf, config: Config) -> None:
    shelf.hold(APP)
    shelf.hold(BASE)
    (shelf.path / BASE.filename).unlink()
    report = run(config)
    assert report.goals == 1
    (missing,) = report.missing
    assert (missing.goal, missing.environment, report.exit_code) == ("app", "linux", 3)


@pytest.mark.parametrize("damage", ["", "cut", "another name", "no record"])
def test_a_file_that_cannot_install_is_not_counted(
    shelf: Shelf, config: Config, damage: str
) -> None:
    shelf.hold(BASE)
    content = odd_wheel(BASE.filename, fault=damage)
    digests = Digests(sha256=hashlib.sha256(content).hexdigest())
    (shelf.path / BASE.filename).write_bytes(content)
    with shelf.state.transaction():
        shelf.state.save_files(
            msgspec.structs.replace(row, size=len(content), digests=digests)
            for row in list(shelf.state.files())
        )
    assert run(config, "base").closed is (damage == "")


@pytest.mark.parametrize("mark", [{"mtime_ns": DAMAGED_MTIME_NS}, {"size": 1}])
@pytest.mark.parametrize("other", [build_wheel("base", "0.9"), build_sdist("base", "1.0")])
def test_installers_do_not_pass_over_a_damaged_file(
    shelf: Shelf, config: Config, other: BuiltFile, mark: dict[str, int]
) -> None:
    """Neither an older release nor an sdist takes its place, and it is not forgotten."""
    shelf.hold(BASE)
    shelf.hold(other)
    assert run(config, "base").closed
    with shelf.state.transaction():
        rows = shelf.state.files_named([BASE.filename]).values()
        shelf.state.save_files([msgspec.structs.replace(row, **mark) for row in rows])
    for requested in (("base",), ()):
        (missing,) = run(config, *requested).missing
        assert "damaged" in missing.reasons[0]


def test_releases_that_have_to_be_built_are_named(shelf: Shelf, config: Config) -> None:
    shelf.hold(build_sdist("old", "1.0"))
    report = run(config, "old")
    assert [one.project for one in report.sdist_only] == ["old"]


@pytest.mark.parametrize("foreign", ["win_amd64", "macosx_11_0_arm64"])
def test_the_requirements_of_a_wheel_for_others_count_beside_those_of_an_sdist(
    shelf: Shelf, config: Config, foreign: str
) -> None:
    """Where a release has to be built, pip asks the build, and uv the wheel."""
    shelf.hold(build_sdist("old", "1.0"))
    assert run(config, "old").closed
    shelf.hold(build_wheel("old", "1.0", platform_tag=foreign, requires_dist=["base"]))
    (missing,) = run(config, "old").missing
    assert missing.reasons[:2] == (
        "uv: project base not found",
        f"old 1.0 depends on base, by the metadata of old-1.0-py3-none-{foreign}.whl",
    )
    shelf.hold(BASE)
    assert run(config, "old").closed


def test_what_a_mode_leaves_open_is_missing(shelf: Shelf, config: Config) -> None:
    shelf.hold(APP)
    report = run(msgspec.structs.replace(config, resolve="latest"), "app")
    (missing,) = report.missing
    assert missing.reasons[0].startswith("base")


def test_recorded_environments_count_where_the_settings_name_none(
    shelf: Shelf, config: Config, linux: Environment
) -> None:
    shelf.hold(BASE)
    with shelf.state.transaction():
        record_environments(shelf.state, (linux,))
    plain = msgspec.structs.replace(config, environments={})
    assert run(plain, "base").environments == ("linux",)
    other = msgspec.structs.replace(plain, environments={"other": "cp312-win_amd64"})
    assert run(other, "base").environments == ("other",)


def test_one_environment_of_several(shelf: Shelf, config: Config) -> None:
    shelf.hold(build_wheel("win", "1.0", platform_tag="win_amd64"))
    both = {"linux": "cp311-manylinux_2_28_x86_64", "windows": "cp311-win_amd64"}
    two = msgspec.structs.replace(config, environments=both)
    assert [one.environment for one in run(two, "win").missing] == ["linux"]
    assert run(two, "win", only=("windows",)).closed
    with pytest.raises(ConfigError):
        run(two, "win", only=("nowhere",))


def test_locks_are_written_of_what_is_there(shelf: Shelf, config: Config, tmp_path: Path) -> None:
    shelf.hold(APP)
    shelf.hold(BASE)
    locking = msgspec.structs.replace(config, lock=str(tmp_path / "locks"))
    report = check(locking, read_requests(["app"], tmp_path), lock=True)
    (path,) = report.locks
    assert "base-1.0-py3-none-any.whl" in Path(path).read_text()
    assert check(locking, read_requests(["app"], tmp_path)).locks == ()


def test_an_index_has_nothing_to_lock(shelf: Shelf, config: Config, tmp_path: Path) -> None:
    shelf.hold(BASE)
    index = msgspec.structs.replace(config, lock=str(tmp_path), files=False)
    with pytest.raises(RepositoryError):
        check(index, read_requests(["base"], tmp_path), lock=True)


def test_it_can_be_cancelled(shelf: Shelf, config: Config) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        check(config, read_requests(["app"], Path("/")), cancel=cancel)


def test_a_repository_that_is_not_there(config: Config, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        run(msgspec.structs.replace(config, repository=str(tmp_path / "nothing")))


def test_a_goal_that_applies_nowhere_is_not_proven(shelf: Shelf, config: Config) -> None:
    shelf.hold(BASE)
    report = run(config, "base; python_version < '3'", "base")
    assert (report.goals, report.closed, report.exit_code) == (2, False, 3)
    (missing,) = report.missing
    assert 'python_version < "3"' in missing.reasons[0]


def test_a_goal_for_other_machines_is_no_mistake(shelf: Shelf, config: Config) -> None:
    shelf.hold(BASE)
    report = run(
        config, "tomli; python_version < '3.11'", "colorama; sys_platform == 'win32'", "base"
    )
    assert (report.goals, report.closed, report.missing) == (1, True, ())
    alone = run(config, "tomli; python_version < '3.11'")
    assert (alone.closed, len(alone.missing)) == (False, 1)


def test_a_goal_for_another_environment_of_the_repository(shelf: Shelf, config: Config) -> None:
    shelf.hold(BASE)
    both = {"linux": "cp311-manylinux_2_28_x86_64", "windows": "cp311-win_amd64"}
    two = msgspec.structs.replace(config, environments=both)
    asked = ("base", "base; sys_platform == 'win32'")
    for only, goals in (((), 2), (("linux",), 1), (("windows",), 2)):
        report = run(two, *asked, only=only)
        assert (report.goals, report.closed) == (goals, True)
    nothing = run(two, asked[1], only=("linux",))
    assert (nothing.goals, nothing.missing, nothing.exit_code) == (0, (), 3)


def test_nothing_is_no_proof(shelf: Shelf, config: Config) -> None:
    report = run(config)
    assert (report.goals, report.closed, report.exit_code) == (0, False, 3)
