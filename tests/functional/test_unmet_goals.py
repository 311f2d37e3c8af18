"""What an unmet goal needs stays, lists are not believed too soon, and exit 0 means done."""

from __future__ import annotations

import json

import pytest

from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.repository import PLAIN, Repository
from tests.support.server import PyPIServer

FOLLOWED = (*PLAIN[:-3], "--environments", "cp311-manylinux_2_28_x86_64")
MODES = pytest.mark.parametrize("settings", [PLAIN, FOLLOWED], ids=["rules", "closure"])


@pytest.fixture
def six(index: FakeIndex) -> list[BuiltFile]:
    """Two releases of a project, and another project that stays out of all trouble."""
    built = [build_wheel("six", "1.0"), build_wheel("six", "2.0")]
    for one in built:
        index.add("six", one)
    index.add("idna", build_wheel("idna", "1.0"))
    return built


def distributions(repo: Repository) -> set[str]:
    return {name for name in repo.names() if name.endswith((".whl", ".gz"))}


# --- goals that are not met any more ------------------------------------------------------------------


@MODES
@pytest.mark.parametrize(
    "typo",
    [
        ("--package-types", "bdist_egg"),
        ("--extensions", "tar.bz2"),
        ("--allow-files", "^sixx"),
        ("--exclude-files", "."),
        ("--max-file-size", "1 B"),
        ("--uploaded-before", "2001-01-01"),
    ],
    ids=lambda typo: typo[0],
)
def test_a_filter_that_leaves_nothing_deletes_nothing(
    repo: Repository, six: list[BuiltFile], settings: tuple[str, ...], typo: tuple[str, ...]
) -> None:
    repo.settings = settings
    repo.refresh("--packages", "six,idna")
    before = distributions(repo)
    report = repo.refresh("--packages", "six,idna", *typo, expect=3)
    assert distributions(repo) == before
    assert {one.what.split()[0] for one in report.failed} == {"six", "idna"}
    dry = repo.refresh("--packages", "six,idna", *typo, "--dry-run", expect=3)
    assert [action.filename for action in dry.plan] == []
    repo.do("prune", *typo, "--packages", "six,idna", *settings)
    assert distributions(repo) == before


@MODES
def test_a_release_that_there_is_not_deletes_nothing(
    repo: Repository, six: list[BuiltFile], settings: tuple[str, ...]
) -> None:
    repo.settings = settings
    repo.refresh("--packages", "six")
    repo.refresh("--packages", "six>3", expect=3)
    assert distributions(repo) == {six[1].filename}
    repo.refresh("--packages", "six==1.0")
    assert distributions(repo) == {six[0].filename}


@MODES
def test_a_requested_project_that_is_gone_keeps_its_files(
    repo: Repository, index: FakeIndex, six: list[BuiltFile], settings: tuple[str, ...]
) -> None:
    repo.settings = settings
    repo.refresh("--packages", "six,idna")
    before = distributions(repo)
    index.remove_project("six")
    report = repo.refresh("--packages", "six,idna", expect=3)
    assert distributions(repo) == before
    assert report.missing == ("six",)
    repo.refresh("--packages", "idna", "--max-deletes", "100%")
    assert distributions(repo) == {"idna-1.0-py3-none-any.whl"}


def test_what_a_dependency_needs_stays_with_its_goal(repo: Repository, index: FakeIndex) -> None:
    repo.settings = FOLLOWED
    index.add("app", build_wheel("app", "1.0", requires_dist=["dep"]))
    index.add("dep", build_wheel("dep", "1.0"))
    repo.refresh("--packages", "app")
    before = distributions(repo)
    index.remove_project("dep")
    repo.refresh("--packages", "app", expect=3)
    assert distributions(repo) == before
    index.add("dep", build_wheel("dep", "2.0"))
    repo.refresh("--packages", "app")
    assert distributions(repo) == {"app-1.0-py3-none-any.whl", "dep-2.0-py3-none-any.whl"}


# --- lists that come empty ----------------------------------------------------------------------------


def empty(index: FakeIndex, built: list[BuiltFile]) -> None:
    for one in built:
        index.remove_file("six", one.filename)


