"""Provenance objects beside files, checked by `verify`."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.model import Digests, NormalizedName
from microrepo.operations.maintain.provenance_check import faults_of_provenance
from microrepo.state import FileRow
from microrepo.stores.flat_directory import FlatDirectory
from tests.support.attestations import provenance_of
from tests.support.packages import build_wheel
from tests.unit.operations.provenance.conftest import RealObject, root_of

WHEEL = build_wheel("foo", "1.0")


@pytest.fixture
def directory(tmp_path: Path) -> FlatDirectory:
    directory = FlatDirectory(tmp_path / "repository")
    directory.prepare()
    return directory


def row_of(filename: str, sha256: str) -> FileRow:
    return FileRow(filename, NormalizedName("foo"), "1.0", "u", 1, Digests(sha256), True)


def check(directory: FlatDirectory, config: Config, *rows: FileRow) -> list[tuple[str, bool]]:
    found = faults_of_provenance(config, directory, rows or [row_of(WHEEL.filename, WHEEL.sha256)])
    return [(fault.why, is_warning) for fault, is_warning in found]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (provenance_of(WHEEL), ""),
        (None, ""),
        (b"{}", "not a provenance object"),
        (provenance_of(build_wheel("foo", "2.0")), "about another file"),
    ],
    ids=["sound", "missing", "malformed", "of another file"],
)
def test_the_form_and_the_subject_are_checked(
    directory: FlatDirectory, body: bytes | None, words: str
) -> None:
    if body is not None:
        directory.file(f"{WHEEL.filename}.provenance").write_bytes(body)
    found = check(directory, Config(provenance="keep"))
    assert [is_warning for _, is_warning in found] == ([False] if words else [])
    assert all(words in why for why, _ in found)
    assert check(directory, Config()) == []


@pytest.mark.parametrize(
    ("instance", "name", "expected"),
    [
        ("sigstore.dev", "", []),
        (
            "sigstage.dev",
            "",
            [("cannot be verified: the trusted root does not know its log", True)],
        ),
        ("sigstore.dev", "pypi_attestations-0.0.20.tar.gz", [("forged: signed for", False)]),
    ],
    ids=["verified", "unverifiable", "forged"],
)
def test_signatures_are_verified_on_request(
    directory: FlatDirectory,
    instance: str,
    name: str,
    expected: list[tuple[str, bool]],
) -> None:
    real = RealObject()
    filename = name or real.filename
    directory.file(f"{filename}.provenance").write_bytes(real.encode())
    config = Config(provenance="verify", trusted_root=str(root_of(instance)))
    found = check(directory, config, row_of(filename, real.sha256))
    assert [is_warning for _, is_warning in found] == [is_warning for _, is_warning in expected]
    for (why, _), (words, _) in zip(found, expected, strict=True):
        assert why.startswith(words)
