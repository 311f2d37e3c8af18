"""Which transport carries the requests, by what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
from microrepo.client.transport.transport_choice import check_transport, uses_libcurl
from microrepo.errors import ConfigError
assert not uses_libcurl("auto")
check_transport("auto")
try:
    check_transport("libcurl")
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize("text", ["", "ACTIVESOCKET = 1", "import nothing_of_this_name"])
def test_a_pycurl_that_is_too_old_or_broken_is_not_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "pycurl.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "needs pycurl 7.46 or later" in done.stdout, done.stderr
