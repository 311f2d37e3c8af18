"""list, stats, explain and history, from a state alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError, StateCorrupt
from microrepo.model import Cause, Digests, File, NormalizedName, Project
from microrepo.operations.inspect.inspection import Tally, explain, history, list_files, stats
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, Requests, read_requests
from microrepo.state import FileRow, HistoryRow, ProjectRow, Requirer, open_state, pack

FILES = {
    "foo-bar": (
        ("foo_bar-2.0-py3-none-any.whl", "2.0", "bdist_wheel", None),
        ("foo_bar-1.0-cp311-cp311-win32.win_amd64.whl", "1.0", "bdist_wheel", "cp311"),
        ("foo-bar-2.0.tar.gz", "2.0", "sdist", "source"),
    ),
    "old": (
        ("old-1.0-py2.7.egg", "1.0", "bdist_egg", "2.7"),
        ("old-1.0.exe", "1.0", "bdist_wininst", None),
    ),
}
PRESENT = ("foo_bar-2.0-py3-none-any.whl", "foo-bar-2.0.tar.gz", "old-1.0-py2.7.egg")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings of a repository whose state knows two projects."""
    control = tmp_path / ".microrepo"
    control.mkdir()
    state, _ = open_state(control / "state.db")
    with state.transaction():
        for name, listed in FILES.items():
            project = NormalizedName(name)
            files = tuple(
                File(filename, "https://f.example/x", version, kind, Digests("a" * 64), 10,
                     python_version=label)
                for filename, version, kind, label in listed
            )  # fmt: skip
            state.save_projects([ProjectRow(project, name.title())])
            state.save_documents([(name, pack(Project(project, name.title(), files=files)))])
            state.save_files(
                FileRow(f.filename, project, f.version, f.url, 10, f.digests, present=True)
                for f in files
                if f.filename in PRESENT
            )
        state.add_history(
            [
                HistoryRow(1, project, filename, "add", Cause.SELECTED)
                for project, filename in (("foo-bar", "a"), ("old", "b"))
            ]
        )
    state.close()
    flags = {"repository": str(tmp_path), "python_versions": "all", "dependencies": False}
    return load(None, flags, {}).config


# --- list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param((), sorted(PRESENT), id="all"),
        pytest.param(("old",), ["old-1.0-py2.7.egg"], id="one project"),
        pytest.param(("Foo.Bar", "foo_bar"), sorted(PRESENT[:2]), id="other spellings"),
    ],
)
def test_list(config: Config, names: tuple[str, ...], expected: list[str]) -> None:
    assert [row.filename for row in list_files(config, names)] == expected


def test_list_of_an_unknown_project(config: Config) -> None:
    with pytest.raises(RepositoryError, match="holds no project 'nope'"):
        list_files(config, ["old", "nope"])


def test_repository_without_a_state(tmp_path: Path) -> None:
    config = load(None, {"repository": str(tmp_path / "new")}, {}).config
    with pytest.raises(StateCorrupt, match="has a refresh run"):
        list_files(config)


def test_looking_leaves_nothing_behind(config: Config, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*"))
    list_files(config)
    stats(config)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


# --- stats --------------------------------------------------------------------------------------------


def test_stats_of_what_is_held(config: Config) -> None:
    found = stats(config)
    assert (found.projects, found.files, found.size_bytes) == (2, 3, 30)
    one = Tally(1, 10)
    assert found.by_type == {"bdist_wheel": one, "sdist": one, "bdist_egg": one}
    assert found.by_extension == {"whl": one, "gz": one, "egg": one}
    assert found.by_python == {"py3": one, "source": one, "2.7": one}
    assert found.by_platform == {"any": Tally(2, 20), "source": one}


def test_stats_of_what_the_source_has(config: Config) -> None:
    assert stats(config).seen == {
        "package_types": {"bdist_wheel": 2, "sdist": 1, "bdist_egg": 1, "bdist_wininst": 1},
        "extensions": {"whl": 2, "gz": 1, "egg": 1, "exe": 1},
        "python_versions": {"py3": 1, "cp311": 1, "source": 1, "2.7": 1, "any": 1},
        "platforms": {"any": 1, "win32": 1, "win_amd64": 1},
    }


# --- explain ------------------------------------------------------------------------------------------


def reasons(config: Config, target: str, requests: Requests | None = None) -> dict[str, Cause]:
    found = explain(config, requests or EVERYTHING_REQUESTED, target)
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
    found = explain(config, EVERYTHING_REQUESTED, "foo-bar")
    assert found.present == set(PRESENT[:2])
    assert found.row.display_name == "Foo-Bar"


def test_explain_obeys_the_requirements(config: Config, tmp_path: Path) -> None:
    wanted = read_requests(["foo-bar<2"], tmp_path)
    assert reasons(config, "foo-bar-2.0.tar.gz", wanted) == {
        "foo-bar-2.0.tar.gz": Cause.NOT_REQUESTED
    }


@pytest.mark.parametrize("target", ["nope", "foo-bar-9.9.tar.gz", "", "old-2.0-py3-none-any.whl"])
def test_explain_what_is_not_known(config: Config, target: str) -> None:
    with pytest.raises(RepositoryError, match="knows neither a file nor a project"):
        reasons(config, target)


def test_explain_tells_what_required_a_file(config: Config, tmp_path: Path) -> None:
    row = Requirer("foo-bar-2.0.tar.gz", "cp311-linux", "foo-bar", "app==1")
    state, _ = open_state(tmp_path / ".microrepo" / "state.db")
    state.save_requirers([row], replace=True)
    state.close()
    following = load(None, {"repository": str(tmp_path), "python_versions": "all"}, {}).config
    found = explain(following, read_requests(["app"], tmp_path), "foo-bar")
    assert {d.file.filename: d.cause for d in found.decisions} == {
        "foo-bar-2.0.tar.gz": Cause.REQUIRED,
        "foo_bar-2.0-py3-none-any.whl": Cause.NOT_IN_CLOSURE,
        "foo_bar-1.0-cp311-cp311-win32.win_amd64.whl": Cause.NOT_IN_CLOSURE,
    }
    assert found.requirers["foo-bar-2.0.tar.gz"] == (row,)


# --- history ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("project", "limit", "expected"),
    [(None, 100, ["b", "a"]), ("Foo.Bar", 100, ["a"]), (None, 1, ["b"]), ("nope", 5, [])],
)
def test_history(config: Config, project: str | None, limit: int, expected: list[str]) -> None:
    assert [row.filename for row in history(config, project, limit)] == expected


def test_more_projects_than_are_read_at_once(config: Config, tmp_path: Path) -> None:
    state, _ = open_state(tmp_path / ".microrepo" / "state.db")
    with state.transaction():
        for number in range(1100):
            name = NormalizedName(f"p{number}")
            file = File(f"{name}-1.zip", "https://f.example/x", "1", "sdist")
            state.save_projects([ProjectRow(name, name)])
            state.save_documents([(name, pack(Project(name, name, files=(file,))))])
    state.close()
    assert stats(config).seen["extensions"]["zip"] == 1100
