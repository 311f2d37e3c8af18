"""Status and clean-up of a shared store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.maintain.shared_store import collect_garbage, examine_store
from microrepo.stores.content_store import ContentStore


@pytest.fixture
def config(tmp_path: Path) -> Config:
    store = ContentStore(tmp_path / "store")
    for content in (b"used", b"no longer used"):
        path = tmp_path / f"{content[:2].decode()}.tar.gz"
        path.write_bytes(content)
        store.add(path, hashlib.sha256(content).hexdigest())
    (tmp_path / "no.tar.gz").unlink()
    return Config(store=str(store.path))


def test_status_tells_used_from_unused(config: Config) -> None:
    report = examine_store(config)
    assert (report.objects, report.size_bytes) == (2, 18)
    assert (report.unused, report.unused_bytes, report.deleted) == (1, 14, 0)


def test_only_unused_content_is_deleted(config: Config, tmp_path: Path) -> None:
    planned = collect_garbage(config, 0, dry_run=True)
    assert (planned.deleted, planned.deleted_bytes) == (1, 14)
    assert examine_store(config).objects == 2
    assert collect_garbage(config, 0).deleted == 1
    assert (examine_store(config).objects, examine_store(config).unused) == (1, 0)
    assert (tmp_path / "us.tar.gz").read_bytes() == b"used"


def test_content_that_was_used_a_moment_ago_stays(config: Config) -> None:
    assert collect_garbage(config, 3600).deleted == 0


def test_without_a_store_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--store"):
        examine_store(Config())
    with pytest.raises(ConfigError, match="not found"):
        examine_store(Config(store=str(tmp_path / "none")))
