"""What goes: superseded, filtered out, removed upstream, no longer asked for; and what guards it."""

from __future__ import annotations

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

pytestmark = pytest.mark.usefixtures("default_settings")


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """A project that comes and goes."""
    built = build_wheel("alpha", "1.0", payload_size=100)
    index.add("alpha", built)
    return built


@pytest.fixture
def beta(index: FakeIndex) -> BuiltFile:
    """A project that stays."""
    built = build_wheel("beta", "1.0")
    index.add("beta", built)
    return built


def test_without_pruning_the_old_release_stays(
    repo: Repository, index: FakeIndex, alpha: BuiltFile
) -> None:
    repo.refresh_all("--no-prune")
    new = build_wheel("alpha", "2.0")
    index.add("alpha", new)
    repo.refresh_all("--no-prune")
    repo.holds(alpha, new)
    # Pruning takes what was left when it is wanted again.
    repo.refresh_all()
    repo.holds(new)


def test_what_other_settings_pruned_comes_back(
    repo: Repository, index: FakeIndex, alpha: BuiltFile, beta: BuiltFile, pypi: PyPIServer
) -> None:
    new = build_wheel("alpha", "2.0")
    index.add("alpha", new)
    repo.refresh_all("--versions", "2")
    repo.do("prune", "--packages", "everything", "--versions", "1")
    repo.holds(new, beta)
    pypi.reset()
    repo.refresh_all("--versions", "2")
    repo.holds(alpha, new, beta)
    assert [path.rpartition("/")[2] for path in pypi.paths("/files/")] == [alpha.filename]


def test_a_yanked_release_goes_and_the_one_before_comes_back(
    repo: Repository, index: FakeIndex, alpha: BuiltFile
) -> None:
    new = build_wheel("alpha", "2.0")
    index.add("alpha", new)
    repo.refresh_all()
    repo.holds(new)
    index.yank("alpha", "2.0", "broken")
    repo.refresh_all()
    repo.holds(alpha)


def test_a_file_that_its_owner_deleted_goes(
    repo: Repository, index: FakeIndex, alpha: BuiltFile
) -> None:
    sdist = build_sdist("alpha", "1.0")
    index.add("alpha", sdist)
    repo.refresh_all()
    index.remove_file("alpha", sdist.filename)
    repo.refresh_all()
    repo.holds(alpha)


def test_what_is_excluded_goes(repo: Repository, alpha: BuiltFile, beta: BuiltFile) -> None:
    repo.refresh_all()
    report = repo.refresh_all("--exclude", "al*")
    repo.holds(beta)
    assert (report.deleted, report.deleted_bytes) == (1, alpha.size)


