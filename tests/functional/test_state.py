"""The state lost, damaged, or written by a newer program: nothing is downloaded again."""

from __future__ import annotations

import shutil

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def filled(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> list[BuiltFile]:
    """Files of a repository that was filled a moment ago."""
    files = [build_wheel(f"p{number}", "1.0", payload_size=4000) for number in range(4)]
    for file in files:
        index.add(file.name, file)
    repo.refresh_all()
    pypi.reset()
    return files


def test_a_missing_state_is_rebuilt(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    (repo.path / ".microrepo" / "state.db").unlink()
    identity = repo.identity()
    report = repo.refresh_all()
    assert (report.adopted, pypi.paths("/files/")) == (4, [])
    assert repo.identity() == identity
    assert repo.refresh_all().projects == 0


def test_a_missing_control_directory_is_rebuilt(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    shutil.rmtree(repo.path / ".microrepo")
    repo.refresh_all()
    assert pypi.paths("/files/") == []
    repo.holds(*filled)


def test_after_a_loss_what_was_ours_still_goes_when_it_is_superseded(
    repo: Repository, index: FakeIndex, filled: list[BuiltFile]
) -> None:
    (repo.path / ".microrepo" / "state.db").unlink()
    mine = repo.path / "p0-0.9-py3-none-any.whl"
    mine.write_bytes(b"never heard of upstream")
    new = build_wheel("p0", "2.0")
    index.add("p0", new)
    repo.refresh_all()
    assert mine.exists()
    mine.unlink()
    repo.holds(new, *filled[1:])


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty"])
def test_a_damaged_state_is_set_aside_and_rebuilt(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile], damage: str
) -> None:
    state = repo.path / ".microrepo" / "state.db"
    content = {
        "garbage": b"no database at all" * 100,
        "truncated": state.read_bytes()[:5000],
        "empty": b"",
    }[damage]
    state.write_bytes(content)
    report = repo.refresh_all()
    repo.holds(*filled)
    assert pypi.paths("/files/") == []
    if damage != "empty":
        assert "the state was damaged" in report.warnings[0]
        (aside,) = state.parent.glob("state.db.damaged-*")
        assert aside.read_bytes() == content
    assert repo.refresh_all().projects == 0


def test_damage_in_the_middle_of_the_state_is_noticed_and_mended(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    files = [build_wheel(f"long-name-of-project-{n}", "1.0") for n in range(60)]
    for file in files:
        index.add(file.name, file)
    repo.refresh_all()
    pypi.reset()
    state = repo.path / ".microrepo" / "state.db"
    content = bytearray(state.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 200] = b"\xa5" * 200
    state.write_bytes(content)
    first = repo.run("refresh", "--packages", "everything", *repo.flags(), expect=None)
    assert first.returncode in {0, 1}
    assert "damaged" in first.stderr
    repo.refresh_all()
    repo.holds(*files)
    assert pypi.paths("/files/") == []


def test_a_stored_document_that_cannot_be_read_is_asked_for_again(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    repo.change_state("UPDATE documents SET document = x'00ff00ff' WHERE name = 'p1'")
    # The rules change, so that all stored documents are needed.
    report = repo.refresh_all("--versions", "2", expect=3)
    assert [failure.what for failure in report.failed] == ["p1"]
    pypi.reset()
    repo.refresh_all("--versions", "2")
    repo.holds(*filled)
    assert pypi.paths("/pypi/") == ["/pypi/p1/json"]
    assert pypi.paths("/files/") == []


def test_a_state_from_a_newer_program_is_refused(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    repo.change_state("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    state = repo.path / ".microrepo" / "state.db"
    before = state.read_bytes()
    for command in (
        ["refresh", "--packages", "everything", *repo.flags()],
        ["refresh", "--dry-run", "--packages", "everything", *repo.flags()],
        ["list", "--repository", str(repo.path)],
        ["verify", "--repository", str(repo.path)],
    ):
        done = repo.run(*command, expect=1)
        assert "written by a newer microrepo (schema 999" in done.stderr
    assert state.read_bytes() == before
    assert pypi.count() == 0
    repo.holds(*filled)


@pytest.mark.parametrize("command", [["list"], ["stats"], ["explain", "p0"]])
def test_looking_at_a_damaged_state_is_one_message(
    repo: Repository, filled: list[BuiltFile], command: list[str]
) -> None:
    state = repo.path / ".microrepo" / "state.db"
    state.write_bytes(b"no database at all" * 100)
    done = repo.do(*command, expect=1)
    assert done.stderr.count("\n") == 1
    assert "cannot be read" in done.stderr
    assert state.read_bytes() == b"no database at all" * 100


@pytest.mark.parametrize("command", [["list"], ["stats"], ["explain", "p0"]])
def test_looking_at_no_repository_is_one_message(repo: Repository, command: list[str]) -> None:
    done = repo.do(*command, expect=1)
    assert done.stderr.count("\n") == 1
    assert not repo.path.exists()


def test_the_state_is_one_file_between_runs(repo: Repository, filled: list[BuiltFile]) -> None:
    assert {path.name for path in (repo.path / ".microrepo").glob("state.db*")} == {"state.db"}


def test_a_copied_repository_goes_on_where_it_was(
    repo: Repository, pypi: PyPIServer, filled: list[BuiltFile]
) -> None:
    copied = repo.path.parent / "copy"
    shutil.copytree(repo.path, copied)
    repo.path = copied
    assert repo.refresh_all().projects == 0
    assert pypi.count() == 1


def test_the_history_tells_what_happened(
    repo: Repository, index: FakeIndex, filled: list[BuiltFile]
) -> None:
    new = build_wheel("p0", "2.0")
    index.add("p0", new)
    repo.refresh_all()
    rows = repo.query("SELECT run, action, filename FROM history WHERE project = 'p0'")
    assert rows == [
        (1, "add", filled[0].filename),
        (2, "add", new.filename),
        (2, "delete", filled[0].filename),
    ]
    assert repo.query("SELECT exit_code FROM runs ORDER BY id") == [(0,), (0,)]