@pytest.mark.parametrize("removed", ["delete", "keep", "quarantine"])
def test_an_emptied_list_is_believed_on_demand(
    repo: Repository, index: FakeIndex, six: list[BuiltFile], removed: str
) -> None:
    how = ("--removed", removed, "--versions", "all")
    repo.refresh_all(*how)
    before = distributions(repo)
    empty(index, six)
    for _ in range(2):
        report = repo.refresh_all(*how, expect=3)
        assert distributions(repo) == before
    assert [one.what for one in report.failed] == ["six"] or report.waiting
    repo.refresh_all(*how, "--force-check")
    gone = set() if removed == "keep" else {one.filename for one in six}
    assert distributions(repo) == before - gone
    aside = {p.name for p in repo.path.glob(".microrepo/quarantine/six/*.whl")}
    assert aside == (gone if removed == "quarantine" else set())


def test_a_list_that_comes_back_is_as_before(
    repo: Repository, index: FakeIndex, six: list[BuiltFile]
) -> None:
    repo.refresh_all("--versions", "all")
    before = distributions(repo)
    empty(index, six)
    repo.refresh_all("--versions", "all", expect=3)
    for one in [*six, build_wheel("six", "3.0")]:
        index.add("six", one)
    report = repo.refresh_all("--versions", "all")
    assert (report.downloaded, report.deleted) == (1, 0)
    assert distributions(repo) == {*before, "six-3.0-py3-none-any.whl"}
    assert repo.query("SELECT doubted_at FROM projects WHERE name = 'six'") == [(None,)]


@MODES
def test_an_emptied_list_of_a_named_project_deletes_nothing(
    repo: Repository, index: FakeIndex, six: list[BuiltFile], settings: tuple[str, ...]
) -> None:
    repo.settings = settings
    repo.refresh("--packages", "six")
    empty(index, six)
    report = repo.refresh("--packages", "six", expect=3)
    assert distributions(repo) == {six[1].filename}
    assert "not" in report.failed[0].why or "kept" in report.failed[0].why


def test_an_older_document_deletes_nothing(
    repo: Repository, index: FakeIndex, six: list[BuiltFile]
) -> None:
    repo.refresh("--packages", "six")
    index.remove_file("six", six[1].filename)
    index.projects["six"].serial = 1
    report = repo.refresh("--packages", "six", expect=3)
    assert distributions(repo) == {six[1].filename}
    assert "older" in report.failed[0].why
    repo.refresh("--packages", "six", "--force-check")
    assert distributions(repo) == {six[0].filename}


# --- prune ---------------------------------------------------------------------------------------------


def test_prune_agrees_with_a_refresh_that_follows_dependencies(
    repo: Repository, index: FakeIndex
) -> None:
    repo.settings = FOLLOWED
    index.add("six", build_wheel("six", "1.0"))
    index.add("app", build_wheel("app", "1.0", requires_dist=["dep"]))
    for version in ("1.0", "2.0"):
        index.add("dep", build_wheel("dep", version))
    repo.refresh("--packages", "six,app,dep==1.0")
    full = distributions(repo)
    assert len(full) == 4
    repo.do("prune", "--packages", "six,app,dep==1.0", *FOLLOWED)
    assert distributions(repo) == full
    dry = repo.do("prune", "--packages", "six,app", *FOLLOWED, "--dry-run", "--json")
    plan = [action["filename"] for action in json.loads(dry.stdout)["plan"]]
    assert plan == ["dep-1.0-py3-none-any.whl"]
    excluding = ("--exclude", "dep==2.0", *FOLLOWED)
    repo.do("prune", "--packages", "six,app,dep==1.0", *excluding)
    assert distributions(repo) == full - {"dep-2.0-py3-none-any.whl"}
    repo.do("prune", "--packages", "six", *excluding)
    assert distributions(repo) == {"six-1.0-py3-none-any.whl"}


def test_prune_keeps_what_an_unmet_goal_needed(repo: Repository, index: FakeIndex) -> None:
    repo.settings = FOLLOWED
    index.add("app", build_wheel("app", "1.0", requires_dist=["dep"]))
    index.add("dep", build_wheel("dep", "1.0"))
    repo.refresh("--packages", "app")
    full = distributions(repo)
    repo.do("prune", "--packages", "app", "--exclude", "dep", *FOLLOWED)
    assert distributions(repo) == full


# --- exit codes ----------------------------------------------------------------------------------------


