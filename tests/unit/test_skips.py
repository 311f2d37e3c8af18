"""An unexpected skip fails the run where the run says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.skips import VARIABLE

CHECKOUT = Path(__file__).resolve().parents[2]
TESTS = {
    "expected": "import pytest\n\ndef test_it():\n    pytest.skip('Caddy is not installed')\n",
    "unexpected": "import pytest\n\ndef test_it():\n    pytest.skip('no time today')\n",
    "marked": "import pytest\n\n@pytest.mark.skipif(True, reason='no time')\ndef test_it(): ...\n",
    "whole": "import pytest\n\npytest.importorskip('not_a_module_at_all')\n",
    "expected_failure": "import pytest\n\n@pytest.mark.xfail\ndef test_it():\n    assert 0\n",
}


def failures(folder: Path, *, strict: bool) -> set[str]:
    """Run the tests above and return the names of those that failed."""
    for name, text in TESTS.items():
        (folder / f"test_{name}.py").write_text(text)
    hooks = "pytest_collectreport, pytest_runtest_makereport"
    (folder / "conftest.py").write_text(f"from tests.support.skips import {hooks}\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(CHECKOUT), VARIABLE: "1" if strict else "0"}
    pytest = [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*pytest, "-c", os.devnull, "--rootdir", str(folder), str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert "1 xfailed" in done.stdout, done.stdout + done.stderr
    return set(re.findall(r"^(?:FAILED|ERROR) test_(\w+)\.py", done.stdout, flags=re.MULTILINE))


def test_unexpected_skips_fail_a_strict_run(tmp_path: Path) -> None:
    assert failures(tmp_path, strict=True) == {"unexpected", "marked", "whole"}


def test_skips_pass_otherwise(tmp_path: Path) -> None:
    assert failures(tmp_path, strict=False) == set()
