"""A directory as a destination: links at once, tasks for the rest, and what the state learns."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.errors import DigestMismatch
from microrepo.model import Action, ActionKind, Cause, Digests, File, NormalizedName, Outcome
from microrepo.operations.apply.repository_directory import (
    FETCHED,
    Journal,
    Placement,
    RepositoryDirectory,
)
from microrepo.state import open_state
from microrepo.state.file_rows import Origin
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.hashing import hash_file
from microrepo.stores.placement import Sharing, place_file
from microrepo.transfer.download.partial_file import partial_name
from microrepo.transfer.tasks import FetchFile, PlaceFile

NONE = Digests()
NAME = "foo-1-py3-none-any.whl"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / NAME
    path.parent.mkdir()
    path.write_bytes(b"content")
    return path


@pytest.fixture
def directory(tmp_path: Path) -> FlatDirectory:
    directory = FlatDirectory(tmp_path / "there")
    directory.prepare()
    return directory


def action(url: str, digests: Digests = NONE, kind: ActionKind = ActionKind.DOWNLOAD) -> Action:
    file = File(NAME, url, "1", "bdist_wheel", digests, 7)
    return Action(kind, NAME, "foo", Cause.SELECTED, file, size_bytes=7)


def test_a_file_of_this_machine_is_linked_at_once(source: Path, directory: FlatDirectory) -> None:
    destination = RepositoryDirectory(directory, Placement())
    (outcome,) = destination.put([action(source.as_uri())])
    assert isinstance(outcome, Outcome)
    assert outcome.ok
    assert directory.file(NAME).samefile(source)


@pytest.mark.parametrize(
    "placement", [Placement(Sharing(link=False)), Placement(unread=lambda _: True)]
)
def test_what_must_be_read_is_left_to_a_worker(
    placement: Placement, source: Path, directory: FlatDirectory
) -> None:
    (task,) = RepositoryDirectory(directory, placement).put([action(source.as_uri())])
    assert isinstance(task, PlaceFile)
    assert task.sharing.verify == placement.unread(File(NAME, "", "1", "bdist_wheel"))
    assert not directory.file(NAME).exists()


def test_a_download_leads_to_its_partial_file(directory: FlatDirectory) -> None:
    unfinished: set[str] = set()
    destination = RepositoryDirectory(directory, FETCHED, unfinished=unfinished)
    planned = action("https://files.example/foo", Digests(sha256="0" * 64))
    (task,) = destination.put([planned])
    assert isinstance(task, FetchFile)
    assert unfinished == {partial_name(task)}
    destination.record([(planned, Outcome(NAME, ok=True))])
    assert unfinished == set()


def test_the_state_learns_what_arrived(source: Path, directory: FlatDirectory) -> None:
    state, _ = open_state(directory.state_file)
    digests = hash_file(source, ("sha256",))
    destination = RepositoryDirectory(
        directory, Placement(), Journal(state, 7, "adopt", {NAME: Origin(Cause.REQUIRED, "by bar")})
    )
    planned = action(source.as_uri(), digests)
    (outcome,) = destination.put([planned])
    assert isinstance(outcome, Outcome)
    destination.record([(planned, outcome)])
    row = state.files_named([NAME])[NAME]
    disk = directory.stat(NAME)
    assert disk is not None
    assert disk.matches(row)
    assert (row.project, row.cause, row.detail, row.digests) == (
        "foo",
        Cause.REQUIRED,
        "by bar",
        digests,
    )
    history = state.history("foo")
    assert [(h.run, h.action, h.sha256) for h in history] == [(7, "adopt", digests.sha256)]
    state.close()


def test_a_file_in_its_place_is_only_recorded(directory: FlatDirectory) -> None:
    state, _ = open_state(directory.state_file)
    directory.file(NAME).write_bytes(b"content")
    destination = RepositoryDirectory(directory, Placement(), Journal(state, 1, "adopt"))
    planned = action("", kind=ActionKind.ADOPT)
    (outcome,) = destination.put([planned])
    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.size_bytes) == ("present", 7)
    state.close()


def test_a_name_that_is_taken_is_a_failure(source: Path, directory: FlatDirectory) -> None:
    directory.file(NAME).write_bytes(b"another")
    (outcome,) = RepositoryDirectory(directory, Placement()).put([action(source.as_uri())])
    assert isinstance(outcome, Outcome)
    assert "another file got this name" in outcome.error
    assert directory.file(NAME).read_bytes() == b"another"


def test_a_link_that_is_verified_reads_the_content(source: Path, directory: FlatDirectory) -> None:
    sharing = Sharing(verify=True)
    with pytest.raises(DigestMismatch):
        place_file(source, directory.path, NAME, Digests(sha256="0" * 64), sharing)
    assert not directory.file(NAME).exists()
    place_file(source, directory.path, NAME, hash_file(source), sharing)
    assert directory.file(NAME).samefile(source)


def test_the_catalogue_knows_digests_only_of_unchanged_files(
    source: Path, directory: FlatDirectory
) -> None:
    state, _ = open_state(directory.state_file)
    destination = RepositoryDirectory(directory, Placement(), Journal(state, 1, "adopt"))
    planned = action(source.as_uri(), hash_file(source))
    (outcome,) = destination.put([planned])
    assert isinstance(outcome, Outcome)
    destination.record([(planned, outcome)])
    state.close()
    names = [NormalizedName("foo")]
    found = RepositoryDirectory(directory, Placement()).catalogue(names).find(NAME)
    assert found is not None
    assert found.digests == hash_file(source)
    directory.file(NAME).write_bytes(b"longer content")
    found = RepositoryDirectory(directory, Placement()).catalogue(names).find(NAME)
    assert found is not None
    assert (found.digests, found.size) == (Digests(), 14)
