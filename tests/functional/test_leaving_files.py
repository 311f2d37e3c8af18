"""Files that are about to go: off the pages first, and looked at once."""

from __future__ import annotations

from pathlib import Path

from microrepo.config.schema import Config
from microrepo.model import Action, ActionKind, Cause
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.refresh.deletions import delete_files
from microrepo.operations.run.session import Session, open_session
from microrepo.reporting import SilentReporter
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import PLAIN, Repository
from tests.support.server import PyPIServer

_WITH_PAGES = tuple(word for word in PLAIN if word != "--no-simple")


def _filled(
    tmp_path: Path, pypi: PyPIServer, index: FakeIndex, program: MicrorepoRunner
) -> Repository:
    for version in ("1", "2"):
        index.add("foo", build_wheel("foo", version))
    repo = Repository(tmp_path / "repo", pypi.url, program, (*_WITH_PAGES, "--versions", "all"))
    repo.refresh_all()
    return repo


def _page(repo: Repository) -> str:
    return (repo.path / "simple/foo/index.html").read_text()


def _pending(session: Session) -> list[str]:
    return list(session.holdings.state.publication.pending("", 10))


def test_a_file_is_off_its_page_before_it_goes_though_nothing_else_changed(
    tmp_path: Path, pypi: PyPIServer, index: FakeIndex, run_microrepo: MicrorepoRunner
) -> None:
    repo = _filled(tmp_path, pypi, index, run_microrepo)
    config = Config(repository=str(repo.path), source=pypi.url)
    leaving = "foo-1-py3-none-any.whl"
    with open_session(config, "refresh", SilentReporter()) as session:
        pages = RepositoryPages(config, session.holdings, session.work)
        pages.update({"foo"}, leaving={leaving})
        assert leaving not in _page(repo)
        assert (repo.path / leaving).exists()
        # Killed here, the next run may want to keep the file: its page has to be looked at again.
        assert _pending(session) == ["foo"]
        action = Action(ActionKind.DELETE, leaving, "foo", Cause.SUPERSEDED, size_bytes=1)
        delete_files(pages, [action], published=True)
        assert _pending(session) == []
    assert leaving not in repo.names()


def test_a_page_names_a_file_again_that_stays_after_all(
    tmp_path: Path, pypi: PyPIServer, index: FakeIndex, run_microrepo: MicrorepoRunner
) -> None:
    repo = _filled(tmp_path, pypi, index, run_microrepo)
    config = Config(repository=str(repo.path), source=pypi.url)
    with open_session(config, "refresh", SilentReporter()) as session:
        pages = RepositoryPages(config, session.holdings, session.work)
        pages.update({"foo"}, leaving={"foo-1-py3-none-any.whl"})
    repo.refresh_all()
    assert "foo-1-py3-none-any.whl" in _page(repo)