def test_what_is_no_longer_named_goes(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    repo.refresh("--packages", "alpha,beta", "--no-prune")
    repo.refresh("--packages", "beta", "--no-prune")
    repo.holds(alpha, beta)
    repo.refresh("--packages", "beta")
    repo.holds(beta)
    # And back: it is asked for as if it had never been there.
    repo.refresh("--packages", "alpha,beta")
    repo.holds(alpha, beta)


class TestRemovedUpstream:
    """A project that is gone from the source."""

    def test_is_deleted(
        self, repo: Repository, index: FakeIndex, alpha: BuiltFile, beta: BuiltFile
    ) -> None:
        repo.refresh_all()
        index.remove_project("alpha")
        report = repo.refresh_all()
        repo.holds(beta)
        assert (report.deleted, report.missing) == (1, ())
        assert repo.query("SELECT name FROM projects") == [("beta",)]

    def test_is_kept(
        self, repo: Repository, index: FakeIndex, alpha: BuiltFile, beta: BuiltFile
    ) -> None:
        repo.refresh_all()
        index.remove_project("alpha")
        repo.refresh_all("--removed", "keep")
        repo.refresh_all("--removed", "keep")
        repo.holds(alpha, beta)

    def test_is_moved_aside(
        self, repo: Repository, index: FakeIndex, alpha: BuiltFile, beta: BuiltFile
    ) -> None:
        repo.refresh_all()
        index.remove_project("alpha")
        repo.refresh_all("--removed", "quarantine")
        repo.holds(beta)
        aside = repo.path / ".microrepo" / "quarantine" / "alpha"
        assert (aside / alpha.filename).read_bytes() == alpha.content
        assert "removed upstream" in (aside / f"{alpha.filename}.reason").read_text()

    @pytest.mark.parametrize("removed", ["delete", "keep", "quarantine"])
    def test_stays_while_it_is_asked_for(
        self,
        repo: Repository,
        index: FakeIndex,
        alpha: BuiltFile,
        beta: BuiltFile,
        removed: str,
    ) -> None:
        repo.refresh("--packages", "alpha,beta")
        index.remove_project("alpha")
        for _ in range(2):
            report = repo.refresh("--packages", "alpha,beta", "--removed", removed, expect=3)
            assert report.missing == ("alpha",)
            repo.holds(alpha, beta)
        repo.refresh("--packages", "beta", "--removed", removed)
        repo.holds(beta)


def test_a_quarantined_project_loses_its_files_and_gets_them_back(
    repo: Repository, index: FakeIndex, alpha: BuiltFile, beta: BuiltFile
) -> None:
    repo.refresh_all()
    index.set_status("alpha", "quarantined")
    repo.refresh_all()
    repo.holds(beta)
    index.set_status("alpha", "active")
    repo.refresh_all()
    repo.holds(alpha, beta)


@pytest.fixture
def many(index: FakeIndex) -> list[BuiltFile]:
    """Enough projects for a share to guard them."""
    files = [build_wheel(f"p{number:03}", "1") for number in range(101)]
    for file in files:
        index.add(file.name, file)
    return files


def test_too_many_deletions_are_refused(
    repo: Repository, index: FakeIndex, many: list[BuiltFile]
) -> None:
    repo.refresh_all()
    for file in many[:51]:
        index.remove_project(file.name)
    done = repo.run("refresh", "--packages", "everything", *repo.flags(), expect=1)
    assert "refused: 51 files would be deleted without a replacement" in done.stdout
    assert "--max-deletes 51" in done.stdout
    repo.holds(*many)
    dry = repo.refresh_all("--dry-run", expect=1)
    assert "51 files" in dry.refused
    quiet = repo.run("refresh", "--packages", "everything", "-q", *repo.flags(), expect=1)
    assert "51 files" in quiet.stderr
    repo.refresh_all("--max-deletes", "51")
    repo.holds(*many[51:])


def test_refused_deletions_are_planned_again(
    repo: Repository, pypi: PyPIServer, many: list[BuiltFile]
) -> None:
    repo.refresh_all()
    done = repo.refresh_all("--package-types", "sdist", expect=1)
    assert "101 files would be deleted" in done.refused
    repo.holds(*many)
    # The rules are the same as in the run before; what they ask for has not been done.
    pypi.reset()
    report = repo.refresh_all("--package-types", "sdist", "--max-deletes", "101")
    repo.holds()
    assert (report.deleted, pypi.paths()) == (101, ["/simple/"])
    assert repo.refresh_all("--package-types", "sdist").projects == 0


def test_half_of_the_files_may_go(
    repo: Repository, index: FakeIndex, many: list[BuiltFile]
) -> None:
    repo.refresh_all()
    for file in many[:50]:
        index.remove_project(file.name)
    repo.refresh_all()
    repo.holds(*many[50:])


def test_replacements_do_not_count_as_deletions(
    repo: Repository, index: FakeIndex, many: list[BuiltFile]
) -> None:
    repo.refresh_all()
    new = [build_wheel(file.name, "2") for file in many]
    for file in new:
        index.add(file.name, file)
    report = repo.refresh_all("--max-deletes", "0")
    repo.holds(*new)
    assert report.deleted == len(many)


def test_a_number_guards_small_repositories_too(
    repo: Repository, index: FakeIndex, alpha: BuiltFile, beta: BuiltFile
) -> None:
    repo.refresh_all()
    index.remove_project("alpha")
    repo.refresh_all("--max-deletes", "0", expect=1)
    repo.holds(alpha, beta)


class TestPruneCommand:
    """`microrepo prune` applies the configuration to what is there, offline."""

    def prune(self, repo: Repository, *args: str, expect: int = 0) -> str:
        words = ["prune", "--repository", str(repo.path), *args]
        return repo.run(*words, expect=expect).stdout

    def test_deletes_what_is_not_selected(
        self, repo: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile
    ) -> None:
        sdist = build_sdist("alpha", "1.0")
        index.add("alpha", sdist)
        repo.refresh_all()
        pypi.close()
        shown = self.prune(
            repo, "--packages", "everything", "--package-types", "sdist", "--dry-run"
        )
        assert f"delete    {alpha.filename}" in shown
        repo.holds(alpha, sdist)
        self.prune(repo, "--packages", "everything", "--package-types", "sdist")
        repo.holds(sdist)

    def test_deletes_what_is_not_named(
        self, repo: Repository, alpha: BuiltFile, beta: BuiltFile
    ) -> None:
        repo.refresh_all()
        self.prune(repo, "--packages", "alpha")
        repo.holds(alpha)

    def test_is_guarded(self, repo: Repository, index: FakeIndex, many: list[BuiltFile]) -> None:
        repo.refresh_all()
        shown = self.prune(repo, "--packages", "p000", expect=1)
        assert "refused: 100 files" in shown
        repo.holds(*many)

    def test_says_what_to_do_when_nothing_is_wanted(
        self, repo: Repository, alpha: BuiltFile
    ) -> None:
        repo.refresh_all()
        done = repo.run("prune", "--repository", repo.path, expect=2)
        assert "nothing to mirror" in done.stderr
        repo.holds(alpha)
