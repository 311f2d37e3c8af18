"""What a bill of materials is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.run.goals import read_requests
from microrepo.operations.sbom.sbom_creation import make_bill
from tests.support.packages import build_wheel


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for wheel in (
        build_wheel("app", "1", requires_dist=["lib"]),
        build_wheel("lib", "1"),
        build_wheel("lib", "2"),
        build_wheel("other", "1"),
    ):
        (tmp_path / wheel.filename).write_bytes(wheel.content)
    return Config(repository=str(tmp_path))


def test_all_files_count_unless_requirements_are_named(config: Config) -> None:
    assert len(make_bill(config).components) == 4
    found = make_bill(config, read_requests(["app"], Path.cwd()))
    assert [one.purl for one in found.components] == ["pkg:pypi/app@1", "pkg:pypi/lib@2"]
    assert found.missing == ()


def test_what_is_not_met_is_told(config: Config) -> None:
    found = make_bill(config, read_requests(["app", "absent"], Path.cwd()))
    assert [one.project for one in found.components] == ["app", "lib"]
    assert len(found.missing) == 1
    assert "absent" in found.missing[0]


def test_nothing_is_no_bill(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RepositoryError, match="contains no distributions"):
        make_bill(Config(repository=str(tmp_path / "empty")))
