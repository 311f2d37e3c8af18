"""Skips that a complete test machine may have; with `MICROREPO_TEST_STRICT=1` others are failures.

A program that is not installed, or a tool that could not be fetched, would otherwise take tests out
of the run without anyone noticing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator

import pytest

VARIABLE = "MICROREPO_TEST_STRICT"
# Regular expressions, found in the reason. Each says why a complete machine has it all the same.
EXPECTED = (
    # The machine has no route to PyPI.
    "the source cannot be reached",
    "PyPI cannot be reached",
    # Not every machine has every Python.
    r"this Python is not installed",
    r"no Python \d+\.\d+ here",
    r"only a few interpreters here",
    r"this Python has neither pip nor packaging",
    r"could not import 'tomllib'",
    # Containers have no init system, few powers and often one file system.
    r"systemd is not installed",
    r"systemd does not dump units here",
    r"cron is not installed",
    r"the program logger is not installed",
    r"no private mounts here",
    r"there is no (setpriv|unshare) to",
    r"no small disk can be mounted here",
    r"a private spool needs root",
    r"no second file system",
    r"no IPv6 here",
    r"this machine has a config file of its own",
    # Not packaged by every Debian that is supported.
    r"Caddy is not installed",
    # Combinations of parameters that mean nothing.
    r"a scan names the digest",
    r"the same renderer; one of the two",
    r"uv overlooks yank marks",
)


def is_strict() -> bool:
    """Return whether an unexpected skip is a failure in this run."""
    return os.environ.get(VARIABLE, "") not in {"", "0"}


def is_expected(reason: str) -> bool:
    """Return whether a complete test machine may skip for this reason."""
    return any(re.search(pattern, reason) for pattern in EXPECTED)


def _fail_unexpected(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn the report of an unexpected skip into that of a failure."""
    if not is_strict() or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not is_expected(reason):
        report.outcome = "failed"
        report.longrepr = f"unexpected skip ({VARIABLE} is set): {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the skip of a test."""
    report = yield
    _fail_unexpected(report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Judge the skip of a whole module."""
    _fail_unexpected(report)
