"""Guards of a plan: limits on space, inodes and deletions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from msgspec import Struct

from microrepo.config.sizes import format_size
from microrepo.errors import NoSpace, OverBudget, PlanRefused, TooManyDeletions
from microrepo.model import (
    Action,
    ActionKind,
)

# Small repositories often change by a large share, so the share applies from this many files on.
SHARE_COUNTS_FROM = 10
# Three forms of a project's page, its document, and their two directories.
_INODES_PER_PROJECT = 6


class Limits(Struct, frozen=True):
    """Limits for a plan; None is no limit.

    Attributes:
        max_deletes: deletions without a replacement, as a number.
        max_deletes_share: the same as a share of the present files, between 0 and 1.
        max_total_bytes: size of the repository after the plan.
        min_free_bytes: space to leave on the file system.
    """

    max_deletes: int | None = None
    max_deletes_share: float | None = None
    max_total_bytes: int | None = None
    min_free_bytes: int = 0


def check_space(
    download_bytes: int, present_bytes: int, free_bytes: int, limits: Limits
) -> PlanRefused | None:
    """Return the refusal of a plan that adds `download_bytes`, None if it is allowed."""
    if limits.max_total_bytes is not None:
        after = present_bytes + download_bytes
        if after > limits.max_total_bytes:
            return OverBudget(
                f"the repository would grow to {format_size(after)}, more than `max_total_size` = "
                f"{format_size(limits.max_total_bytes)}. Select fewer files, or raise the limit."
            )
    if download_bytes and free_bytes - download_bytes < limits.min_free_bytes:
        return NoSpace(
            f"{format_size(download_bytes)} to download, {format_size(free_bytes)} free: this "
            f"leaves less than `min_free_space` = {format_size(limits.min_free_bytes)}. Make "
            "room, select fewer files, or lower the limit."
        )
    return None


def inodes_needed(plan: Iterable[Action], *, with_pages: bool) -> int:
    """Return an upper bound of files and directories that a plan adds.

    Args:
        with_pages: pages are written, with metadata and a document for each project.
    """
    downloads = [action for action in plan if action.kind is ActionKind.DOWNLOAD]
    if not with_pages:
        return len(downloads)
    wheels = sum(action.filename.endswith(".whl") for action in downloads)
    projects = len({action.project for action in downloads})
    return len(downloads) + wheels + _INODES_PER_PROJECT * projects


def check_inodes(needed: int, free: int | None) -> PlanRefused | None:
    """Return the refusal of a plan that adds this many files, None if it is allowed.

    Args:
        needed: files and directories.
        free: free inodes of the file system; None without a limit.
    """
    if free is None or needed <= free:
        return None
    return NoSpace(
        f"up to {needed} new files, but only {free} free inodes (`df -i`). Remove files, select "
        "fewer, or recreate the file system with more inodes."
    )


def count_bare(deletions: Iterable[Action]) -> int:
    """Return the number of deletions without a replacement in the same run."""
    return sum(not action.replaced for action in deletions)


def count_needed(deletions: Sequence[Action], limits: Limits) -> int | None:
    """Return up to how many present files `check_deletions` must count; None for all.

    A few deletions in a repository of millions are then allowed without counting it.
    """
    if limits.max_deletes_share is None:
        return 0
    bare = count_bare(deletions)
    if bare and not limits.max_deletes_share:
        return None
    enough = ceil(bare / limits.max_deletes_share) + 1 if bare else 0
    return max(SHARE_COUNTS_FROM, enough)


def check_deletions(
    deletions: Sequence[Action], present_count: int, limits: Limits
) -> PlanRefused | None:
    """Return the refusal of this many deletions, None if they are allowed.

    Only deletions without a replacement in the same run count.

    Args:
        present_count: number of present files, counted up to `count_needed`.
    """
    bare = count_bare(deletions)
    allowed = limits.max_deletes
    shown = str(allowed)
    if limits.max_deletes_share is not None:
        if present_count < SHARE_COUNTS_FROM:
            return None
        allowed = int(present_count * limits.max_deletes_share)
        shown = f"{limits.max_deletes_share:.0%} of {present_count}"
    if allowed is None or bare <= allowed:
        return None
    return TooManyDeletions(
        f"{bare} {'file' if bare == 1 else 'files'} would be deleted without a replacement, `max_deletes` allows {shown}; "
        f"nothing was deleted. To delete them, run again with --max-deletes {bare}"
    )
