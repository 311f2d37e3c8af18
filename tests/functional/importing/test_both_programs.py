"""microrepo and the program in a bundle: the same pages, and each continues what the other began."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from microrepo.cli import main
from tests.support.bundles import Outside
from tests.support.importing import IMPORTER_FILE, Inside, expect_equal, importer_module
from tests.support.interpreters import python_interpreters
from tests.support.packages import build_egg, build_sdist, build_wheel

STANDALONE, MICROREPO = "import.py", "microrepo"
# They differ by the time of the run, or only one program writes them.
NOT_COMPARED = {"last-modified", "server.py"}


@pytest.fixture
def both(tmp_path: Path) -> tuple[Inside, Inside]:
    return Inside(tmp_path / "a", STANDALONE), Inside(tmp_path / "b", MICROREPO)


def rich(outside: Outside) -> Outside:
    """Add whatever pages can say."""
    outside.put(
        build_wheel("dep", "2.0", requires_python=">=3.9,<4", requires_dist=["lone"]),
        yanked='bad "quotes" <and> \u00e4',
    )
    outside.put(build_wheel("dep", "2.1"), yanked=True, upload_time="")
    outside.put(build_egg("Old_Egg", "1.0"), build_sdist("win", "1.0", format="zip"))
    outside.put(build_wheel("cp", "1.0", python_tag="cp311.cp312", abi_tag="abi3"))
    outside.projects["dep"] = {"serial": 1234}
    outside.projects["lone"] = {"status": "deprecated", "status_reason": "use \u201cdep\u201d"}
    return outside


def compared(inside: Inside) -> dict[str, bytes]:
    return {name: data for name, data in inside.visible().items() if name not in NOT_COMPARED}


def test_pages_are_the_same(both: tuple[Inside, Inside], outside: Outside, tmp_path: Path) -> None:
    rich(outside)
    paths = [outside.bundle().write(tmp_path / "0")]
    before = outside.snapshot()
    outside.put(build_wheel("dep", "3.0"), build_wheel("fresh", "1.0"))
    outside.remove("lone-0.1.tar.gz", "dep-1.0-py3-none-any.whl")
    outside.facts["dep-1.1-py3-none-any.whl"] = {"yanked": "now"}
    outside.projects["dep"] = {"serial": 1300}
    paths.append(outside.bundle(before).write(tmp_path / "1"))
    before = outside.snapshot()
    outside.put(build_sdist("another", "0.1"))
    outside.projects["dep"] = {"serial": 1300, "status": "archived"}
    paths.append(outside.bundle(before).write(tmp_path / "2"))
    for volumes in paths:
        for inside in both:
            inside.ok(*volumes)
        assert compared(both[0]) == compared(both[1])
    expect_equal(both[0], outside)


def test_pages_for_people_are_the_same(
    both: tuple[Inside, Inside], outside: Outside, tmp_path: Path
) -> None:
    rich(outside)
    first = outside.bundle().write(tmp_path / "0")
    before = outside.snapshot()
    outside.put(build_wheel("dep", "3.0", summary="Newest <b>"), build_wheel("fresh", "1.0"))
    outside.remove("lone-0.1.tar.gz")
    second = outside.bundle(before).write(tmp_path / "1")
    for inside in both:
        Inside(inside.root, MICROREPO).ok(*first, "--browse")
        flags = ("--browse",) if inside.program == MICROREPO else ()
        inside.ok(*second, *flags)
    first_pages, second_pages = (
        {name: data for name, data in compared(inside).items() if name != "browse/index.html"}
        for inside in both
    )
    assert first_pages == second_pages
    assert "browse/project/fresh/index.html" in first_pages
    assert "browse/project/lone/index.html" not in first_pages
    start = (both[0].root / "browse/index.html").read_text()
    assert "fresh" in start
    assert "lone" not in start


def test_each_program_goes_on_where_the_other_ended(
    both: tuple[Inside, Inside], outside: Outside, tmp_path: Path
) -> None:
    inside = both[0]
    before = None
    for month in range(6):
        outside.put(build_wheel("dep", f"{month + 5}.0"))
        if month > 2:
            outside.remove(f"dep-{month + 3}.0-py3-none-any.whl")
        inside.program = (STANDALONE, MICROREPO)[month % 2]
        inside.ok(*outside.bundle(before).write(tmp_path / str(month)))
        expect_equal(inside, outside)
        before = outside.snapshot()


def test_serials_never_go_back(
    both: tuple[Inside, Inside], outside: Outside, tmp_path: Path
) -> None:
    """Also if a project returns to what the state knows, after changes that it has not seen."""
    inside = both[0]
    inside.program = MICROREPO
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    added = build_wheel("dep", "2.0")
    serials = [serial_of(inside)]
    inside.program = STANDALONE
    for number in range(1, 5):
        before = outside.snapshot()
        if number % 2:
            outside.put(added)
        else:
            outside.remove(added.filename)
        inside.ok(*outside.bundle(before).write(tmp_path / str(number)))
        expect_equal(inside, outside)
        serials.append(serial_of(inside))
    inside.program = MICROREPO
    before = outside.snapshot()
    outside.put(build_wheel("other", "1.0"))
    inside.ok(*outside.bundle(before).write(tmp_path / "5"))
    expect_equal(inside, outside)
    assert serials == sorted(set(serials))
    assert serial_of(inside) >= serials[-1]


def serial_of(inside: Inside) -> int:
    page = json.loads((inside.root / "simple/dep/index.v1_json").read_text())
    return int(page["meta"]["_last-serial"])


def test_what_import_py_has_changed_is_settled_by_the_next_run(
    both: tuple[Inside, Inside], outside: Outside, tmp_path: Path
) -> None:
    inside = both[0]
    inside.program = MICROREPO
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    before = outside.snapshot()
    outside.put(build_wheel("dep", "2.0"))
    outside.remove("lone-0.1.tar.gz")
    inside.program = STANDALONE
    inside.ok(*outside.bundle(before).write(tmp_path / "1"))
    pages = project_pages(inside)
    inside.index()
    assert project_pages(inside) == pages
    expect_equal(inside, outside)
    assert listed(inside) == outside.files.keys()
    history = microrepo(inside, "history", "--json")
    assert "lone-0.1.tar.gz" in history


def project_pages(inside: Inside) -> dict[str, bytes]:
    """Return all pages but those of all projects, whose serial may grow."""
    return {n: data for n, data in compared(inside).items() if not n.startswith("simple/index.")}


def microrepo(inside: Inside, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "microrepo", *arguments, "--repository", str(inside.root)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(inside: Inside) -> set[str]:
    return {one["filename"] for one in json.loads(microrepo(inside, "list", "--json"))}


@pytest.mark.parametrize("program", [STANDALONE, MICROREPO])
def test_after_an_import_every_command_works(
    program: str, outside: Outside, tmp_path: Path
) -> None:
    rich(outside)
    inside = Inside(tmp_path / "inside", program)
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    assert listed(inside) == outside.files.keys()
    microrepo(inside, "stats")
    microrepo(inside, "verify", "--deep")
    microrepo(inside, "check", "dep<2")
    microrepo(inside, "explain", "dep")
    microrepo(inside, "index")
    microrepo(inside, "snapshot", "create", "now")
    microrepo(inside, "history")
    expect_equal(inside, outside)


@pytest.mark.parametrize("kill_by", [STANDALONE, MICROREPO])
@pytest.mark.parametrize("finished_by", [STANDALONE, MICROREPO])
@pytest.mark.parametrize("step", ["after the journal", "after the files", "after the pages"])
def test_a_switch_that_one_program_began_is_completed_by_the_other(
    kill_by: str, finished_by: str, step: str, outside: Outside, tmp_path: Path
) -> None:
    """A kill right after a step, then an import of the same bundle by the other program."""
    inside = Inside(tmp_path / "inside", kill_by)
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    before = outside.snapshot()
    outside.put(build_wheel("dep", "2.0"), build_wheel("fresh", "1.0"))
    outside.remove("lone-0.1.tar.gz", "dep-1.0-py3-none-any.whl")
    paths = outside.bundle(before).write(tmp_path / "1")
    killed_at(inside, step, paths)
    assert (inside.root / ".microrepo/switch.json").exists()
    inside.program = finished_by
    text = inside.ok(*paths)
    assert "completed" in text or finished_by == MICROREPO
    expect_equal(inside, outside)
    inside.index()
    expect_equal(inside, outside)
    assert listed(inside) == outside.files.keys()


_KILLER = """
import os, sys
sys.path.insert(0, {checkout!r})
from {module} import {owner} as owner
real = owner.{method}
def kill(*arguments, **named):
    found = real(*arguments, **named)
    os._exit(9)
    return found
