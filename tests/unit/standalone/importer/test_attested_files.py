"""Provenance objects beside the files of a switch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from microrepo.standalone.importer.intake.staging import Staging
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.standalone.importer.switch.attested_files import put_provenance, trusted_root_moves

BODY = b'{"version": 1}'
DIGEST = hashlib.sha256(BODY).hexdigest()
NAME = "foo-1.0.tar.gz"
ENTRY = ManifestFile("foo", NAME, "1.0", 7, "a" * 64, provenance_sha256=DIGEST)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / NAME).write_bytes(b"content")
    os.utime(tmp_path / NAME, ns=(5, 5))
    return tmp_path


def store(repository: Path, body: bytes, *, staged: bool) -> None:
    place = ("staging", "objects", DIGEST) if staged else ("objects", DIGEST[:2], DIGEST)
    path = repository.joinpath(".microrepo", *place)
    path.parent.mkdir(parents=True)
    path.write_bytes(body)


@pytest.mark.parametrize("staged", [True, False])
def test_an_object_is_put_beside_its_file(repository: Path, staged: bool) -> None:
    store(repository, BODY, staged=staged)
    for _ in range(2):
        put_provenance(str(repository), [ENTRY], {"foo"})
    beside = repository / f"{NAME}.provenance"
    assert (beside.read_bytes(), beside.stat().st_mtime_ns) == (BODY, 5)
    assert not list((repository / ".microrepo" / "partial").iterdir())


def test_an_object_of_another_file_is_replaced(repository: Path) -> None:
    store(repository, BODY, staged=True)
    (repository / f"{NAME}.provenance").write_bytes(b"old")
    put_provenance(str(repository), [ENTRY], {"foo"})
    assert (repository / f"{NAME}.provenance").read_bytes() == BODY


@pytest.mark.parametrize(
    ("entry", "body"),
    [
        pytest.param(ENTRY._replace(size_bytes=8), BODY, id="another file is in place"),
        pytest.param(ENTRY._replace(filename="bar-1.0.zip"), BODY, id="no file is in place"),
        pytest.param(ENTRY._replace(provenance_sha256=""), BODY, id="it has none"),
        pytest.param(ENTRY._replace(project="bar"), BODY, id="another project"),
        pytest.param(ENTRY, b"damaged", id="damaged"),
        pytest.param(ENTRY, b" " * ((1 << 20) + 2), id="too large"),
    ],
)
def test_nothing_else_is_put(repository: Path, entry: ManifestFile, body: bytes) -> None:
    store(repository, body, staged=True)
    put_provenance(str(repository), [entry], {"foo"})
    assert not list(repository.glob("*.provenance"))


def test_a_trusted_root_gets_its_place(tmp_path: Path) -> None:
    staging = Staging(str(tmp_path / ".microrepo" / "staging"))
    staging.prepare()
    assert trusted_root_moves(staging, {}) == ()
    extras = {"trusted_root.json": DIGEST}
    assert trusted_root_moves(staging, extras) == ()
    Path(staging.object_path(DIGEST)).write_bytes(BODY)
    moves = trusted_root_moves(staging, extras)
    assert moves == ((f"staging/objects/{DIGEST}", "trusted_root.json"),)
