"""Recovery after a kill: files that a killed run had put in place but not recorded.

Before a download, a file gets a row that marks it absent; after it, the row is marked present. A
run that is killed in between leaves a file without an owner.
"""

from __future__ import annotations

import logging

import msgspec

from microrepo.operations.apply.holdings import Holdings
from microrepo.plan import same_content
from microrepo.state import FileRow, change_of
from microrepo.stores.hashing import hash_file

_log = logging.getLogger(__name__)


def record_arrivals(holdings: Holdings, run: int) -> None:
    """Record files whose content is what the killed run was about to download.

    Files with different content belong to somebody else. About two seconds' worth of files is read.

    Args:
        run: number of the run that records them.
    """
    if not holdings.links.files:
        return  # an index records files that are not to be in its directory
    arrived = [
        found
        for row in holdings.state.absent_files()
        if (found := _found(holdings, row)) is not None
    ]
    if arrived:
        _log.info("recorded %d files that a killed run had downloaded", len(arrived))
        with holdings.state.transaction():
            holdings.state.save_files(arrived)
            holdings.state.add_history(
                change_of(row, run, "add", row.cause, row.detail) for row in arrived
            )


def _found(holdings: Holdings, row: FileRow) -> FileRow | None:
    """Return the row of a file that is on disk after all; None if it is missing or differs."""
    disk = holdings.directory.stat(row.filename)
    if disk is None or not row.is_ours:
        return None
    try:
        digests = hash_file(holdings.directory.file(row.filename))
    except OSError as error:
        _log.info(
            "%s: cannot be read, so it is not recorded as downloaded: %s", row.filename, error
        )
        return None
    if not same_content(row.digests, digests):
        return None
    return msgspec.structs.replace(
        row,
        size=disk.size_bytes,
        digests=row.digests.completed_by(digests),
        present=True,
        mtime_ns=disk.mtime_ns,
    )
