"""What a directory says of its files, by whatever lies beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.repositories.directory_contents import (
    Claim,
    DirectoryContents,
    contradiction,
    damaged_found,
    state_claims,
    unrecorded,
)
from microrepo.repositories.reading import open_for_reading
from microrepo.state import FileRow, Owner, ProjectRow, State, open_state, pack
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.stores.flat_directory import FlatDirectory, OnDisk

FOO = NormalizedName("foo")
NAME = "foo-1.0-py3-none-any.whl"
SAID, OTHER = Digests(sha256="a" * 64), Digests(sha256="b" * 64)


@pytest.fixture
def empty_state() -> Iterator[State]:
    with closing(open_state(Path(":memory:"))[0]) as state:
        yield state


@pytest.fixture
def directory(tmp_path: Path) -> FlatDirectory:
    (tmp_path / NAME).write_bytes(b"12345")
    return FlatDirectory(tmp_path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def page(root: Path, digests: Digests = SAID) -> None:
    entry = {"filename": NAME, "url": f"../../{NAME}", "hashes": {"sha256": digests.sha256}}
    body = {"meta": {"api-version": "1.0"}, "name": "foo", "files": [entry]}
    write(root / "simple" / "foo" / "index.v1_json", json.dumps(body))


def html(root: Path) -> None:
    link = f'<a href="../../{NAME}#sha256={SAID.sha256}">{NAME}</a>'
    write(root / "simple" / "foo" / "index.html", f"<!DOCTYPE html>{link}")


def document(root: Path) -> None:
    entry = {
        "filename": NAME,
        "url": f"https://files.example/{NAME}",
        "packagetype": "bdist_wheel",
        "digests": {"sha256": SAID.sha256},
        "size": 5,
    }
    body = {"info": {"name": "foo", "version": "1.0"}, "releases": {"1.0": [entry]}}
    write(root / "pypi" / "foo" / "json", json.dumps(body))


def hash_file(root: Path) -> None:
    write(root / f"{NAME}.hash", f"sha256={SAID.sha256}\n")


@pytest.mark.parametrize("say", [page, html, document, hash_file])
def test_each_of_them_is_believed(
    say: object, directory: FlatDirectory, empty_state: State
) -> None:
    assert callable(say)
    say(directory.path)
    claim = DirectoryContents(directory, {}).claim(NAME, FOO)
    assert claim is not None
    assert claim.digests == SAID
    assert not claim.holds_for(OnDisk(5, 0)) or claim.mtime_ns == 0
    assert contradiction(claim, SAID) == ""
    assert contradiction(claim, OTHER).startswith("damaged: its sha256 is bbb")
    (found,) = unrecorded(directory, empty_state, directory.scan())
    assert (found.row.project, found.row.version, found.row.digests) == ("foo", "1.0", SAID)
    assert found.row.mtime_ns == 0  # so that `verify` reads it


def test_the_state_goes_before_the_page(directory: FlatDirectory) -> None:
    page(directory.path, OTHER)
    stated = {NAME: Claim(SAID, "its state", 5, 7, "foo")}
    claim = DirectoryContents(directory, stated).claim(NAME, FOO)
    assert claim is not None
    assert (claim.where, claim.digests) == ("its state", SAID)
    assert claim.holds_for(OnDisk(5, 7))
    assert not claim.holds_for(OnDisk(5, 8))


@pytest.mark.parametrize("body", ["", "{", "[]", "<html>", '{"files": 3}'])
def test_a_page_that_cannot_be_read_says_nothing(body: str, directory: FlatDirectory) -> None:
    write(directory.path / "simple" / "foo" / "index.v1_json", body)
    assert DirectoryContents(directory, {}).claim(NAME, FOO) is None


def test_nothing_is_said(directory: FlatDirectory) -> None:
    assert DirectoryContents(directory, {}).claim(NAME, FOO) is None
    assert contradiction(None, OTHER) == ""


def test_damage_is_remembered_until_it_is_gone(
    directory: FlatDirectory, empty_state: State
) -> None:
    claim = Claim(SAID, "its page", 5)
    with empty_state.transaction():
        empty_state.publication.save_found([damaged_found(NAME, FOO, claim, 9)])
    (known,) = state_claims(empty_state).values()
    assert (known.digests, known.size, known.mtime_ns) == (SAID, 5, DAMAGED_MTIME_NS)
    (found,) = unrecorded(directory, empty_state, directory.scan())
    assert found.row.mtime_ns == DAMAGED_MTIME_NS


def test_a_reader_sees_recorded_and_other_files(directory: FlatDirectory) -> None:
    directory.control.mkdir()
    state, _ = open_state(directory.state_file)
    listed = File("foo-0.9.zip", "https://files.example/foo-0.9.zip", "0.9", "sdist", SAID, 3)
    row = FileRow("foo-0.9.zip", FOO, "0.9", listed.url, 3, SAID, True, 7)
    with state.transaction():
        state.save_files([row])
        state.save_projects([ProjectRow(FOO, "Foo")])
        state.save_documents([(FOO, pack(Project(FOO, "Foo", files=(listed,))))])
    state.close()
    before = directory.state_file.read_bytes()
    (directory.path / "bar-2.tar.gz").write_bytes(b"1")
    (directory.path / "notes.txt").write_bytes(b"1")
    with open_for_reading(directory.path) as reader:
        rows = {found.filename: found for found in reader.files()}
        assert rows["foo-0.9.zip"] == row
        assert rows[NAME].owner is Owner.PERSON
        assert sorted(rows) == ["bar-2.tar.gz", "foo-0.9.zip", NAME]
        assert list(reader.files_named(["bar-2.tar.gz"])) == ["bar-2.tar.gz"]
        assert reader.watch.present() == (3, 9)
        projects = reader.projects()
        assert (projects["foo"].display_name, sorted(projects)) == ("Foo", ["bar", "foo"])
        documents = reader.documents(["foo", "bar"])
        assert {file.filename for file in documents["foo"].files} == {"foo-0.9.zip", NAME}
        assert documents["bar"].versions == ("2",)
    assert directory.state_file.read_bytes() == before


def test_a_row_of_a_person_is_seen_once(directory: FlatDirectory) -> None:
    directory.control.mkdir()
    state, _ = open_state(directory.state_file)
    disk = directory.stat(NAME)
    assert disk is not None
    row = FileRow(NAME, FOO, "1.0", "", 5, SAID, True, disk.mtime_ns, owner=Owner.PERSON)
    with state.transaction():
        state.save_files([row])
    state.close()
    with open_for_reading(directory.path) as reader:
        (seen,) = reader.files()
        assert msgspec.structs.replace(seen, cause=row.cause) == row
        assert [file.filename for file in reader.documents([FOO])[FOO].files] == [NAME]


def test_the_size_of_a_damaged_file_may_be_unknown(
    directory: FlatDirectory, empty_state: State
) -> None:
    with empty_state.transaction():
        empty_state.publication.save_found([damaged_found(NAME, FOO, Claim(SAID, "its page"), 9)])
    (found,) = unrecorded(directory, empty_state, directory.scan())
    assert (found.row.size, found.row.mtime_ns) == (5, DAMAGED_MTIME_NS)
