"""Snapshots as people use them: with refreshes, servers, pip, and readers that look all the time."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from microrepo.stores.objects.protected_contents import ProtectedContents
from tests.functional.server.serving import serve
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import Completed
from tests.support.repository import Repository, tree_of
from tests.support.switch_world import SwitchWorld

OLD, NEW = build_wheel("app", "1.0", requires_dist=["base"]), build_wheel("app", "2.0")
BASE, EXTRA = build_wheel("base", "1.0"), build_wheel("extra", "1.0")


def wheels(repo: Repository) -> set[str]:
    return {name for name in repo.names() if name.endswith(".whl")}


@pytest.fixture
def mirror(repo: Repository, index: FakeIndex, default_settings: None) -> Repository:
    """A mirror that was kept as `first`; since then app has a new release, and extra is new."""
    for built in (OLD, BASE):
        index.add(built.name, built)
    repo.refresh("--packages", "everything", "--versions", "1")
    repo.do("snapshot", "create", "first")
    index.add("app", NEW)
    index.add("extra", EXTRA)
    repo.refresh("--packages", "everything", "--versions", "1")
    assert wheels(repo) == {NEW.filename, BASE.filename, EXTRA.filename}
    return repo


def test_a_bad_month(
    mirror: Repository, offline_pip: Callable[..., Completed], tmp_path: Path
) -> None:
    out = tmp_path / "got"
    told = json.loads(mirror.do("snapshot", "diff", "first", "--json").stdout)
    assert told["releases_added"] == ["app==2.0", "extra==1.0"]
    report = json.loads(mirror.do("snapshot", "restore", "first", "--pin", "--json").stdout)
    assert (report["exit_code"], report["pinned"]) == (0, "first")
    assert wheels(mirror) == {OLD.filename, BASE.filename}
    mirror.do("check", "app==1.0")
    offline_pip("download", "--dest", out, "--index-url", (mirror.path / "simple").as_uri(), "app")
    assert {path.name for path in out.iterdir()} == {OLD.filename, BASE.filename}
    held = mirror.refresh("--packages", "everything", "--versions", "1")
    assert "held at the snapshot first" in held.warnings[0]
    assert wheels(mirror) == {OLD.filename, BASE.filename}
    assert "held at the snapshot first" in mirror.do("health").stdout
    mirror.do("snapshot", "unpin")
    mirror.refresh("--packages", "everything", "--versions", "1")
    assert wheels(mirror) == {NEW.filename, BASE.filename, EXTRA.filename}
    mirror.do("verify", "--deep")


def test_refreshes_keep_the_newest(repo: Repository, index: FakeIndex) -> None:
    for number in range(4):
        index.add("app", build_wheel("app", f"{number}.0"))
        repo.refresh("--packages", "everything", "--snapshots", "2", "--versions", "1")
        repo.refresh("--packages", "everything", "--snapshots", "2", "--versions", "1")
    listed = json.loads(repo.do("snapshot", "list", "--json").stdout)
    assert [one["kept_by"] for one in listed["snapshots"]] == ["refresh", "refresh"]
    told = repo.do("history").stdout
    for one in listed["snapshots"]:
        assert f"made the snapshot {one['name']}" in told
    assert repo.do("list", "--snapshot", listed["snapshots"][0]["name"]).stdout == (
        "app-2.0-py3-none-any.whl\n"
    )
    stats = json.loads(repo.do("stats", "--json").stdout)
    assert stats["snapshots"]["files"] == 1
    assert "only snapshots hold 1 file" in repo.do("stats").stdout
    repo.do("snapshot", "prune", "--keep", "0")
    assert list(ProtectedContents.of(repo.path).contents()) == []
    repo.do("verify", "--deep")


def test_a_snapshot_is_served_while_the_repository_goes_on(
    mirror: Repository, offline_pip: Callable[..., Completed], tmp_path: Path
) -> None:
    mirror.do("check", "--snapshot", "first", "app==1.0")
    mirror.do("check", "--snapshot", "first", "app==2.0", expect=3)
    from microrepo.config.load import load
    from microrepo.operations.snapshot.snapshot_view import view_for_serving

    view = view_for_serving(load(None, {"repository": str(mirror.path)}, {}).config, "first")
    with serve(view) as served:
        out = tmp_path / "got"
        offline_pip("download", "--dest", out, "--index-url", f"{served.url}simple/", "app")
        assert {path.name for path in out.iterdir()} == {OLD.filename, BASE.filename}
    assert wheels(mirror) == {NEW.filename, BASE.filename, EXTRA.filename}


def test_a_flipped_bit_is_named_and_a_sound_copy_used(mirror: Repository) -> None:
    """A hard link shares the damage; a file that was repaired since does not."""
    with (mirror.path / BASE.filename).open("r+b") as stream:
        stream.write(b"x")
    assert "damaged" in mirror.do("snapshot", "create", "second", expect=3).stdout
    shown = mirror.do("snapshot", "show", "first", "--deep", expect=3).stdout
    assert BASE.filename in shown
    refused = mirror.do("snapshot", "restore", "first", expect=1).stdout
    assert f"{BASE.filename}: damaged" in refused
    assert NEW.filename in wheels(mirror)
    mirror.run("verify", "--deep", "--repair", *mirror.flags())
    mirror.do("snapshot", "restore", "first")
    mirror.do("verify", "--deep")


def test_readers_see_no_mixture(tmp_path: Path) -> None:
    world = SwitchWorld(tmp_path / "repository")
    problems: list[BaseException] = []
    looks: list[str] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            before = os.stat(world.path / "simple").st_ino
            try:
                looks.append(world.check_readers())
            except FileNotFoundError:  # the old tree is being deleted, and its files
                pass
            except AssertionError as problem:
                # Files of one tree are compared one after the other.
                if os.stat(world.path / "simple").st_ino == before:
                    problems.append(problem)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(8):
            code, said = world.run_apart(lambda *_: None, "snapshot", "restore",
                                         ("one", "two")[number % 2])  # fmt: skip
            assert (code, said) == (0, "")
    finally:
        is_over.set()
        reader.join()
    assert not problems, problems[0]
    assert set(looks) == {"one", "two"}


def test_pip_installs_while_snapshots_are_restored(
    tmp_path: Path, offline_pip: Callable[..., Completed]
) -> None:
    world = SwitchWorld(tmp_path / "repository")
    got: set[str] = set()
    with serve(world.path) as served:
        for number in range(6):
            child = threading.Thread(
                target=world.run_apart,
                args=(lambda *_: None, "snapshot", "restore", ("one", "two")[number % 2]),
            )
            child.start()
            out = tmp_path / f"got{number}"
            offline_pip(
                *("download", "--no-deps", "--dest", out),
                *("--index-url", f"{served.url}simple/", "both1", "both2"),
            )
            child.join()
            got |= {path.name for path in out.iterdir()}
    assert got == {"both1-1.0-py3-none-any.whl", "both2-1.0-py3-none-any.whl"}


def test_a_read_only_repository(mirror: Repository) -> None:
    everything = [mirror.path, *mirror.path.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        before = {path: found for path, found in tree_of(mirror.path).items() if "." in path[1:]}
        for words in (("list",), ("show", "first"), ("diff", "first", "current")):
            mirror.run("snapshot", *words, "--repository", mirror.path)
        mirror.run("check", "--snapshot", "first", "app", "--repository", mirror.path)
        after = tree_of(mirror.path)
        assert {path: after[path] for path in before} == before
    finally:
        for path in everything:
            path.chmod(path.stat().st_mode | 0o200)


@pytest.mark.parametrize("name", ["../up", "a/b", "-x", ".hidden", "line\nbreak", "größe", ""])
def test_odd_names_are_refused(mirror: Repository, name: str) -> None:
    before = sorted(path for path in mirror.path.rglob("*") if "snapshots" in path.parts)
    words = ("snapshot", "create", "--note", "x", f"--repository={mirror.path}", "--", name)
    done = mirror.run(*words, expect=2 if name else 0)
    if name:
        assert "snapshot" in done.stderr
        after = sorted(path for path in mirror.path.rglob("*") if "snapshots" in path.parts)
        assert after == before


def test_files_of_people_stay_on_the_pages_after_the_loss_of_the_state(tmp_path: Path) -> None:
    world = SwitchWorld(tmp_path / "repository")
    beside = build_wheel("both0", "9.0")  # a release of a project that snapshots have, too
    (world.path / beside.filename).write_bytes(beside.content)
    assert world.run("index", "--processes", "1") == 0
    for path in (world.path / ".microrepo").glob("state.db*"):
        path.unlink()
    assert world.run("snapshot", "restore", "one") == 0
    pages = world.path.glob("simple/*/index.v1_json")
    listed = {one["filename"] for page in pages for one in json.loads(page.read_bytes())["files"]}
    of_one = {name for files in world.listed["one"].values() for name in files}
    assert listed == {*of_one, world.own.filename, beside.filename}
    root = json.loads((world.path / "simple/index.v1_json").read_bytes())
    assert "own" in [project["name"] for project in root["projects"]]
    assert world.run("verify") == 0
