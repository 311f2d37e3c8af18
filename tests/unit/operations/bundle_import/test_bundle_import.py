"""Imports as reports: what is placed, refused, missing, and logged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import BundleRefused, ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.operations.bundle_import.bundle_import import ImportRequest, import_bundle
from microrepo.operations.bundle_import.import_report import ImportReport
from tests.support.bundles import CREATED, ORIGIN, Outside, allow, make_key
from tests.support.packages import build_sdist, build_wheel


@pytest.fixture
def outside() -> Outside:
    made = Outside()
    made.put(build_wheel("dep", "1.0"), build_sdist("lone", "1.0"))
    return made


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(repository=str(tmp_path / "inside"), min_free_space="0")


def run(config: Config, *paths: Path, dry_run: bool = False, **more: bool) -> ImportReport:
    request = ImportRequest(tuple(map(str, paths)), **more)  # type: ignore[arg-type]
    return import_bundle(config, request, dry_run=dry_run)


def log_of(config: Config) -> list[dict[str, object]]:
    path = Path(config.repository, ".microrepo/imports/log.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_applied_bundle(config: Config, outside: Outside, tmp_path: Path) -> None:
    report = run(config, *outside.bundle().write(tmp_path / "0"))
    assert report.exit_code == ExitCode.DONE
    assert [file.filename for file in report.placed] == list(outside.files)
    assert (report.origin, report.sequence, report.created) == (ORIGIN, 1, CREATED)
    assert (report.verdict, report.signer, report.base) == ("apply", "", "")
    assert report.snapshot == outside.snapshot().id
    assert report.projects == 2
    assert "not signed" in report.notes[0]
    (line,) = log_of(config)
    assert (line["bundle"], line["placed"], line["deleted"]) == (report.bundle, 2, 0)
    assert not Path(config.repository, ".microrepo/staging").exists()


def test_a_dry_run_reports_deletions(config: Config, outside: Outside, tmp_path: Path) -> None:
    run(config, *outside.bundle().write(tmp_path / "0"))
    before = outside.snapshot()
    outside.remove("lone-1.0.tar.gz")
    report = run(config, *outside.bundle(before).write(tmp_path / "1"), dry_run=True)
    assert report.dry_run
    assert [file.filename for file in report.leaving] == ["lone-1.0.tar.gz"]
    assert len(log_of(config)) == 1


def test_missing_volumes(config: Config, outside: Outside, tmp_path: Path) -> None:
    first, *rest = outside.bundle().write(tmp_path / "0", split_bytes=500)
    report = run(config, first)
    assert report.exit_code == ExitCode.INCOMPLETE
    assert report.missing_volumes == tuple(range(2, len(rest) + 2))
    assert set(report.lacking) <= outside.files.keys()
    assert report.lacking
    assert log_of(config)[-1]["refused"] == "incomplete"
    report = run(config, *reversed(rest))
    assert report.exit_code == ExitCode.DONE


def test_an_older_bundle(config: Config, outside: Outside, tmp_path: Path) -> None:
    paths = outside.bundle().write(tmp_path / "0")
    outside.put(build_wheel("dep", "2.0"))
    run(config, *outside.bundle().write(tmp_path / "1"))
    report = run(config, *paths)
    assert (report.exit_code, report.verdict) == (ExitCode.FAILED, "older")
    assert "--rollback" in report.refused
    assert log_of(config)[-1]["refused"] == "older"
    assert run(config, *paths, rollback=True).exit_code == ExitCode.DONE


def test_a_malformed_bundle(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"x" * 2000)
    with pytest.raises(BundleRefused, match=r"x\.tar"):
        run(config, path)
    assert not Path(config.repository).exists()


def test_a_bundle_that_lies(config: Config, outside: Outside, tmp_path: Path) -> None:
    """A refusal after the header is logged."""
    bundle = outside.bundle()
    bundle.members = {**bundle.members, "files/evil-1.0.tar.gz": b"evil"}
    with pytest.raises(BundleRefused, match="not in the manifest"):
        run(config, *bundle.write(tmp_path / "0"))
    assert "evil" in str(log_of(config)[-1]["refused"])


def test_the_setting_for_signers(config: Config, outside: Outside, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys")
    config = Config(
        repository=config.repository,
        min_free_space="0",
        allowed_signers=str(allow(tmp_path / "signers", key)),
    )
    bundle = outside.bundle()
    with pytest.raises(BundleRefused, match="not signed"):
        run(config, *bundle.write(tmp_path / "0"))
    report = run(config, *bundle.write(tmp_path / "1", key=key))
    assert report.signer == "key@outside.example"


def test_a_requirement_that_cannot_be_meant(config: Config) -> None:
    with pytest.raises(ConfigError, match="--select"):
        import_bundle(config, ImportRequest(("-",), select=("a b",)))
    assert not Path(config.repository).exists()


def test_too_little_space(config: Config, outside: Outside, tmp_path: Path) -> None:
    config = Config(repository=config.repository, min_free_space="900000 TB")
    with pytest.raises(BundleRefused, match="Make room"):
        run(config, *outside.bundle().write(tmp_path / "0"))
    assert not list(Path(config.repository, ".microrepo/staging/objects").iterdir())
