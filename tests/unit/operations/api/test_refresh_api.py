"""A refresh in one call: what it warns of, and what it refuses before it begins."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, ConfigError
from microrepo.operations.api.refresh_api import refresh
from microrepo.operations.run.goals import read_requests
from tests.support.packages import build_wheel

APP, BASE = build_wheel("app", "1.0", requires_dist=["base"]), build_wheel("base", "1.0")


@pytest.fixture
def config(config: Config, source: Path, tmp_path: Path) -> Config:
    for built in (APP, BASE):
        built.write_to(source)
    return msgspec.structs.replace(config, source=str(source), repository=str(tmp_path / "new"))


def test_the_default_settings_bring_what_a_goal_needs(config: Config) -> None:
    report = refresh(config, read_requests(["app"], Path("/")))
    assert (report.downloaded, report.exit_code) == (2, 0)
    root = Path(config.repository)
    assert BASE.filename in (root / "simple/base/index.html").read_text()
    assert list((root / ".microrepo/partial").iterdir()) == []


def test_a_dry_run_makes_nothing(config: Config) -> None:
    report = refresh(config, read_requests(["app"], Path("/")), dry_run=True)
    assert {action.filename for action in report.plan} == {APP.filename, BASE.filename}
    assert not Path(config.repository).exists()


def test_pages_cannot_link_to_a_directory(config: Config) -> None:
    index = msgspec.structs.replace(config, files=False)
    with pytest.raises(ConfigError, match="files"):
        refresh(index, read_requests(["app"], Path("/")))
    assert not Path(config.repository).exists()


@pytest.mark.parametrize(
    ("requested", "settings", "word"),
    [
        (["x @ https://f.example/x-1.0.tar.gz"], {"dependencies": False}, "f.example"),
        (["app"], {"dependencies": False, "lock": "locks"}, "lock"),
        (["app"], {"lock": "locks", "files": False, "files_url": "https://f.example/"}, "lock"),
    ],
)
def test_settings_without_effect_are_warned_of(
    config: Config, requested: list[str], settings: dict[str, object], word: str
) -> None:
    changed = msgspec.structs.replace(config, **settings)
    report = refresh(changed, read_requests(requested, Path("/")), dry_run=True)
    assert any(word in text for text in report.warnings)


def test_it_can_be_cancelled(config: Config) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        refresh(config, read_requests(["app"], Path("/")), cancel=cancel)
