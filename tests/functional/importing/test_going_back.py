"""A bad month behind the gap: a snapshot is restored, and later bundles go on from there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bundles import allow, make_key
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository

ONE, BAD, NEXT, OWN = (
    f"{name}-py3-none-any.whl" for name in ("one-1.0", "bad-1.0", "next-1.0", "own-1.0")
)


@pytest.fixture
def outside(repo: Repository, index: FakeIndex) -> Repository:
    for name in ("one", "bad", "next"):
        index.add(name, build_wheel(name, "1.0"))
    repo.settings = ("--min-free-space", "0", "--processes", "1", "--no-dependencies")
    repo.refresh("one")
    return repo


class Gap:
    """Carries bundles into a directory."""

    def __init__(self, outside: Repository, folder: Path) -> None:
        self.outside = outside
        self.folder = folder
        self.inside = folder / "inside"
        self._count = 0

    def export(self, *flags: str | Path) -> Path:
        self._count += 1
        out = self.folder / f"bundle-{self._count}"
        self.outside.run("export", out, "--repository", self.outside.path, *flags)
        return out

    def bring(self, bundle: Path, *flags: str | Path, expect: int = 0) -> str:
        done = self.outside.run(
            "import", bundle, "--repository", self.inside, *flags, expect=expect
        )
        return done.stdout + done.stderr

    def do(self, *words: str | Path) -> None:
        self.outside.run(*words, "--repository", self.inside)

    def files(self) -> set[str]:
        self.outside.run("verify", "--deep", "--repository", self.inside)
        return {path.name for path in self.inside.glob("*.whl")}


@pytest.fixture
def gap(outside: Repository, tmp_path: Path) -> Gap:
    made = Gap(outside, tmp_path)
    made.bring(made.export())
    own = build_wheel("own", "1.0")
    (made.inside / own.filename).write_bytes(own.content)
    made.do("index")
    made.do("snapshot", "create", "good")
    return made


def test_a_bad_bundle_is_undone(gap: Gap) -> None:
    first = gap.files()
    gap.outside.refresh("bad")
    gap.outside.run("delete", "one", "--repository", gap.outside.path)
    bad = gap.export()
    gap.bring(bad)
    assert gap.files() == {BAD, OWN}
    gap.do("snapshot", "restore", "good")
    assert gap.files() == first == {ONE, OWN}

    # The next bundle brings what is new, and deletes what outside does not have any more.
    gap.outside.refresh("next")
    gap.outside.run("delete", "bad", "--repository", gap.outside.path)
    gap.bring(gap.export())
    assert gap.files() == {NEXT, OWN}


def test_the_undone_bundle_can_be_imported_again(gap: Gap) -> None:
    gap.outside.refresh("bad")
    bad = gap.export()
    gap.bring(bad)
    gap.do("snapshot", "restore", "good")
    assert gap.files() == {ONE, OWN}
    gap.bring(bad)
    assert gap.files() == {ONE, BAD, OWN}


def test_older_bundles_are_refused_after_a_restore_as_before(gap: Gap) -> None:
    gap.outside.refresh("bad")
    middle = gap.export()
    gap.bring(middle)
    gap.outside.refresh("next")
    gap.bring(gap.export())
    gap.do("snapshot", "restore", "good")
    assert "--rollback" in gap.bring(middle, expect=1)
    gap.bring(middle, "--rollback")
    assert gap.files() == {ONE, BAD, OWN}


def test_a_receipt_after_a_restore_asks_for_what_is_lacking(gap: Gap) -> None:
    gap.outside.refresh("bad", "next")
    gap.bring(gap.export())
    gap.do("snapshot", "restore", "good")
    gap.do("snapshot", "prune", "--keep", "0")
    gap.do("receipt", gap.folder / "receipt.json")
    gap.bring(gap.export("--for", gap.folder / "receipt.json"))
    assert gap.files() == {ONE, BAD, NEXT, OWN}


def test_files_deleted_by_the_program_in_the_bundle_are_not_listed(gap: Gap) -> None:
    gap.outside.refresh("bad")
    gap.outside.run("delete", "one", "--repository", gap.outside.path)
    bundle = gap.export()
    (volume,) = bundle.iterdir()
    subprocess.run(["tar", "-xf", volume, "-C", bundle, "import.py"], check=True)
    program = [sys.executable, str(bundle / "import.py"), str(bundle)]
    subprocess.run([*program, "--repository", str(gap.inside)], check=True)
    listed = gap.outside.run("list", "--repository", gap.inside).stdout.split()
    assert listed == [BAD, OWN]
    gap.outside.run("check", "one", "--repository", gap.inside, expect=3)
    gap.outside.run("check", "bad", "--repository", gap.inside)


def test_once_verified_is_always_verified(outside: Repository, tmp_path: Path) -> None:
    gap = Gap(outside, tmp_path)
    key = make_key(tmp_path / "key")
    signers = allow(tmp_path / "signers", key)
    gap.bring(gap.export("--sign", key), "--allowed-signers", signers)
    outside.refresh("next")
    signed = gap.export("--sign", key)
    assert "--allowed-signers" in gap.bring(signed, expect=1)
    assert gap.files() == {ONE}
    gap.bring(signed, "--allowed-signers", signers)
    assert gap.files() == {ONE, NEXT}
