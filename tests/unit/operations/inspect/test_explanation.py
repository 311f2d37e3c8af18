"""Explanations, from a state."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.cli.render.inspection_text import unknown_text
from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.model import Cause
from microrepo.operations.inspect.explained_names import UnknownName
from microrepo.operations.inspect.explanation import Explanation, explain
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, Requests, read_requests
from microrepo.state import Requirer, open_state


def explained(config: Config, requests: Requests, targets: list[str]) -> Explanation:
    found = explain(config, requests, targets)
    assert not found.unknown
    (project,) = found.projects
    return project


def reasons(config: Config, target: str, requests: Requests | None = None) -> dict[str, Cause]:
    found = explained(config, requests or EVERYTHING_REQUESTED, [target])
    return {decision.file.filename: decision.cause for decision in found.decisions}


@pytest.mark.parametrize("target", ["foo-bar", "Foo.Bar", "foo_bar"])
def test_explain_a_project(config: Config, target: str) -> None:
    assert reasons(config, target) == {
        "foo_bar-2.0-py3-none-any.whl": Cause.SELECTED,
        "foo-bar-2.0.tar.gz": Cause.SELECTED,
        "foo_bar-1.0-cp311-cp311-win32.win_amd64.whl": Cause.SUPERSEDED,
    }


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        pytest.param("foo_bar-2.0-py3-none-any.whl", Cause.SELECTED, id="one that is kept"),
        pytest.param(
            "foo_bar-1.0-cp311-cp311-win32.win_amd64.whl", Cause.SUPERSEDED, id="one that is not"
        ),
        pytest.param("foo-bar-2.0.tar.gz", Cause.SELECTED, id="dash in its name"),
        pytest.param("old-1.0.exe", Cause.PACKAGE_TYPE, id="one that is filtered"),
    ],
)
def test_explain_a_file(config: Config, target: str, reason: Cause) -> None:
    assert reasons(config, target) == {target: reason}


def test_explain_tells_what_is_there(config: Config) -> None:
    found = explained(config, EVERYTHING_REQUESTED, ["foo-bar"])
    assert found.present == {"foo_bar-2.0-py3-none-any.whl", "foo-bar-2.0.tar.gz"}
    assert found.row.display_name == "Foo-Bar"


def test_explain_obeys_the_requirements(config: Config, tmp_path: Path) -> None:
    wanted = read_requests(["foo-bar<2"], tmp_path)
    assert reasons(config, "foo-bar-2.0.tar.gz", wanted) == {
        "foo-bar-2.0.tar.gz": Cause.NOT_REQUESTED
    }


@pytest.mark.parametrize(
    "target",
    ["nope", "foo-bar-9.9.tar.gz", "", "old-2.0-py3-none-any.whl", "x*", "nope<2"],
)
def test_explain_what_is_not_known(config: Config, target: str) -> None:
    found = explain(config, EVERYTHING_REQUESTED, ["foo-bar", target, "old"])
    assert found.unknown == (UnknownName(target),)
    assert [one.project.name for one in found.projects] == ["foo-bar", "old"]


def test_explain_a_release_that_a_project_does_not_have(config: Config) -> None:
    found = explain(config, EVERYTHING_REQUESTED, ["old==7"])
    assert found.unknown == (UnknownName("old==7", "old", ("1.0",)),)
    assert unknown_text(found.unknown[0]) == "old has no release for 'old==7' (it has 1.0)"


def test_explain_tells_what_required_a_file(config: Config, tmp_path: Path) -> None:
    row = Requirer("foo-bar-2.0.tar.gz", "cp311-linux", "foo-bar", "app==1")
    state, _ = open_state(tmp_path / ".microrepo" / "state.db")
    state.save_requirers([row], replace=True)
    state.close()
    flags = {"repository": str(tmp_path), "environments": ["cp311-manylinux_2_17_x86_64"]}
    following = load(None, flags, {}).config
    found = explained(following, read_requests(["app"], tmp_path), ["foo-bar"])
    assert {d.file.filename: d.cause for d in found.decisions} == {
        "foo-bar-2.0.tar.gz": Cause.REQUIRED,
        "foo_bar-2.0-py3-none-any.whl": Cause.NOT_IN_CLOSURE,
        "foo_bar-1.0-cp311-cp311-win32.win_amd64.whl": Cause.PLATFORM,
    }
    assert "cp311-manylinux_2_17_x86_64" in found.decisions[2].detail
    assert found.requirers["foo-bar-2.0.tar.gz"] == (row,)


@pytest.mark.parametrize(
    ("versions", "held", "expected"),
    [
        ("all", True, [Cause.REQUIRED, Cause.SELECTED, Cause.PLATFORM]),
        ("latest", False, [Cause.NOT_IN_CLOSURE, Cause.NOT_IN_CLOSURE, Cause.PLATFORM]),
    ],
)
def test_explain_decides_as_a_refresh_with_dependencies(
    config: Config, tmp_path: Path, versions: str, held: bool, expected: list[Cause]
) -> None:
    """Further releases are kept; a requirement that cannot be met keeps nothing."""
    assert config.repository == str(tmp_path)
    state, _ = open_state(tmp_path / ".microrepo" / "state.db")
    with state.transaction():
        if held:
            needed = Requirer("foo_bar-2.0-py3-none-any.whl", "cp311-linux", "foo-bar", "foo-bar")
            state.save_requirers([needed], replace=True)
        else:
            rows = [msgspec.structs.replace(row, present=False) for row in list(state.files())]
            state.save_files(rows)
            for row in rows:
                (tmp_path / row.filename).unlink(missing_ok=True)
    state.close()
    flags = {
        "repository": str(tmp_path),
        "environments": ["cp311-manylinux_2_17_x86_64"],
        "versions": versions,
        "packages": ["foo-bar"],
    }
    following = load(None, flags, {}).config
    found = explained(following, read_requests(["foo-bar"], tmp_path), ["foo-bar"])
    assert sorted(one.cause for one in found.decisions) == sorted(expected)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["old", "foo-bar"], {"old": 2, "foo-bar": 3}),
        (["foo*"], {"foo-bar": 3}),
        (["*"], {"foo-bar": 3, "old": 2}),
        (["*.exe"], {"old": 1}),
        (["*-1.0*"], {"foo-bar": 1, "old": 2}),
        (["foo-bar==2.0"], {"foo-bar": 2}),
        (["Foo.Bar<2"], {"foo-bar": 1}),
        (["foo-bar<2", "foo-bar-2.0.tar.gz"], {"foo-bar": 2}),
        (["foo-bar-2.0.tar.gz", "foo-bar"], {"foo-bar": 3}),
    ],
)
def test_names_releases_and_globs(
    config: Config, targets: list[str], expected: dict[str, int]
) -> None:
    found = explain(config, EVERYTHING_REQUESTED, targets)
    assert {one.project.name: len(one.decisions) for one in found.projects} == expected
    assert not found.unknown


def test_kept_files_come_first_and_new_ones_before_old_ones(config: Config, tmp_path: Path) -> None:
    found = explained(config, read_requests(["foo-bar<2"], tmp_path), ["foo-bar"])
    assert [(one.keep, one.file.version) for one in found.decisions] == [
        (True, "1.0"),
        (False, "2.0"),
        (False, "2.0"),
    ]