owner.{method} = kill
{run}
"""
_PLACES = {
    (STANDALONE, "after the journal"): ("switch.import_journal", "ImportJournal", "begin"),
    (STANDALONE, "after the files"): ("switch.file_changes", "FileChanges", "put"),
    (STANDALONE, "after the pages"): ("pages.tree_files", "TreeFiles", "exchange"),
    (MICROREPO, "after the journal"): ("switch_journal", "SwitchJournal", "begin"),
    (MICROREPO, "after the files"): ("manifest_switch", "ManifestSwitch", "_put"),
    (MICROREPO, "after the pages"): ("staged_pages", "StagedPages", "exchange"),
}


def killed_at(inside: Inside, step: str, paths: list[Path]) -> None:
    module, owner, method = _PLACES[inside.program, step]
    arguments = [*map(str, paths), "--repository", str(inside.root)]
    if inside.program == STANDALONE:
        module = f"microrepo.standalone.importer.{module}"
        run = f"from microrepo.standalone.importer.main import main; main({arguments!r})"
    else:
        module = f"microrepo.operations.switch.{module}"
        run = f"from microrepo.cli import main; main(['import', *{arguments!r}])"
    code = _KILLER.format(
        checkout=str(Path(__file__).parents[3]), module=module, owner=owner, method=method, run=run
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 9, done.stdout + done.stderr


def test_a_locked_repository(outside: Outside, tmp_path: Path) -> None:
    """Each program respects the lock that the other holds."""
    paths = outside.bundle().write(tmp_path / "0")
    inside = Inside(tmp_path / "inside")
    with importer_module.hold_repository(str(inside.root)):
        for program in (STANDALONE, MICROREPO):
            done = Inside(inside.root, program).run(*paths)
            assert done.code == 4, done.text
            assert str(os.getpid()) in done.text
    assert inside.visible() == {}


@pytest.mark.parametrize("release", [(3, 7), (3, 8), (3, 13)])
def test_the_file_runs_on_other_pythons(
    release: tuple[int, int], outside: Outside, tmp_path: Path
) -> None:
    python = python_interpreters().get(release)
    if python is None:
        pytest.skip(f"Python {release} is not installed")
    rich(outside)
    paths = outside.bundle().write(tmp_path / "0", split_bytes=1500)
    before = outside.snapshot()
    outside.put(build_wheel("dep", "4.0"))
    outside.remove("lone-0.1.tar.gz")
    more = outside.bundle(before).write(tmp_path / "1")
    program = shutil.copy(IMPORTER_FILE, tmp_path / "import.py")
    inside = Inside(tmp_path / "inside")
    inside.root.mkdir()
    for volumes in (paths, more):
        command = [python, "-I", program, "-r", inside.root, *volumes]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    expect_equal(inside, outside)


def test_links_lead_where_those_of_the_repository_lead(
    both: tuple[Inside, Inside], outside: Outside, tmp_path: Path
) -> None:
    """The setting `files_url` of the repository, not that of the bundle, which is of another."""
    first = outside.bundle().write(tmp_path / "0")
    before = outside.snapshot()
    outside.put(build_wheel("dep", "3.0"), build_wheel("fresh", "1.0"))
    second = outside.bundle(before).write(tmp_path / "1")
    base = "https://files.example/python/"
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"files_url": base}))
    for inside in both:
        inside.ok(*first)
        words = ["index", "--config", str(config), "--repository", str(inside.root), "--quiet"]
        assert main(words) == 0
        inside.ok(*second)
    pages = [compared(inside) for inside in both]
    assert pages[0] == pages[1]
    assert f"{base}fresh-1.0-py3-none-any.whl".encode() in pages[0]["simple/fresh/index.html"]
    assert b'"../../' not in pages[0]["simple/fresh/index.html"]
