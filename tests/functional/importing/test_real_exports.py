"""Bundles of the real exporter: an inside becomes what outside is, and installs from it."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bundles import allow, make_key
from tests.support.importing import PROGRAMS, Inside, read_pages
from tests.support.index import FakeIndex
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import Environment
from tests.support.repository import Repository

SHOW = "import app, base; print(app.__version__, base.__version__)"
REFRESH = ("--no-dependencies", "--versions", "all", "--max-deletes", "100 %")


@pytest.fixture
def outside(repo: Repository, index: FakeIndex) -> Repository:
    """A repository outside, with pages."""
    index.add("app", build_wheel("app", "1.0", requires_dist=["base>=1"]))
    index.add("base", build_wheel("base", "1.5"))
    index.add("base", build_sdist("base", "1.5"))
    index.add("base", build_wheel("base", "1.6"), yanked="broken")
    repo.settings = ("--min-free-space", "0", "--processes", "1", *REFRESH)
    repo.refresh("app", "base")
    return repo


def export(outside: Repository, folder: Path, *flags: object) -> Path:
    outside.program("export", str(folder), "--repository", str(outside.path), *map(str, flags))
    return folder


def expect_same(inside: Inside, outside: Repository) -> None:
    """Files, sidecars and what the pages say are those of outside."""
    theirs = Inside(outside.path)
    assert inside.files() == theirs.files()
    assert read_pages(inside.root) == read_pages(outside.path)
    pages = {
        name: content
        for name, content in theirs.visible().items()
        if name.startswith("simple/") and name.endswith("v1_json")
    }
    mine = inside.visible()
    assert {name: without_serial(mine[name]) for name in pages} == {
        name: without_serial(content) for name, content in pages.items()
    }


def without_serial(page: bytes) -> bytes:
    """Return a page without serials, which an inside counts by itself."""
    return re.sub(rb'"_last-serial":\d+', b"", page)


def test_months(inside: Inside, outside: Repository, index: FakeIndex, tmp_path: Path) -> None:
    """Deltas, volumes, signatures, a lost bundle, a receipt, and a bundle that comes twice."""
    key = make_key(tmp_path / "keys")
    signers = allow(tmp_path / "signers", key)
    signed = ("--sign", key)
    check = ("--allowed-signers", signers)
    inside.ok(export(outside, tmp_path / "0", *signed), *check)
    expect_same(inside, outside)
    index.add("app", build_wheel("app", "2.0", payload_size=3_000_000))
    outside.refresh("app", "base")
    second = export(outside, tmp_path / "1", *signed, "--split", "1.2MB")
    assert len(list(second.iterdir())) > 2
    inside.ok(second, *check)
    expect_same(inside, outside)
    assert "nothing to do" in inside.ok(second, *check)
    # A bundle is lost.
    index.add("base", build_wheel("base", "1.7"))
    outside.refresh("app", "base")
    export(outside, tmp_path / "lost", *signed)
    index.add("base", build_wheel("base", "1.8"))
    outside.refresh("app", "base")
    done = inside.run(export(outside, tmp_path / "2", *signed), *check)
    assert done.code == 1
    assert "receipt" in done.text
    receipt = tmp_path / "receipt.json"
    Inside(inside.root, "microrepo")
    outside.program("receipt", str(receipt), "--repository", str(inside.root))
    answer = export(outside, tmp_path / "3", *signed, "--for", receipt)
    (volume,) = answer.iterdir()
    with tarfile.open(volume) as archive:
        names = {name for name in archive.getnames() if name.startswith("files/")}
    assert names == {f"files/base-1.{n}-py3-none-any.whl" for n in (7, 8)}
    inside.ok(answer, *check)
    expect_same(inside, outside)


def test_the_program_in_the_bundle_does_it_alone(outside: Repository, tmp_path: Path) -> None:
    (volume,) = export(outside, tmp_path / "medium").iterdir()
    with tarfile.open(volume) as archive:
        content = archive.extractfile("import.py")
        assert content is not None
        (tmp_path / "import.py").write_bytes(content.read())
    inside = Inside(tmp_path / "inside")
    inside.root.mkdir()
    command = [sys.executable, "-I", "import.py", str(volume), "-r", str(inside.root)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    expect_same(inside, outside)
    assert "def main" in (inside.root / "server.py").read_text()


def test_a_receipt_without_microrepo(outside: Repository, index: FakeIndex, tmp_path: Path) -> None:
    """The program in the bundle writes one that lists what is sound."""
    inside = Inside(tmp_path / "inside")
    inside.ok(export(outside, tmp_path / "0"))
    (inside.root / "base-1.5.tar.gz").write_bytes(b"damaged")
    index.add("app", build_wheel("app", "2.0"))
    outside.refresh("app", "base")
    assert "lists 2 files" in inside.ok("--receipt", tmp_path / "receipt.json")
    (volume,) = export(outside, tmp_path / "1", "--for", tmp_path / "receipt.json").iterdir()
    with tarfile.open(volume) as archive:
        names = {name for name in archive.getnames() if name.startswith("files/")}
    assert names == {"files/app-2.0-py3-none-any.whl", "files/base-1.5.tar.gz"}
    inside.ok(volume)
    expect_same(inside, outside)
    assert inside.run().code == 2
    assert inside.run(volume, "--receipt", tmp_path / "x").code == 2


def test_through_a_pipe(inside: Inside, outside: Repository, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "microrepo", "export", "-", "--repository", str(outside.path)]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr
    inside.ok("-", stdin=done.stdout)
    expect_same(inside, outside)


def test_pip_and_uv_install_from_an_inside(
    inside: Inside, outside: Repository, tmp_path: Path, fresh_venv: Callable[..., Environment]
) -> None:
    inside.ok(export(outside, tmp_path / "medium"))
    simple = (inside.root / "simple").as_uri()
    for number, flags in enumerate(
        (("--index-url", simple), ("--no-index", "--find-links", str(inside.root)))
    ):
        venv = fresh_venv(tmp_path / f"pip-{number}")
        venv.pip("install", *flags, "app", "base<1.6")
        assert venv.run("-c", SHOW).stdout == "1.0 1.5\n"
        venv = fresh_venv(tmp_path / f"uv-{number}")
        venv.uv("pip", "install", *flags, "app", "base<1.6")
        assert venv.run("-c", SHOW).stdout == "1.0 1.5\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_pip_installs_while_imports_run(
    program: str,
    outside: Repository,
    index: FakeIndex,
    tmp_path: Path,
    fresh_venv: Callable[..., Environment],
) -> None:
    inside = Inside(tmp_path / "inside", program)
    inside.ok(export(outside, tmp_path / "0"))
    ended = threading.Event()
    failures: list[str] = []

    def install() -> None:
        venv = fresh_venv(tmp_path / "venv")
        simple = (inside.root / "simple").as_uri()
        while not ended.is_set():
            done = venv.pip(
                "install", "--force-reinstall", "--no-cache-dir", "--index-url", simple, "app",
                check=False,
            )  # fmt: skip
            if done.returncode:
                failures.append(done.stdout + done.stderr)
                return

    thread = threading.Thread(target=install)
    thread.start()
    try:
        for number in range(1, 8):
            index.add("app", build_wheel("app", f"{number}.1", requires_dist=["base>=1"]))
            index.add("other", build_wheel("other", f"{number}.0", payload_size=100_000))
            outside.refresh("app", "base", "other")
            inside.ok(export(outside, tmp_path / str(number)))
    finally:
        ended.set()
        thread.join()
    assert not failures, failures[0]
    expect_same(inside, outside)


def test_a_bundle_feeds_two_insides_with_their_own_selections(
    outside: Repository, tmp_path: Path
) -> None:
    medium = export(outside, tmp_path / "medium")
    for program in PROGRAMS:
        inside = Inside(tmp_path / program, program)
        inside.ok(medium, "--select", "base>=1.5")
        assert read_pages(inside.root).keys() == {"base-1.5-py3-none-any.whl", "base-1.5.tar.gz"}


def test_ten_random_months(
    inside: Inside, outside: Repository, index: FakeIndex, tmp_path: Path
) -> None:
    """Lost and repeated bundles, full ones and deltas; the end is what outside is."""
    chance = random.Random(inside.program)
    index.add("other", build_wheel("other", "1.0"))
    for month in range(10):
        for _ in range(chance.randint(1, 3)):
            name = chance.choice(("app", "base", "other"))
            index.add(name, build_wheel(name, f"{month + 3}.{chance.randrange(10**6)}"))
        outside.refresh("app", "base", "other")
        medium = export(outside, tmp_path / str(month))
        if chance.random() < 0.4:
            continue  # lost
        done = inside.run(medium)
        if done.code == 1:
            receipt = tmp_path / f"receipt-{month}"
            outside.program("receipt", str(receipt), "--repository", str(inside.root))
            answer = export(outside, tmp_path / f"{month}-again", "--for", receipt)
            inside.ok(answer)
        expect_same(inside, outside)
        if chance.random() < 0.3:
            inside.ok(medium) if done.code == 0 else inside.run(medium)
            expect_same(inside, outside)
    if medium.exists():
        inside.ok(export(outside, tmp_path / "full", "--full"))
    expect_same(inside, outside)
