"""Results of the release mirror."""

from __future__ import annotations

import pytest

from microrepo.errors import FailedCommand, StorageOperationError
from microrepo.operations.mirror.mirror_records import MirrorReport, ReleaseReport
from tests.unit.operations.conftest import NOW


def one(status: str, **more: object) -> ReleaseReport:
    return ReleaseReport("foo", "1.0", "target", status, words=status, **more)  # type: ignore[arg-type]


def report(*releases: ReleaseReport) -> MirrorReport:
    return MirrorReport(
        operation="mirror", source="s", exit_code=0, started_at=NOW, seconds=0, releases=releases
    )


@pytest.mark.parametrize(
    ("status", "marks_left", "ok"),
    [("copied", (), True), ("present", (), True), ("left", (), True), ("copied", ("x",), False),
     ("refused", (), False), ("failed", (), False)],
)  # fmt: skip
def test_a_release_is_well(status: str, marks_left: tuple[str, ...], ok: bool) -> None:
    assert one(status, marks_left=marks_left).ok is ok


def test_what_is_not_at_the_destination_is_raised() -> None:
    report(one("copied"), one("left")).raise_for_releases()
    with pytest.raises(FailedCommand, match="refused"):
        report(one("copied"), one("refused")).raise_for_releases()
    with pytest.raises(StorageOperationError, match="failed; failed"):
        report(one("failed"), one("refused"), one("failed")).raise_for_releases()
