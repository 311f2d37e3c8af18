"""Adopt as a whole: the report, the pages, and what is left of a try that was refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.maintain.adopt import adopt
from microrepo.state import read_state
from tests.support.packages import build_wheel

FOO, BAR = build_wheel("foo", "1.0"), build_wheel("bar", "1.0")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    for built in (FOO, BAR):
        built.write_to(tree)
    return tree


@pytest.fixture
def config(tmp_path: Path) -> Config:
    repository = str(tmp_path / "new")
    return load(None, {"repository": repository, "processes": 1}, {}).config


def test_a_tree_becomes_a_repository_with_pages(config: Config, tree: Path) -> None:
    report = adopt(config, tree)
    assert (report.found, report.linked, report.exit_code) == (2, 2, 0)
    assert (report.layout, report.operation) == ("a directory of distributions", "adopt")
    repository = Path(config.repository)
    assert FOO.filename in (repository / "simple/foo/index.html").read_text()
    assert (repository / FOO.filename).samefile(tree / FOO.filename)
    assert sorted(path.name for path in tree.iterdir()) == [BAR.filename, FOO.filename]


def test_a_dry_run_makes_nothing(config: Config, tree: Path) -> None:
    report = adopt(config, tree, dry_run=True)
    assert (report.linked, len(report.plan), report.dry_run) == (2, 2, True)
    assert not Path(config.repository).exists()


def test_pages_and_server_of_others_are_left(config: Config, tree: Path) -> None:
    (tree / "simple").mkdir()
    (tree / "server.py").write_text("theirs")
    report = adopt(msgspec.structs.replace(config, repository=str(tree)), tree)
    assert (report.recorded, report.linked) == (2, 0)
    assert len([text for text in report.warnings if str(tree) in text]) == 2
    assert (tree / "server.py").read_text() == "theirs"
    assert list((tree / "simple").iterdir()) == []


def test_our_own_pages_follow(config: Config, tree: Path) -> None:
    adopt(config, tree)
    more = build_wheel("more", "1.0").write_to(tree)
    report = adopt(config, tree)
    assert (report.linked, report.already, report.warnings) == (1, 2, ())
    assert more.name in (Path(config.repository) / "simple/more/index.html").read_text()


def test_the_run_is_recorded(config: Config, tree: Path) -> None:
    adopt(config, tree)
    state = read_state(Path(config.repository) / ".microrepo/state.db")
    (run,) = state.runs(5)
    state.close()
    assert (run.command, run.exit_code) == ("adopt", 0)


def test_a_tree_without_distributions(config: Config, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RepositoryError):
        adopt(config, tmp_path / "nothing")
    assert not Path(config.repository).exists()
