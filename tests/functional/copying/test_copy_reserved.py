"""Copies obey the names that only one source may provide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.server import PyPIServer


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with two sources, of which the first has a project of the second one's name."""
    for name, version in (("one", "9.0"), ("other", "1.0")):
        (tmp_path / name).mkdir()
        wheel = build_wheel("acme-tool", version)
        (tmp_path / name / wheel.filename).write_bytes(wheel.content)
    settings = {
        "repository": str(tmp_path / "repository"),
        "sources": [{"name": name, "url": str(tmp_path / name)} for name in ("one", "other")],
        "reserved_names": {"acme-*": "other"},
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings))
    return path


def copied(run: MicrorepoRunner, config: Path, *args: str | Path, expect: int = 0) -> list[str]:
    destination = config.parent / "destination"
    done = run("copy", "acme-tool", "--destination", destination, "--config", config, *args)
    assert done.returncode == expect, done.stderr
    return sorted(path.name for path in destination.glob("*.whl"))


def test_a_name_comes_from_its_own_source(run_microrepo: MicrorepoRunner, config: Path) -> None:
    assert copied(run_microrepo, config) == ["acme_tool-1.0-py3-none-any.whl"]


def test_a_source_named_by_the_command_is_meant(
    run_microrepo: MicrorepoRunner, config: Path
) -> None:
    found = copied(run_microrepo, config, "--source", config.parent / "one")
    assert found == ["acme_tool-9.0-py3-none-any.whl"]


def test_a_single_configured_source_must_not_provide_it(
    run_microrepo: MicrorepoRunner, config: Path, index: FakeIndex, pypi: PyPIServer
) -> None:
    index.add("acme-tool", build_wheel("acme-tool", "9.0"))
    values = json.loads(config.read_text())
    values |= {"source": pypi.url, "reserved_names": ["acme-*"]}
    del values["sources"]
    config.write_text(json.dumps(values))
    assert copied(run_microrepo, config, expect=1) == []
    assert pypi.count("/pypi/acme-tool") == 0
    values["reserved_names"] = []
    config.write_text(json.dumps(values))
    assert copied(run_microrepo, config) == ["acme_tool-9.0-py3-none-any.whl"]
