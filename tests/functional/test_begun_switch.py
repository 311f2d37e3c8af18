"""A killed restore or import, and the commands that come next: they complete it, or say what does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from microrepo import Distribution, MicrorepoError, Repository, mirror
from microrepo.cli import main
from tests.support.bundles import Outside
from tests.support.importing import Inside
from tests.support.packages import build_wheel
from tests.support.switch_world import KILLED, SwitchWorld, kill_at

APP, EXTRA = "app-1.0-py3-none-any.whl", "extra-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def once_killed(tmp_path_factory: pytest.TempPathFactory) -> SwitchWorld:
    """A repository whose restore of `one` was killed after its first visible step."""
    folder = tmp_path_factory.mktemp("killed")
    world = SwitchWorld(folder / "repository")
    steps = world.copy_to(folder / "counted").steps_of("snapshot", "restore", "one")
    for step in range(steps // 2, steps, 3):
        one = world.copy_to(folder / f"step{step}")
        assert one.run_apart(kill_at(step), "snapshot", "restore", "one")[0] == KILLED
        if (one.path / ".microrepo/switch.json").exists() and (one.path / APP).exists():
            return one
    raise AssertionError("no step between the two states")


@pytest.fixture
def killed(once_killed: SwitchWorld, tmp_path: Path) -> SwitchWorld:
    """A copy of it."""
    return once_killed.copy_to(tmp_path / "repository")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A plain directory with a file that the repository lacks."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    built = build_wheel("extra", "1.0")
    (folder / built.filename).write_bytes(built.content)
    return folder


def is_completed(world: SwitchWorld) -> bool:
    """Return whether pages and files are those of `one`, with what a command added."""
    pages = world.path.glob("simple/*/index.v1_json")
    files = [file for page in pages for file in json.loads(page.read_bytes())["files"]]
    seen = {file["filename"]: file["hashes"]["sha256"] for file in files}
    wanted = {name: sha for files in world.listed["one"].values() for name, sha in files.items()}
    left = {path.name for path in world.path.glob("*.whl")} - wanted.keys()
    is_whole = seen.items() >= wanted.items() and left <= {world.own.filename, EXTRA}
    return is_whole and not (world.path / ".microrepo/switch.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["verify"],
        ["index"],
        ["prune", "--packages", "everything"],
        ["delete", "no-such-project"],
        ["adopt", "{elsewhere}", "--no-simple"],
        ["snapshot", "create", "three"],
        ["snapshot", "restore", "one"],
        ["snapshot", "delete", "two"],
        ["snapshot", "prune", "--keep", "9"],
        ["snapshot", "unpin"],
        ["export", "{elsewhere}/out", "--full"],
        ["refresh", "--source", "{elsewhere}", "--packages", "no-such-project", "--no-prune"],
    ],
    ids=" ".join,
)
def test_commands_on_the_repository_complete_it(
    killed: SwitchWorld, elsewhere: Path, words: list[str]
) -> None:
    killed.run(*(word.format(elsewhere=elsewhere) for word in words))
    assert is_completed(killed)


@pytest.mark.parametrize("kind", ["copy", "mirror"])
def test_copies_into_it_complete_it(killed: SwitchWorld, elsewhere: Path, kind: str) -> None:
    what = ["mirror", "extra", "1.0"] if kind == "mirror" else ["copy", "--all"]
    words = [*what, "--source", str(elsewhere), "--destination", str(killed.path), "--quiet"]
    assert main([*words, "--dry-run"]) == 1  # the plan would be of a state between two
    assert main(words) == 0
    assert is_completed(killed)
    assert (killed.path / EXTRA).exists()


def test_a_mirror_of_the_library_completes_it(killed: SwitchWorld, elsewhere: Path) -> None:
    asyncio.run(mirror("extra", "1.0", elsewhere, killed.path, tags=True))
    assert not (killed.path / ".microrepo/switch.json").exists()
    page = json.loads((killed.path / "simple/extra/index.v1_json").read_bytes())
    assert [file["filename"] for file in page["files"]] == [EXTRA]


@pytest.mark.parametrize(
    "words",
    [
        ["copy", "--all", "--source", "{path}", "--destination", "{elsewhere}"],
        ["push", "{elsewhere}", "--repository", "{path}"],
        ["mirror", "app", "1.0", "--source", "{path}", "--destination", "{elsewhere}"],
        ["adopt", "{path}", "--repository", "{elsewhere}/new"],
        ["receipt", "{elsewhere}/receipt", "--repository", "{path}"],
        ["check", "app", "--repository", "{path}"],
    ],
    ids=lambda words: words[0],
)
def test_commands_that_only_read_it_name_the_command_that_helps(
    killed: SwitchWorld, elsewhere: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in elsewhere.iterdir())
    assert main([word.format(path=killed.path, elsewhere=elsewhere) for word in words]) != 0
    said = capsys.readouterr()
    helping = f"`microrepo index --repository {killed.path}`"
    assert helping in " ".join((said.out + said.err).split())
    assert sorted(path.name for path in elsewhere.iterdir()) == before
    assert main(helping.strip("`").split()[1:]) == 0
    assert is_completed(killed)


def test_an_upload_of_the_library_is_refused(killed: SwitchWorld, elsewhere: Path) -> None:
    wheel = Distribution(elsewhere / EXTRA)
    with (
        pytest.raises(MicrorepoError, match="microrepo index"),
        Repository.open(killed.path) as repository,
    ):
        repository.upload(wheel)


def test_dry_runs_and_health_say_so(
    killed: SwitchWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["snapshot", "restore", "two", "--dry-run", "--repository", str(killed.path)])
    assert main(["health", "--repository", str(killed.path)]) != 0
    said = capsys.readouterr()
    assert (said.out + said.err).count("killed before its end") == 2


def test_the_program_in_a_bundle_names_the_command(killed: SwitchWorld, tmp_path: Path) -> None:
    outside = Outside()
    outside.put(build_wheel("other", "1.0"))
    paths = outside.bundle().write(tmp_path / "medium")
    inside = Inside(killed.path)
    receipt = inside.run("--receipt", tmp_path / "receipt")
    assert (receipt.code, "microrepo index" in receipt.err) == (1, True)
    assert not (tmp_path / "receipt").exists()
    for more in ([], ["--dry-run"]):
        ended = inside.run(*paths, *more)
        assert "killed" in ended.text or "microrepo index" in ended.err
        assert (ended.code == 0) == bool(more)
    assert killed.run("index") == 0
    assert is_completed(killed)
