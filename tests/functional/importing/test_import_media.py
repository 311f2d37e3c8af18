"""Media: volumes in any order, lost and found, damaged, through pipes, on file systems without links."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.standalone.importer.volumes.volume_sources import VolumeSource
from tests.support.bundles import Outside, members_of
from tests.support.importing import IMPORTER_FILE, Inside, expect_equal, joined
from tests.support.packages import build_sdist, build_wheel


@pytest.fixture
def volumes(outside: Outside, tmp_path: Path) -> list[Path]:
    """A bundle in several volumes, with files that are split over them."""
    outside.put(build_wheel("large", "1.0", payload_size=20_000))
    paths = outside.bundle().write(tmp_path / "medium", split_bytes=4_000)
    assert len(paths) > 5
    assert any("piece" in name for path in paths for name, _ in members_of(path.read_bytes()))
    return paths


def test_volumes_in_any_order(inside: Inside, outside: Outside, volumes: list[Path]) -> None:
    random.Random(1).shuffle(volumes)
    inside.ok(*volumes)
    expect_equal(inside, outside)


def test_volumes_one_by_one(inside: Inside, outside: Outside, volumes: list[Path]) -> None:
    """Each is imported by itself, the last volume first; none is read again."""
    *most, last = reversed(volumes)
    for path in most:
        done = inside.run(path)
        assert done.code == 3, done.text
        assert "kept" in done.text
        assert not inside.visible()
        path.unlink()
    inside.ok(last)
    expect_equal(inside, outside)


def test_a_lost_volume_that_comes_later(
    inside: Inside, outside: Outside, volumes: list[Path]
) -> None:
    lost = volumes.pop(2)
    done = inside.run(*volumes)
    assert done.code == 3
    assert f"3 of {len(volumes) + 1}" in done.text
    inside.ok(lost)
    expect_equal(inside, outside)


def test_a_diode_that_loses_a_volume(inside: Inside, outside: Outside, volumes: list[Path]) -> None:
    lost = volumes.pop(1)
    assert inside.run("-", stdin=joined(volumes)).code == 3
    inside.ok("-", stdin=lost.read_bytes())
    expect_equal(inside, outside)


def test_a_directory_and_capital_names(
    inside: Inside, outside: Outside, volumes: list[Path]
) -> None:
    for path in volumes:
        path.rename(path.with_name(path.name.upper()))
    (volumes[0].parent / "README.TXT").write_text("not a volume")
    inside.ok(volumes[0].parent)
    expect_equal(inside, outside)


def test_the_medium_is_only_read(inside: Inside, outside: Outside, volumes: list[Path]) -> None:
    folder = volumes[0].parent
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    folder.chmod(0o555)
    inside.ok(folder)
    folder.chmod(0o755)
    assert before == {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()
    }


def test_a_named_pipe(
    inside: Inside, outside: Outside, volumes: list[Path], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(joined(volumes)))
    writer.start()
    inside.ok(pipe)
    writer.join()
    expect_equal(inside, outside)


def flipped(path: Path, member: str) -> int:
    """Flip a bit in the middle of a member; return the place of the member's content."""
    content = bytearray(path.read_bytes())
    data = dict(members_of(bytes(content)))[member]
    start = content.index(data)
    content[start + len(data) // 2] ^= 1
    path.write_bytes(content)
    return start


def member_in(path: Path) -> str:
    return members_of(path.read_bytes())[-1][0]


def test_a_flipped_bit_is_named_and_the_rest_is_kept(
    inside: Inside, outside: Outside, volumes: list[Path]
) -> None:
    bad = volumes[3]
    good = bad.read_bytes()
    member = member_in(bad)
    start = flipped(bad, member)
    done = inside.run(*volumes)
    assert done.code == 3, done.text
    for part in (bad.name, member, f"{start:,}", "damaged on the medium"):
        assert part in done.text
    assert not inside.visible()
    for path in volumes:
        path.unlink()
    bad.write_bytes(good)
    inside.ok(bad)
    expect_equal(inside, outside)


def test_a_second_copy_makes_up_for_a_damaged_one(
    inside: Inside, outside: Outside, volumes: list[Path], tmp_path: Path
) -> None:
    copy = tmp_path / "copy.tar"
    copy.write_bytes(volumes[3].read_bytes())
    flipped(volumes[3], member_in(volumes[3]))
    inside.ok(*volumes, copy)
    expect_equal(inside, outside)


def test_a_pipe_cannot_be_read_again(inside: Inside, outside: Outside, volumes: list[Path]) -> None:
    flipped(volumes[3], member_in(volumes[3]))
    done = inside.run("-", stdin=joined(volumes))
    assert done.code == 3
    assert "damaged on the way" in done.text


def test_a_volume_that_is_cut_off(inside: Inside, outside: Outside, volumes: list[Path]) -> None:
    good = volumes[-1].read_bytes()
    volumes[-1].write_bytes(good[: len(good) // 2])
    done = inside.run(*volumes)
    assert done.code == 3
    assert volumes[-1].name in done.text
    volumes[-1].write_bytes(good)
    inside.ok(volumes[-1])
    expect_equal(inside, outside)


def test_content_that_was_staged_and_then_damaged_is_read_again(
    inside: Inside, outside: Outside, volumes: list[Path]
) -> None:
    """As after a loss of power: what an earlier run has staged does not count unread."""
    last = volumes.pop()
    assert inside.run(*volumes).code == 3
    for path in (inside.root / ".microrepo/staging").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\0" * path.stat().st_size)
    assert inside.run(last).code in {1, 3}
    inside.ok(*volumes, last)
    expect_equal(inside, outside)


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links on this file system")

    monkeypatch.setattr(os, "link", link)


@pytest.mark.usefixtures("no_links")
def test_a_file_system_without_links(
    inside: Inside, outside: Outside, volumes: list[Path], tmp_path: Path
) -> None:
    outside.put(build_wheel("dep", "7.0"))
    inside.ok(*volumes)
    outside.remove("dep-7.0-py3-none-any.whl")
    expect_equal(inside, outside)
    before = outside.snapshot()
    outside.remove("lone-0.1.tar.gz")
    outside.put(build_wheel("dep", "8.0"))
    inside.ok(*outside.bundle(before).write(tmp_path / "next"))
    expect_equal(inside, outside)


def test_several_bundles_on_one_medium(inside: Inside, outside: Outside, tmp_path: Path) -> None:
    """They are imported in their order, and those that were imported before are passed over."""
    folder = tmp_path / "medium"
    outside.bundle().write(folder)
    base = outside.snapshot()
    for number in range(2, 5):
        outside.put(build_wheel("dep", f"{number}.0"))
        outside.remove(*[name for name in outside.files if name.startswith("lone")])
        outside.bundle(base).write(folder, split_bytes=1000 * (number % 2))
        base = outside.snapshot()
        if number == 3:
            inside.ok(folder)
            expect_equal(inside, outside)
    inside.ok(folder)
    expect_equal(inside, outside)
    assert "nothing to do" in inside.ok(folder)


def test_a_chain_stops_at_a_bundle_that_cannot_be_applied(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    folder = tmp_path / "medium"
    inside.ok(*outside.bundle().write(folder))
    base = outside.snapshot()
    outside.put(build_wheel("dep", "2.0"))
    paths = outside.bundle(base).write(folder, split_bytes=700)
    paths[-1].unlink()
    base = outside.snapshot()
    outside.put(build_wheel("dep", "3.0"))
    outside.bundle(base).write(folder)
    before = inside.visible()
    done = inside.run(folder)
    assert done.code == 3, done.text
    assert inside.visible() == before


def test_import_py_reads_a_real_pipe(outside: Outside, volumes: list[Path], tmp_path: Path) -> None:
    inside = Inside(tmp_path / "inside")
    command = [sys.executable, "-I", str(IMPORTER_FILE), "-", "-r", str(inside.root)]
    done = subprocess.run(command, input=joined(volumes), capture_output=True)
    assert done.returncode == 0, done.stderr
    expect_equal(inside, outside)


def test_a_source_can_only_be_opened_if_it_exists(tmp_path: Path) -> None:
    def opened() -> Iterator[bytes]:
        with VolumeSource(str(tmp_path / "missing"), is_file=True).open() as stream:
            yield stream.read()

    with pytest.raises(ValueError, match="missing"):
        list(opened())


@pytest.fixture
def twins(outside: Outside, tmp_path: Path) -> list[Path]:
    """A bundle with two names that differ only in case."""
    outside.put(build_sdist("Lone", "0.1", filename="Lone-0.1.tar.gz"))
    assert {"Lone-0.1.tar.gz", "lone-0.1.tar.gz"} <= outside.files.keys()
    return outside.bundle().write(tmp_path / "twins")


def test_names_that_a_file_system_without_case_cannot_hold(
    inside: Inside, outside: Outside, twins: list[Path]
) -> None:
    """The control folder has a second spelling, as on such a file system."""
    (inside.root / ".microrepo").mkdir(parents=True)
    other = inside.root / ".MICROREPO"
    other.symlink_to(".microrepo")
    for more in ((), ("--dry-run",)):
        done = inside.run(*twins, *more)
        assert done.code == 1, done.text
        assert "Lone-0.1.tar.gz and lone-0.1.tar.gz" in done.text
        assert "exclude_files" in done.text
        assert not [path for path in inside.root.iterdir() if path.suffix in {".gz", ".whl"}]
        assert not list((inside.root / ".microrepo/staging").glob("objects/*"))
    done = inside.run("-", stdin=joined(twins))
    assert done.code == 1, done.text
    inside.ok(*twins, "--select", "dep")
    other.unlink()
    inside.ok(*twins, "--select", "*")
    expect_equal(inside, outside)
