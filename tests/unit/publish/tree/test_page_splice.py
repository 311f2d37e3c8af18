"""Pages written anew from the old page and the changed shares."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from microrepo.publish.tree.page_splice import Splicer


def _write(path: Path, shares: list[bytes]) -> None:
    path.write_bytes(b"[" + b",".join(shares) + b"]")


@pytest.mark.parametrize("changed", list(product([False, True], repeat=3)))
@pytest.mark.parametrize("new", [b'"longer than before"', b"7"])
def test_any_of_the_shares_may_change(
    tmp_path: Path, changed: tuple[bool, ...], new: bytes
) -> None:
    """The first, the last, all and none: the page stays well-formed, and holds the right shares."""
    old = [b"100", b"200", b"300"]
    _write(tmp_path / "old", old)
    splicer = Splicer(str(tmp_path / "new"), b"[", b",")
    splicer.go_on_from(str(tmp_path / "old"), 1, sum(len(share) + 1 for share in old))
    gap = 0
    for share, changes in zip(old, changed, strict=True):
        if changes:
            splicer.keep(gap)
            splicer.replace(len(share) + 1, new + b",")
            gap = 0
        else:
            gap += len(share) + 1
    splicer.keep(gap)
    splicer.finish(b"]")
    splicer.close()
    expected = [new if changes else share for share, changes in zip(old, changed, strict=True)]
    assert (tmp_path / "new").read_bytes() == b"[" + b",".join(expected) + b"]"
    json.loads((tmp_path / "new").read_bytes())
