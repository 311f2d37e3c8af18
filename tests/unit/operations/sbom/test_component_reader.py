"""Components, read from the files of a directory."""

from __future__ import annotations

import os
from pathlib import Path

from microrepo.operations.sbom.component_reader import ComponentReader, ReadComponents
from microrepo.repositories.reading import open_for_reading
from microrepo.stores.flat_directory import FlatDirectory
from tests.support.packages import BuiltFile, build_sdist, build_wheel


def read(folder: Path, *files: BuiltFile) -> ReadComponents:
    for file in files:
        (folder / file.filename).write_bytes(file.content)
    with open_for_reading(folder) as state:
        return ComponentReader(FlatDirectory(folder)).read(state.files())


def test_releases_require_the_held_releases_that_fit(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        build_wheel("app", "1", requires_dist=["Lib>=2", "absent"]),
        build_wheel("lib", "1"),
        build_wheel("lib", "2"),
        build_sdist("lib", "3"),
    )
    app, *libs = found.components
    assert app.requires == ("pkg:pypi/lib@2", "pkg:pypi/lib@3")
    assert [one.version for one in libs] == ["1", "2", "3"]
    assert found.problems == ()


def test_files_without_a_record_are_hashed(tmp_path: Path) -> None:
    wheel = build_wheel("foo", "1")
    (foo,) = read(tmp_path, wheel).components
    assert foo.files[0].sha256 == wheel.sha256


def test_bills_inside_a_wheel_are_named(tmp_path: Path) -> None:
    inside = "foo-1.dist-info/sboms/vendored.cdx.json"
    wheel = build_wheel("foo", "1", files={"foo.py": b"", inside: b"{}"})
    (foo,) = read(tmp_path, wheel).components
    assert foo.files[0].sboms == (inside,)


def test_a_damaged_file_is_listed_and_named(tmp_path: Path) -> None:
    (tmp_path / "foo-1-py3-none-any.whl").write_bytes(b"no zip")
    found = read(tmp_path, build_sdist("foo", "1"))
    (foo,) = found.components
    assert [file.filename for file in foo.files] == ["foo-1-py3-none-any.whl", "foo-1.tar.gz"]
    assert foo.name == "foo"
    assert all("foo-1-py3-none-any.whl" in text for text in found.problems)
    assert found.problems


def test_only_an_object_made_for_the_file_counts_as_an_attestation(tmp_path: Path) -> None:
    wheel = build_wheel("foo", "1")
    beside = tmp_path / f"{wheel.filename}.provenance"
    beside.write_bytes(b"{}")
    os.utime(beside, ns=(0, 0))
    (foo,) = read(tmp_path, wheel).components
    assert not foo.files[0].has_provenance
    mtime_ns = (tmp_path / wheel.filename).stat().st_mtime_ns
    os.utime(beside, ns=(mtime_ns, mtime_ns))
    (foo,) = read(tmp_path).components
    assert foo.files[0].has_provenance
