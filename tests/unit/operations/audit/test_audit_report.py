"""Report of an audit: what counts as affected, and the exit code."""

from __future__ import annotations

import pytest

from microrepo.model import NormalizedName, Vulnerability
from microrepo.operations.audit.audit_report import AuditReport, CheckedRelease

FLAWED = CheckedRelease(NormalizedName("a"), "1", (Vulnerability("PYSEC-1"),))
EVIL = CheckedRelease(NormalizedName("z"), "1", (Vulnerability("GHSA-1", ("MAL-1",)),))
SOUND = CheckedRelease(NormalizedName("b"), "1")


def test_malware_comes_first() -> None:
    report = AuditReport("here", "", (FLAWED, SOUND, EVIL))
    assert report.affected == (EVIL, FLAWED)
    assert EVIL.is_malware
    assert not FLAWED.is_malware


@pytest.mark.parametrize(
    ("releases", "missing", "code"),
    [((SOUND,), (), 0), ((SOUND, FLAWED), (), 3), ((SOUND,), ("x",), 3), ((), (), 0)],
)
def test_exit_codes(
    releases: tuple[CheckedRelease, ...], missing: tuple[str, ...], code: int
) -> None:
    assert AuditReport("here", "", releases, missing).exit_code == code
