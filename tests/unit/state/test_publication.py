"""What the state knows of published pages: what is pending, and who has how much of what."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path

import msgspec
import pytest

from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.state import FileRow, ProjectRow, State, open_state, pack
from microrepo.state.tables.found_table import FoundRow, SidecarRow
from microrepo.state.tables.page_table import PageRow
from microrepo.state.tables.share_table import Shares, Unlisted

FOO = NormalizedName("foo")
ROW = FileRow("foo-1.whl", FOO, "1", "u", 3, Digests(sha256="0" * 64), True, 5)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state, _ = open_state(tmp_path / "state.db")
    yield state
    state.close()


def _pending(state: State) -> list[str]:
    names = list(state.publication.pending("", 100))
    state.publication.clear(names)
    return [str(name) for name in names]


def test_a_new_file_has_to_be_published(state: State) -> None:
    state.save_files([ROW])
    assert _pending(state) == ["foo"]


def test_a_file_saved_as_it_was_has_not(state: State) -> None:
    state.save_files([ROW])
    _pending(state)
    state.save_files([msgspec.structs.replace(ROW, detail="another", url="moved")])
    assert _pending(state) == []


@pytest.mark.parametrize(
    "change",
    [
        {"present": False},
        {"size": 4},
        {"mtime_ns": 6},
        {"version": "1.0"},
        {"digests": Digests(sha256="1" * 64)},
        {"digests": Digests()},
    ],
    ids=str,
)
def test_a_changed_file_has(state: State, change: dict[str, object]) -> None:
    state.save_files([ROW])
    _pending(state)
    state.save_files([msgspec.structs.replace(ROW, **change)])
    assert _pending(state) == ["foo"]


def test_a_file_that_changes_hands_concerns_its_new_project(state: State) -> None:
    state.save_files([ROW])
    _pending(state)
    state.save_files([msgspec.structs.replace(ROW, project=NormalizedName("bar"))])
    assert "bar" in _pending(state)


def test_a_deleted_file_has_to_leave_the_pages(state: State) -> None:
    state.save_files([ROW])
    state.publication.save_sidecars([SidecarRow(ROW.filename, 3, 5, "f" * 64)])
    _pending(state)
    state.delete_files([ROW.filename])
    assert _pending(state) == ["foo"]
    assert state.publication.sidecars([ROW.filename]) == {}


def test_a_changed_record_has_to_be_published(state: State) -> None:
    for text in ("first", "second", "second"):
        state.save_documents([("foo", pack(Project(FOO, text)))])
    assert _pending(state) == ["foo"]
    state.save_documents([("foo", pack(Project(FOO, "second")))])
    assert _pending(state) == []


def test_what_only_runs_care_about_has_not(state: State) -> None:
    row = ProjectRow(FOO, "Foo", 1)
    state.save_projects([row])
    _pending(state)
    state.save_projects([msgspec.structs.replace(row, serial=2, checked_at="now", complete=True)])
    assert _pending(state) == []
    state.save_projects([msgspec.structs.replace(row, status="archived")])
    assert _pending(state) == ["foo"]


def test_a_rolled_back_change_leaves_no_note(state: State) -> None:
    def save_and_fail() -> None:
        with state.transaction():
            state.save_files([ROW])
            raise KeyError

    with pytest.raises(KeyError):
        save_and_fail()
    assert _pending(state) == []


def test_pending_projects_come_in_pieces_by_name(state: State) -> None:
    state.publication.mark(["c", "a", "b"])
    assert state.publication.pending("", 2) == ["a", "b"]
    assert state.publication.pending("b", 2) == ["c"]


def _list(state: State, pages: dict[str, Shares]) -> None:
    publication = state.publication
    publication.save_pages(
        PageRow(NormalizedName(name), name, 1, b"x", shares[3]) for name, shares in pages.items()
    )
    unlisted = {row.name: row for row in publication.unlisted("", 10_000)}
    publication.save_shares([(unlisted[name], shares) for name, shares in pages.items()])


@pytest.mark.parametrize("seed", range(4))
def test_the_sum_between_two_names_is_right(state: State, seed: int) -> None:
    """Whether they begin alike or not, after changes too."""
    draw = random.Random(seed)
    letters = "abc-1"
    names = ["".join(draw.choices(letters, k=draw.randrange(1, 6))) for _ in range(150)]
    pages: dict[str, Shares] = {}
    for _ in range(3):
        changed: dict[str, Shares] = {
            name: (draw.randrange(99), draw.randrange(99), draw.randrange(99), draw.randrange(1, 9))
            for name in draw.sample(names, 80)
        }
        _list(state, changed)
        pages |= changed
        probes = ["", *sorted({*draw.sample(sorted(pages), 30), "a", "ab", "abc", "abca", "z"})]
        pairs = [*pairwise(probes), *draw.sample(list(product(probes, probes)), 100)]
        for after, before in pairs:
            if after < before:
                between = [shares for name, shares in pages.items() if after < name < before]
                expected = tuple(sum(column) for column in zip(*between, strict=True))
                found = state.publication.shares_between(after, before)
                assert found == (expected or (0, 0, 0, 0)), (after, before)
        assert state.publication.links_to_be() == sum(shares[3] for shares in pages.values())


def test_links_are_counted_before_they_are_listed(state: State) -> None:
    _list(state, {"foo": (1, 1, 1, 10), "bar": (1, 1, 1, 5)})
    state.publication.save_pages([PageRow(FOO, "foo", 2, b"y", 3)])
    state.publication.retire(["bar"])
    assert state.publication.links_to_be() == 3


def test_what_is_gone_is_remembered_by_its_serial_alone(state: State) -> None:
    _list(state, {"foo": (1, 1, 1, 1)})
    publication = state.publication
    publication.retire(["foo"])
    assert publication.retired() == ["foo"]
    row = publication.unlisted("", 9)[0]
    assert row == Unlisted("foo", "foo", 1, 0, (1, 1, 1, 1))
    publication.save_shares([(row, (0, 0, 0, 0))])
    assert publication.has_unlisted()
    publication.bury(["foo"])
    assert not publication.has_unlisted()
    assert (publication.count(), publication.page_names(), publication.retired()) == (
        (0, 0),
        [],
        [],
    )
    assert publication.pages(["foo"])["foo"].serial == 1
    publication.unlist_all()
    assert not publication.has_unlisted()


def test_files_of_others_are_kept_apart(state: State) -> None:
    row = FoundRow("x-1.whl", "x", 1, 2, "X", File("x-1.whl", "", "1", "bdist_wheel"))
    state.publication.save_found([row])
    assert state.publication.found(["x", "y"]) == [row]
    assert list(state.publication.found_stats()) == [("x-1.whl", "x", 1, 2)]
    assert (list(state.files()), state.count_present(), _pending(state)) == ([], 0, [])
    state.publication.forget_found(["x-1.whl"])
    assert state.publication.found(["x"]) == []


# --- what a run changed -------------------------------------------------------------------------------


def _page(serial: int, files: int = 1) -> PageRow:
    return PageRow(FOO, "Foo", serial, b"content of %d" % serial, files)


def _change_page(state: State) -> None:
    for serial in (1, 2, 3):
        state.publication.save_pages([_page(serial)])


def _change_listing(state: State) -> None:
    for _ in range(2):
        state.publication.save_pages([_page(1)])
        rows = state.publication.unlisted("", 100)
        state.publication.save_shares([(row, (1, 1, 1, 1)) for row in rows])
        state.publication.retire(["foo"])


def _change_sidecar(state: State) -> None:
    for digest in ("a", "b"):
        state.publication.save_sidecars([SidecarRow("foo-1.whl", 3, 5, digest * 64)])


def _change_found(state: State) -> None:
    file = File("foo-1.whl", "", "1", "bdist_wheel")
    for size in (3, 4):
        state.publication.save_found([FoundRow("foo-1.whl", "foo", size, 5, "foo", file)])
        state.publication.forget_found(["foo-1.whl"])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (_change_page, "simple/foo/"),
        (_change_listing, "simple/foo/"),
        (_change_sidecar, "foo-1.whl.metadata"),
        (_change_found, "foo-1.whl"),
    ],
)
def test_what_changes_many_times_in_a_run_is_noted_once_in_each(
    state: State, change: Callable[[State], None], place: str
) -> None:
    change(state)  # before the first run there is nothing to note it for
    runs = [state.start_run("t1"), state.start_run("t2")]
    for run in runs[1:]:
        with state.transaction():
            change(state)
        assert list(state.changes.places(run, run)) == [place]
    assert list(state.changes.places(runs[0], runs[0])) == []
