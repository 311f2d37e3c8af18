"""The kept advisories: read again after any damage, and of a known time."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from microrepo.errors import MalformedResponse, RepositoryError
from microrepo.formats.advisories.index_building import build_index
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles, AdvisoryOrigin
from tests.support.advisories import osv_archive, osv_record

ARCHIVE = osv_archive([osv_record("PYSEC-1", "foo", aliases=["CVE-1"])])
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
ORIGIN = AdvisoryOrigin("https://osv.example/all.zip", SHA256, "2026-06-01T00:00:00.000000Z", '"x"')


@pytest.fixture
def files(tmp_path: Path) -> AdvisoryFiles:
    return AdvisoryFiles(tmp_path)


def save(files: AdvisoryFiles, archive: bytes = ARCHIVE) -> None:
    files.save(archive, build_index(io.BytesIO(archive), "x", SHA256).content, ORIGIN)


def ids(files: AdvisoryFiles, *ignored: str) -> list[str]:
    known = files.known(ignored)
    assert known is not None
    return [one.id for one in known.affecting("foo", "1")]


def test_nothing_is_kept(files: AdvisoryFiles) -> None:
    assert not files.exist()
    assert files.known() is None
    assert files.as_of() is None
    assert files.origin() is None
    assert files.sha256() == ""


def test_what_was_saved(files: AdvisoryFiles, tmp_path: Path) -> None:
    save(files)
    assert files.exist()
    assert (files.sha256(), files.origin()) == (SHA256, ORIGIN)
    assert files.as_of() == ORIGIN.as_of
    assert ids(files) == ["PYSEC-1"]
    assert ids(files, "CVE-1") == []
    osv_scanner = tmp_path / ".microrepo" / "osv" / "osv-scanner" / "PyPI" / "all.zip"
    assert osv_scanner.read_bytes() == ARCHIVE


def test_an_archive_that_somebody_put_there(files: AdvisoryFiles) -> None:
    files.archive.parent.mkdir(parents=True)
    files.archive.write_bytes(ARCHIVE)
    os.utime(files.archive, (0, 0))
    assert ids(files) == ["PYSEC-1"]
    assert files.as_of() == "1970-01-01T00:00:00.000000Z"


BLOCK_DAMAGED = bytearray(build_index(io.BytesIO(ARCHIVE), "x", SHA256).content)
EARLIER = BLOCK_DAMAGED.replace(b"rest_sha256", b"other")
BLOCK_DAMAGED[-3] ^= 255


@pytest.mark.parametrize(
    "index", [b"", b"damage", bytes(BLOCK_DAMAGED), bytes(EARLIER), None, "of another archive"]
)
def test_an_index_that_is_not_that_of_the_archive(
    files: AdvisoryFiles, index: bytes | str | None
) -> None:
    save(files)
    if index is None:
        files.index.unlink()
    elif isinstance(index, str):
        other = osv_archive([osv_record("PYSEC-2", "foo")])
        files.index.write_bytes(build_index(io.BytesIO(other), "x", "other").content)
    else:
        files.index.write_bytes(index)
    assert ids(files) == ["PYSEC-1"]
    before = files.index.read_bytes() if files.index.exists() else None
    assert (before is None) is (index is None)  # who only reads does not mend
    files.known(mends=True)
    assert files.index.read_bytes() == build_index(io.BytesIO(ARCHIVE), "x", SHA256).content


def test_damage(files: AdvisoryFiles) -> None:
    save(files)
    files.origin_file.write_bytes(b"\xff")
    assert files.origin() is None
    files.archive.write_bytes(b"damage")
    with pytest.raises(MalformedResponse):
        files.known()


def test_links_in_the_place_of_folders_are_put_aside(files: AdvisoryFiles, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".microrepo").mkdir()
    (tmp_path / ".microrepo" / "osv").symlink_to(elsewhere)
    save(files)
    assert ids(files) == ["PYSEC-1"]
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_cannot_be_written(files: AdvisoryFiles, tmp_path: Path) -> None:
    (tmp_path / ".microrepo").write_bytes(b"a file")
    with pytest.raises(RepositoryError):
        save(files)


def test_an_archive_beyond_all_bounds_is_not_read(files: AdvisoryFiles) -> None:
    files.archive.parent.mkdir(parents=True)
    with files.archive.open("wb") as stream:
        stream.truncate((256 << 20) + 1)
    with pytest.raises(RepositoryError):
        files.known()
