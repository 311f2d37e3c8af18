"""Imports of bundles: chains of them, selections, private files, and every refusal with its way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.bundles import OTHER_ORIGIN, Outside
from tests.support.importing import Inside, expect_equal, joined, read_pages
from tests.support.packages import build_sdist, build_wheel


def test_a_bundle_fills_an_empty_directory(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    outside.put(build_wheel("dep", "2.0"), yanked="broken", upload_time="")
    outside.put(build_wheel("dep", "3.0"), yanked=True)
    outside.projects["lone"] = {"status": "archived", "status_reason": "no longer needed"}
    outside.projects["dep"] = {"serial": 77}
    text = inside.ok(*outside.bundle().write(tmp_path / "medium"))
    assert "not signed" in text
    assert "7 files" in text
    expect_equal(inside, outside)
    page = json.loads((inside.root / "simple/dep/index.v1_json").read_text())
    assert [file["yanked"] for file in page["files"]] == [False, False, "broken", True]
    assert page["meta"]["_last-serial"] == 77
    assert page["files"][0]["upload-time"].startswith("2024-05-06T07:08:09")
    page = json.loads((inside.root / "simple/lone/index.v1_json").read_text())
    assert page["project-status"] == {"status": "archived", "reason": "no longer needed"}
    assert "data-requires-python" in (inside.root / "simple/foo-bar/index.html").read_text()


def test_a_chain_of_deltas_ends_as_outside(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    for month in range(1, 6):
        before = outside.snapshot()
        outside.put(build_wheel("monthly", f"{month}.0"), build_sdist("other", f"{month}.0"))
        if month > 2:
            outside.remove(f"monthly-{month - 2}.0-py3-none-any.whl")
        if month == 4:
            outside.remove("lone-0.1.tar.gz")
        inside.ok(
            tmp_path / str(month) if month % 2 else "-", **_given(outside, before, tmp_path, month)
        )
        expect_equal(inside, outside)
    assert not (inside.root / "simple/lone").exists()
    assert not (inside.root / "pypi/lone").exists()


def _given(outside: Outside, before, folder: Path, month: int) -> dict[str, bytes]:
    paths = outside.bundle(before).write(folder / str(month), split_bytes=0 if month % 2 else 900)
    return {} if month % 2 else {"stdin": joined(paths)}


def test_the_same_bundle_again_changes_nothing(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    paths = outside.bundle().write(tmp_path / "medium")
    inside.ok(*paths)
    before = inside.visible()
    assert "nothing to do" in inside.ok(*paths)
    assert inside.visible() == before


def test_lost_and_damaged_files_come_back_with_the_same_bundle(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    paths = outside.bundle().write(tmp_path / "medium")
    inside.ok(*paths)
    (inside.root / "dep-1.0-py3-none-any.whl").unlink()
    damaged = inside.root / "lone-0.1.tar.gz"
    damaged.write_bytes(b"\0" * damaged.stat().st_size)
    inside.ok(*paths)
    expect_equal(inside, outside)


def test_an_older_bundle_needs_rollback(inside: Inside, outside: Outside, tmp_path: Path) -> None:
    old = outside.bundle().write(tmp_path / "old")
    first = outside.snapshot()
    inside.ok(*old)
    outside.put(build_wheel("dep", "9.0"))
    outside.remove("dep-1.0-py3-none-any.whl")
    inside.ok(*outside.bundle(first).write(tmp_path / "new"))
    before = inside.all_files()
    refused = inside.run(*old)
    assert refused.code == 1
    assert "--rollback" in refused.text
    assert inside.all_files() == before
    inside.ok(*old, "--rollback")
    outside.remove("dep-9.0-py3-none-any.whl")
    outside.put(build_wheel("dep", "1.0"))
    expect_equal(inside, outside)


def test_a_bundle_of_another_repository_needs_new_origin(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "a"))
    other = Outside(OTHER_ORIGIN)
    other.put(build_wheel("other", "1.0"))
    paths = other.bundle().write(tmp_path / "b")
    refused = inside.run(*paths)
    assert refused.code == 1
    assert "--new-origin" in refused.text
    expect_equal(inside, outside)
    inside.ok(*paths, "--new-origin")
    expect_equal(inside, other)


def test_a_delta_for_another_base_names_the_way_out(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    outside.put(build_wheel("dep", "2.0"))
    missed = outside.snapshot()
    outside.bundle()
    outside.put(build_wheel("dep", "3.0"))
    paths = outside.bundle(missed).write(tmp_path / "2")
    before = inside.all_files()
    refused = inside.run(*paths)
    assert refused.code == 1
    assert "dep-2.0" in refused.text
    assert "export OUT --for R" in refused.text
    assert inside.all_files() == before


def test_another_base_does_not_matter_if_every_byte_is_held(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    outside.remove("dep-1.0-py3-none-any.whl")
    missed = outside.snapshot()
    outside.bundle()
    outside.put(build_wheel("dep", "3.0"))
    inside.ok(*outside.bundle(missed).write(tmp_path / "2"))
    expect_equal(inside, outside)


def test_files_that_people_put_there_stay_and_stay_listed(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    private = build_wheel("dep", "1.0+ours")
    inside.root.mkdir()
    (inside.root / private.filename).write_bytes(private.content)
    Inside(inside.root, "microrepo").index()
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    expect_equal(inside, outside, private.filename)
    before = outside.snapshot()
    outside.remove("dep-1.0-py3-none-any.whl", "dep-1.1-py3-none-any.whl")
    inside.ok(*outside.bundle(before).write(tmp_path / "1"))
    expect_equal(inside, outside, private.filename)


def test_another_content_with_the_name_of_a_file_goes_to_quarantine(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    private = build_wheel("dep", "1.0", summary="Made here")
    inside.root.mkdir()
    (inside.root / ".microrepo").mkdir()
    (inside.root / private.filename).write_bytes(private.content)
    text = inside.ok(*outside.bundle().write(tmp_path / "0"))
    expect_equal(inside, outside)
    aside = inside.root / ".microrepo/quarantine/dep" / private.filename
    assert aside.read_bytes() == private.content
    assert "quarantine" in text


def test_a_file_replaced_here_is_not_deleted(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    mine = build_wheel("dep", "1.0", summary="Made here")
    (inside.root / mine.filename).write_bytes(mine.content)
    before = outside.snapshot()
    outside.remove(mine.filename)
    inside.ok(*outside.bundle(before).write(tmp_path / "1"))
    assert (inside.root / mine.filename).read_bytes() == mine.content


def test_a_part_of_a_bundle(inside: Inside, outside: Outside, tmp_path: Path) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"), "--select", "dep>=1.1", "--select", "lone")
    assert read_pages(inside.root).keys() == {"dep-1.1-py3-none-any.whl", "lone-0.1.tar.gz"}
    before = outside.snapshot()
    outside.put(build_wheel("dep", "2.0"), build_wheel("Foo.Bar", "2.0"))
    outside.remove("lone-0.1.tar.gz")
    paths = outside.bundle(before).write(tmp_path / "1")
    inside.ok(*paths)  # the selection stays
    assert read_pages(inside.root).keys() == {
        "dep-1.1-py3-none-any.whl",
        "dep-2.0-py3-none-any.whl",
    }
    assert inside.current()["select"] == ["dep>=1.1", "lone"]
    everything = inside.run(*paths, "--select", "*")
    assert everything.code == 1
    assert "foo_bar-1.0" in everything.text
    inside.ok(*outside.bundle().write(tmp_path / "2"), "--select", "*")
    expect_equal(inside, outside)


@pytest.mark.parametrize("requirement", ["", "dep>=", "dep[extra]", "dep ; x", "dep@https://x"])
def test_a_selection_that_cannot_be_meant(
    inside: Inside, outside: Outside, tmp_path: Path, requirement: str
) -> None:
    paths = outside.bundle().write(tmp_path / "0")
    assert inside.run(*paths, f"--select={requirement}").code == 2
    assert not inside.root.exists()


def test_a_dry_run_changes_nothing_and_shows_the_plan(
    inside: Inside, outside: Outside, tmp_path: Path
) -> None:
    paths = outside.bundle().write(tmp_path / "0", split_bytes=800)
    assert "lone-0.1.tar.gz" in inside.ok(*paths, "--dry-run")
    assert not inside.root.exists()
    inside.ok(*paths)
    before = outside.snapshot()
    outside.remove("lone-0.1.tar.gz")
    outside.put(build_wheel("dep", "2.0"))
    paths = outside.bundle(before).write(tmp_path / "1")
    there = inside.all_files()
    text = inside.ok(*paths, "--dry-run")
    assert "- lone-0.1.tar.gz" in text
    assert "+ dep-2.0-py3-none-any.whl" in text
    assert inside.all_files() == there
    assert not (inside.root / ".microrepo/staging").exists()


def test_a_bundle_without_manifest_is_not_a_repository(inside: Inside, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("/dev/null")):
        done = inside.run(path)
        assert done.code == 1
        assert str(path) in done.text
