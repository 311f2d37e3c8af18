"""Tests that are run with each transport."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

_has_libcurl = all(find_spec(part) is not None for part in ("pycurl", "greenlet"))

each_transport = pytest.mark.parametrize(
    "transport",
    [
        pytest.param(
            "libcurl",
            marks=pytest.mark.skipif(not _has_libcurl, reason="the extra `fast` is not installed"),
        ),
        "requests",
    ],
)
