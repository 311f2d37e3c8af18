"""From an index to pypiserver, killed at random instants and run again: the end is the same."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.functional.copying.conftest import FAST, Copier, content, names
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.peers import Peers
from tests.support.programs import MicrorepoRunner
from tests.support.repository import processes_of, wait_until
from tests.support.server import PyPIServer

SEED = os.environ.get("MICROREPO_SOAK_SEED", "1")
_RELEASES = 5


@pytest.mark.parametrize(
    ("files", "kills"), [(200, 2), pytest.param(2000, 12, marks=pytest.mark.soak)]
)
def test_index_to_pypiserver(
    files: int,
    kills: int,
    index: FakeIndex,
    pypi: PyPIServer,
    peers: Peers,
    tmp_path: Path,
    copy: Copier,
    run_microrepo: MicrorepoRunner,
) -> None:
    expected = {}
    for number in range(files):
        project = f"small-{number // _RELEASES}"
        built = build_wheel(project, f"1.{number % _RELEASES}", payload_size=400)
        index.add(project, built)
        expected[built.filename] = built.content
    rng = random.Random(SEED)
    cache = run_microrepo.home / ".cache" / "microrepo"
    with peers.pypiserver(tmp_path / "served", auth=False) as url:
        words: list[str | Path] = ["--source", pypi.url, "--destination", url, "--all"]
        for _ in range(kills):
            before = len(names(tmp_path / "served"))
            enough = rng.randint(before, before + (files - before) // 2)
            process = run_microrepo.start("copy", *words, *FAST, "--quiet")
            wait_until(
                lambda: len(names(tmp_path / "served")) > enough or process.poll() is not None,  # noqa: B023
                patience_s=240,
            )
            assert process.poll() is None, process.communicate()
            time.sleep(rng.random() * 0.05)
            process.kill()
            process.wait()
            wait_until(lambda: not processes_of(run_microrepo))
            assert list(cache.iterdir())  # what the next run goes on with
        sizes = {name: len(body) for name, body in expected.items()}
        # What was on its way when the sender died may still be taken in.
        wait_until(lambda: all(size == sizes[name] for name, size in _sizes(tmp_path / "served")))
        there = len(names(tmp_path / "served"))
        pypi.reset()
        report = copy(*words, timeout_s=600)
        assert report.copied + report.already + report.totals.adopt == files
        assert report.totals.adopt >= there > 0
        assert len(pypi.paths("/files/")) <= files - there
        assert content(tmp_path / "served") == expected
        assert list(cache.iterdir()) == []
        assert copy(*words, timeout_s=600).totals.adopt == files


def _sizes(directory: Path) -> list[tuple[str, int]]:
    return [(name, (directory / name).stat().st_size) for name in names(directory)]
