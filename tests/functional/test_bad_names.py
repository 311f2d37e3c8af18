"""File and project names: hostile, clashing, foreign, badly written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.repository import Repository, tree_of
from tests.support.server import PyPIServer

HOSTILE = [
    "../../etc/x-1.0.whl",
    "../alpha-1.0-py3-none-any.whl",
    "/tmp/alpha-1.0-py3-none-any.whl",
    "C:\\alpha-1.0-py3-none-any.whl",
    "sub/alpha-1.0-py3-none-any.whl",
    "alpha-1.0-py3-none-any\x00.whl",
    "alpha-1.0-py3-none-any\n.whl",
    "alpha-1.0-py3\x1b[31m-none-any.whl",
    "..",
    ".",
    ".microrepo",
    "simple",
    "server.py",
    "index.html",
    "alpha.whl.metadata",
    "alpha-1․0-py3-none-any.whl",  # noqa: RUF001
    "alpha-１.0-py3-none-any.whl",  # noqa: RUF001
    "alpha-١.0-py3-none-any.whl",  # noqa: RUF001
    "alpha∕1.0-py3-none-any.whl",  # noqa: RUF001
    "alpha‐1.0-py3-none-any.whl",  # noqa: RUF001
    "аlpha-1.0-py3-none-any.whl",  # noqa: RUF001
    "ａlpha-1.0-py3-none-any.whl",  # noqa: RUF001
    "alpha\ufe0f-1.0-py3-none-any.whl",
    "CON",
    "aux.whl",
    "COM1.zip",
    "COM¹",
    "lpt³.tar.gz",
    "alpha-1.0-py3-none-" + "x" * 280 + ".whl",
]
ALL = ("--package-types", "all", "--extensions", "all", "--python-versions", "all")


def test_hostile_file_names_are_never_used(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, tmp_path: Path
) -> None:
    good = build_sdist("alpha", "1.0")
    index.add("alpha", good)
    for number, name in enumerate(HOSTILE):
        bad = build_wheel("alpha", "1.0", build_tag=str(number))
        index.add("alpha", bad, filename=name)
    repo.path.mkdir()
    before = tree_of(tmp_path).keys()
    report = repo.refresh("alpha", *ALL)
    repo.holds(good)
    assert report.rejected == {"unsafe file name": len(HOSTILE)}
    assert pypi.count("/files/") == 1
    made = {path for path in tree_of(tmp_path).keys() - before if not path.startswith("home")}
    assert {path for path in made if not path.startswith("repo/.microrepo")} == {
        f"repo/{good.filename}"
    }


@pytest.fixture
def rivals(index: FakeIndex) -> tuple[BuiltFile, BuiltFile]:
    """A project, and another one that lists a file of its name with other content."""
    ours = build_wheel("alpha", "1.0", payload_size=100)
    theirs = build_wheel("omega", "1.0", payload_size=999)
    index.add("alpha", ours)
    index.add("omega", theirs, filename=ours.filename)
    return ours, theirs


def test_a_file_named_as_another_projects_is_refused(
    repo: Repository, rivals: tuple[BuiltFile, BuiltFile]
) -> None:
    report = repo.refresh_all()
    repo.holds(rivals[0])
    assert report.rejected == {"unsafe file name": 1}


def test_a_name_is_not_taken_from_its_owner_later(
    repo: Repository, pypi: PyPIServer, rivals: tuple[BuiltFile, BuiltFile]
) -> None:
    repo.refresh("alpha")
    report = repo.refresh("omega", expect=3)
    repo.holds(rivals[0])
    assert [failure.what for failure in report.failed] == ["omega"]
    assert pypi.count("/files/") == 1


def test_who_comes_first_gets_no_name_of_another(
    repo: Repository, rivals: tuple[BuiltFile, BuiltFile]
) -> None:
    repo.refresh("omega", expect=3)
    repo.holds()
    repo.refresh("alpha", "omega", expect=3)
    assert repo.identity()[rivals[0].filename][2] == rivals[0].size


def test_not_even_with_the_same_content(repo: Repository, index: FakeIndex) -> None:
    built = build_wheel("alpha", "1.0")
    index.add("alpha", built)
    index.add("omega", built)
    report = repo.refresh("alpha", "omega", expect=3)
    repo.holds(built)
    assert [failure.what for failure in report.failed] == ["omega"]
    repo.refresh_all("--exclude", "omega")
    repo.holds(built)


def test_names_that_differ_in_case_alone_are_a_conflict(repo: Repository, index: FakeIndex) -> None:
    upper = build_sdist("Alpha", "1.0", filename="Alpha-1.0.tar.gz", payload_size=50)
    lower = build_sdist("alpha", "1.0", filename="alpha-1.0.tar.gz")
    index.add("alpha", upper)
    index.add("alpha", lower)
    report = repo.refresh("alpha", expect=3)
    repo.holds(upper)
    assert [conflict.what for conflict in report.conflicts] == [lower.filename]
    assert "case" in report.conflicts[0].why


@pytest.mark.parametrize("spelling", ["beta_two", "BETA.two", "Beta--Two", "beta-two"])
def test_a_name_that_is_not_normalised_is_the_same_project(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, spelling: str
) -> None:
    built = build_wheel("Beta.Two", "1.0")
    index.add("Beta.Two", built)
    repo.refresh(spelling)
    repo.holds(built)
    assert pypi.paths("/pypi/") == ["/pypi/beta-two/json"]
    assert repo.do("list", spelling).stdout == f"{built.filename}\n"


def test_a_project_that_changes_its_spelling_stays_the_same(
    repo: Repository, index: FakeIndex
) -> None:
    built = build_wheel("Beta.Two", "1.0")
    index.add("Beta.Two", built)
    repo.refresh_all()
    identity = repo.identity()
    index.projects["beta-two"].display_name = "beta_TWO"
    index.touch("beta-two")
    report = repo.refresh_all()
    assert (report.downloaded, report.deleted, repo.identity()) == (0, 0, identity)


def test_unicode_everywhere(repo: Repository, index: FakeIndex, tmp_path: Path) -> None:
    repo.path = tmp_path / "Прил ожение 📦"
    name = "größe-1.0-py3-none-any.whl"
    built = build_wheel("alpha", "1.0", summary="Ein Maß für alles 🎉")
    index.add_project("alpha", author="Łukasz Żółć", summary="数据", license="自由")
    index.add("alpha", built, filename=name, yanked=False)
    repo.refresh("alpha")
    assert repo.names() == {name}
    assert repo.do("list").stdout == f"{name}\n"
    assert name in repo.run("explain", "alpha", "--repository", repo.path).stdout


def test_a_url_with_unescaped_characters_is_asked_properly(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    name = "größe und-1.0-py3-none-any.whl"
    built = build_wheel("alpha", "1.0")
    file = index.add("alpha", built, filename=name)
    prefix = file.path.rpartition("/")[0]
    index.change("alpha", "1.0", url=f"{pypi.url}{prefix}/{name}")
    repo.refresh("alpha")
    assert repo.names() == {name}


def test_a_path_that_is_not_utf_8(repo: Repository, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/b\xff")
    for command in (["refresh", "alpha"], ["health"], ["list"]):
        done = repo.run(*command, "--repository", odd, expect=2)
        assert done.stdout == ""
        assert "are not UTF-8" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_terminal_that_cannot_show_all(
    repo: Repository, index: FakeIndex, tmp_path: Path
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    repo.path = tmp_path / "Räder 📦"
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    done = repo.run("refresh", "alpha", *repo.flags(), env=ascii_only)
    assert "R\\xe4der" in done.stdout
    found = json.loads(repo.do("health", "--json", env=ascii_only).stdout)
    assert found["repository"] == str(repo.path)


def test_a_new_spelling_reaches_the_pages(repo: Repository, index: FakeIndex) -> None:
    repo.settings = tuple(flag for flag in repo.settings if flag != "--no-simple")
    index.add("Beta.Two", build_wheel("Beta.Two", "1.0"))
    repo.refresh_all()
    index.projects["beta-two"].display_name = "beta_TWO"
    index.touch("beta-two")
    repo.refresh_all()
    root = json.loads((repo.path / "simple" / "index.v1_json").read_text())
    assert [project["name"] for project in root["projects"]] == ["beta_TWO"]
    changes = repo.do("history", "--changes", "--paths", "add").stdout.splitlines()
    assert {"simple/index.v1_json", "pypi/beta-two/json"} <= set(changes)
