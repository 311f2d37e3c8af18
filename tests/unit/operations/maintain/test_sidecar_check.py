"""Metadata files beside wheels that are not the ones that pages list."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.operations.maintain.verify import verify
from microrepo.state.tables.found_table import SidecarRow
from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

APP = build_wheel("app", "1.0")
NAME = f"{APP.filename}.metadata"


@pytest.fixture(autouse=True)
def row(shelf: Shelf) -> SidecarRow:
    """A wheel whose metadata file was made and listed."""
    shelf.hold(APP)
    (shelf.path / ".microrepo" / "partial").mkdir(exist_ok=True)
    made = make_sidecar(MakeSidecar(str(shelf.path), APP.filename))
    with shelf.state.transaction():
        shelf.state.publication.save_sidecars([made])
    return made


def failed(config: Config, *, deep: bool = False, repair: bool = False) -> list[str]:
    return [one.what for one in verify(config, deep=deep, repair=repair).failed]


def test_the_one_that_was_listed(config: Config) -> None:
    assert failed(config, deep=True) == []


@pytest.mark.parametrize("body", [b"Name: other\n", None])
def test_another_or_none(shelf: Shelf, config: Config, row: SidecarRow, body: bytes | None) -> None:
    path = shelf.path / NAME
    path.unlink()
    if body is not None:
        path.write_bytes(body)
    assert failed(config) == [NAME]
    assert failed(config, repair=True) == []
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256
    assert failed(config, deep=True) == []


def test_damage_that_size_and_time_hide_is_found_by_reading(shelf: Shelf, config: Config) -> None:
    path = shelf.path / NAME
    status, body = path.stat(), path.read_bytes()
    path.write_bytes(bytes([body[0] ^ 1]) + body[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (failed(config), failed(config, deep=True)) == ([], [NAME])


def test_a_wheel_that_has_none_is_not_asked_for_one(
    shelf: Shelf, config: Config, row: SidecarRow
) -> None:
    (shelf.path / NAME).unlink()
    with shelf.state.transaction():
        shelf.state.publication.save_sidecars([msgspec.structs.replace(row, sha256=None)])
    assert failed(config) == []


@pytest.mark.parametrize("url", [f"../../{APP.filename}", f"https://files.example/{APP.filename}"])
def test_without_a_state_pages_say_it(
    shelf: Shelf, config: Config, row: SidecarRow, tmp_path: Path, url: str
) -> None:
    there = tmp_path / "there"
    (there / "simple" / "app").mkdir(parents=True)
    APP.write_to(there)
    mark = f'data-core-metadata="sha256={row.sha256}"'
    page = f'<a href="{url}#sha256={APP.sha256}" {mark}>{APP.filename}</a>'
    (there / "simple" / "app" / "index.html").write_text(page)
    (there / NAME).write_bytes((shelf.path / NAME).read_bytes())
    elsewhere = msgspec.structs.replace(config, repository=str(there))
    assert failed(elsewhere) == []
    (there / NAME).write_bytes(b"Name: other\n")
    shutil.rmtree(there / ".microrepo", ignore_errors=True)
    assert failed(elsewhere) == ([NAME] if url.startswith(".") else [])