@MODES
def test_nothing_reachable_at_all_is_a_failure(
    repo: Repository, pypi: PyPIServer, six: list[BuiltFile], settings: tuple[str, ...]
) -> None:
    repo.settings = (*settings, "--retries", "0")
    repo.refresh("--packages", "six,idna")
    before = distributions(repo)
    pypi.fault("*/six/*", Status(503))
    repo.refresh("--packages", "six,idna", expect=3)
    pypi.fault("*", Status(503))
    repo.refresh("--packages", "six,idna", expect=1)
    assert distributions(repo) == before


def test_a_dry_run_ends_as_the_run_would(repo: Repository, six: list[BuiltFile]) -> None:
    repo.path.mkdir(exist_ok=True)
    (repo.path / six[1].filename).write_bytes(b"of somebody else")
    for how in (("--dry-run",), ()):
        report = repo.refresh("--packages", "six", *how, expect=3)
        assert [one.what for one in report.conflicts] == [six[1].filename]


def test_many_deletions_of_a_small_repository_are_refused(
    repo: Repository, index: FakeIndex
) -> None:
    for number in range(12):
        index.add(f"p{number}", build_wheel(f"p{number}", "1.0"))
    repo.refresh_all()
    for how in (("--dry-run",), ()):
        report = repo.refresh("--packages", "p1", *how, expect=1)
        assert "11 files would be deleted" in report.refused
    assert len(distributions(repo)) == 12
    repo.refresh("--packages", "p1", "--max-deletes", "11")
    assert distributions(repo) == {"p1-1.0-py3-none-any.whl"}


# --- delete --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [".tar.gz", ".whl"])
def test_advice_on_one_file_concerns_no_other(
    repo: Repository, index: FakeIndex, gone: str
) -> None:
    index.add("foo", build_wheel("foo", "1.0"))
    index.add("foo", build_sdist("foo", "1.0"))
    repo.refresh("--packages", "foo")
    (name,) = (name for name in distributions(repo) if name.endswith(gone))
    (other,) = distributions(repo) - {name}
    flags = ("--packages", "foo", "--no-dependencies")
    done = repo.do("delete", name, *flags, "--json")
    (note,) = json.loads(done.stdout)["notes"]
    settings = json.loads("{" + note.partition("config file: ")[2] + "}")
    ((key, (pattern,)),) = settings.items()
    assert key == "exclude_files"
    repo.refresh("--packages", "foo", "--exclude-files", pattern)
    assert distributions(repo) == {other}


@MODES
def test_a_slip_in_a_name_deletes_nothing(
    repo: Repository, six: list[BuiltFile], settings: tuple[str, ...]
) -> None:
    repo.settings = settings
    repo.refresh("--packages", "six,idna")
    before = distributions(repo)
    report = repo.refresh("--packages", "sixx,idna", expect=3)
    assert distributions(repo) == before
    assert (list(report.missing), len(report.warnings)) == (["sixx"], 1)
    repo.refresh("--packages", "idna")
    assert distributions(repo) == {"idna-1.0-py3-none-any.whl"}


def test_explain_answers_about_what_an_unmet_goal_lacks(repo: Repository, index: FakeIndex) -> None:
    """The project that no file could be chosen of is the one that people ask about."""
    target = FOLLOWED[-1]
    index.add("app", build_wheel("app", "1.0", requires_dist=["winx"]))
    foreign = build_wheel("winx", "1.0", python_tag="cp311", platform_tag="win_amd64")
    index.add("winx", foreign)
    repo.settings = FOLLOWED
    repo.refresh("--packages", "app", expect=3)
    said = repo.do("explain", "winx", "--packages", "app", "--environments", target).stdout
    assert f"out   {foreign.filename}" in said
    assert f"yours is {target}" in " ".join(said.split())
    assert not distributions(repo)


def test_explain_tells_why_a_goal_is_not_met(repo: Repository, index: FakeIndex) -> None:
    index.add("app", build_wheel("app", "1.0", requires_dist=["lib>=3"]))
    index.add("lib", build_wheel("lib", "1.0"))
    wanted = ("--packages", "app", "--packages", "nosuch")
    repo.settings = FOLLOWED
    repo.refresh(*wanted, expect=3)
    said = repo.do("explain", "app", *wanted).stdout
    assert "no version fits lib>=3" in " ".join(said.split())
    assert "dry-run" not in said
    assert "did not find 'nosuch'" in repo.do("explain", "nosuch", *wanted, expect=1).stderr
    index.add("lib", build_wheel("lib", "3.0"))
    repo.refresh("--packages", "app")
    assert "not met" not in repo.do("explain", "app", "--packages", "app").stdout
