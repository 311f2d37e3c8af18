"""How worker processes start: without passwords, and by a fork only while that is safe."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from microrepo.transfer.pool.process_start import may_fork, start_context


def test_a_process_with_threads_is_not_forked() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert not may_fork()
    finally:
        ended.set()
        thread.join()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked on Linux only")
def test_a_process_that_holds_locks_is_never_forked() -> None:
    assert start_context().get_start_method() == "forkserver"


_PROGRAM = """
import os
from microrepo.client import ClientSettings
from microrepo.repositories.sources.source_registry import describe_source
from microrepo.transfer.pool.worker_pool import WorkerPool
from microrepo.transfer.worker_settings import WorkerSettings

if __name__ == "__main__":
    source = describe_source("http://127.0.0.1:9", "json")
    pool = WorkerPool(WorkerSettings(".", ClientSettings(), source, partial="."), 1)
    print(pool.submit(os.getcwd).result(), pool.submit(os.getenv, "PYTHONSAFEPATH").result())
    pool.shutdown()
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="older Pythons have no PYTHONSAFEPATH")
def test_workers_import_nothing_from_the_current_directory(tmp_path: Path) -> None:
    here, program = tmp_path / "here", tmp_path / "program" / "run.py"
    for directory in (here, here / "microrepo", program.parent):
        directory.mkdir()
    program.write_text(_PROGRAM)
    for module in ("microrepo/__init__.py", "multiprocessing.py", "msgspec.py"):
        (here / module).write_text(f"open('{tmp_path}/executed', 'a').write('{module} ')\n")
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, program], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(here), "None"], done.stderr
    assert not (tmp_path / "executed").exists()
