"""Planner of actions that lead from existing to selected files. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from microrepo.model import (
    BY_STRENGTH,
    Action,
    ActionKind,
    Cause,
    Digests,
    File,
    LocalFile,
    NormalizedName,
)
from microrepo.standalone.server.names import is_mutable


class Wanted(Struct, frozen=True, gc=False):
    """A selected file, and why."""

    project: NormalizedName
    file: File
    cause: Cause = Cause.SELECTED
    detail: str = ""


def make_plan(
    wanted: Iterable[Wanted],
    present: Mapping[str, LocalFile],
    *,
    prune: bool = True,
    replace: bool = False,
) -> tuple[Action, ...]:
    """Return the actions for a batch of selected files and the existing files.

    Args:
        wanted: selected files, in any order.
        present: by name, the existing files with selected names, and the files that the state
            records for the same projects. Files on disk must have digests: `unsettled` lists those
            to compute first.
        prune: delete recorded files that are not selected.
        replace: overwrite differing files that microrepo did not download.

    Returns:
        One action per file name, sorted by name.
    """
    actions: dict[str, Action] = {}
    claims: dict[str, str] = {}
    for item in sorted(wanted, key=lambda w: _claim_order(w, present)):
        name = item.file.filename
        holder = claims.setdefault(name.casefold(), name)
        if name in actions or holder != name:
            _add_clash(actions, item, holder)
            continue
        actions[name] = _action_for(item, present.get(name), replace=replace)
    if prune:
        keepers = {a.project for a in actions.values() if a.kind is not ActionKind.CONFLICT}
        for local in present.values():
            if local.recorded and local.filename not in actions:
                actions[local.filename] = _deletion(local, keepers)
    return tuple(actions[name] for name in sorted(actions))


def list_only(plan: Iterable[Action], present: Mapping[str, LocalFile]) -> tuple[Action, ...]:
    """Turn a plan that downloads files into one that lists them.

    Args:
        plan: a plan made with `present`, in which no file is on disk.
        present: by name, the listed files with their listed digests.
    """
    return tuple(
        _listing(action, present.get(action.filename))
        if action.kind is ActionKind.DOWNLOAD and action.file is not None
        else action
        for action in plan
    )


def _listing(action: Action, local: LocalFile | None) -> Action:
    name, project, file, detail = action.filename, action.project, action.file, action.detail
    announced = file.digests if file is not None else Digests()
    kind, cause = ActionKind.INDEX, action.cause
    if local is not None and local.recorded:
        same = same_content(announced, local.digests)
        if not same and local.project not in {"", project}:
            kind, cause, detail = ActionKind.CONFLICT, Cause.OTHER_PROJECT, local.project
        elif same or announced == local.digests:
            kind = ActionKind.KEEP
    return Action(kind, name, project, cause, file, detail, claimants=action.claimants)


def _claim_order(
    item: Wanted, present: Mapping[str, LocalFile]
) -> tuple[bool, str, str, bytes, str, str]:
    """Sort key of claims on a name: the recorded project first, then by project name.

    The rest distinguishes entries that one project lists twice under one name.
    """
    local = present.get(item.file.filename)
    recorded = local is not None and local.recorded and local.project == item.project
    content = msgspec.msgpack.encode(item.file)
    return not recorded, item.project, item.file.filename, content, item.cause, item.detail


def _add_clash(actions: dict[str, Action], item: Wanted, holder: str) -> None:
    name = item.file.filename
    standing = actions.get(name)
    if standing is not None:
        if standing.file is not None and same_content(item.file.digests, standing.file.digests):
            return
        # One action per name: the first claim wins, and names the others.
        if item.project not in standing.claimants:
            claimants = (*standing.claimants, item.project)
            actions[name] = msgspec.structs.replace(standing, claimants=claimants)
        return
    actions[name] = Action(
        ActionKind.CONFLICT, name, item.project, Cause.CASE_CLASH, item.file, holder
    )


def _action_for(item: Wanted, local: LocalFile | None, *, replace: bool) -> Action:
    file, name = item.file, item.file.filename

    def action(kind: ActionKind, cause: Cause, detail: str = "") -> Action:
        size = file.size or 0 if kind is ActionKind.DOWNLOAD else 0
        return Action(kind, name, item.project, cause, file, detail, size)

    if local is None or local.size_bytes is None:
        return action(ActionKind.DOWNLOAD, item.cause, item.detail)
    same = same_content(file.digests, local.digests)
    if same is None and file.digests == Digests():
        same = file.size is None or file.size == local.size_bytes
    if local.recorded:
        if same:
            return action(ActionKind.KEEP, item.cause, item.detail)
        if local.project not in {"", item.project}:
            return action(ActionKind.CONFLICT, Cause.OTHER_PROJECT, local.project)
        changed = same is False and is_mutable(name)
        cause = Cause.UPDATED if changed else Cause.DAMAGED_OR_REPLACED
        return action(ActionKind.DOWNLOAD, cause)
    if same:
        return action(ActionKind.ADOPT, Cause.ALREADY_THERE)
    if replace:
        return action(ActionKind.DOWNLOAD, Cause.OVERWRITES)
    return action(ActionKind.CONFLICT, Cause.OTHER_CONTENT)


def _deletion(local: LocalFile, keepers: set[str]) -> Action:
    return Action(
        ActionKind.DELETE,
        local.filename,
        local.project,
        Cause.UNWANTED,
        size_bytes=local.size_bytes or 0,
        replaced=local.project in keepers,
    )


def file_of(action: Action) -> File:
    """Return the source's record of an action other than a deletion."""
    assert action.file is not None  # noqa: S101 - only deletions have none
    return action.file


def same_content(announced: Digests, actual: Digests) -> bool | None:
    """Compare by the strongest digest that both sides have; None if they share none."""
    for algorithm in BY_STRENGTH:
        left, right = getattr(announced, algorithm), getattr(actual, algorithm)
        if left and right:
            return bool(left == right)
    return None


def unsettled(wanted: Iterable[Wanted], present: Mapping[str, LocalFile]) -> dict[str, str]:
    """Return the files on disk whose digest must be computed before planning: name -> algorithm.

    These are files with selected names and no comparable digest.
    """
    needed = {}
    for item in wanted:
        local = present.get(item.file.filename)
        if local is None or local.size_bytes is None:
            continue
        strongest = item.file.digests.strongest()
        if strongest and same_content(item.file.digests, local.digests) is None:
            needed[item.file.filename] = strongest[0]
    return needed


class Totals(Struct, frozen=True):
    """Counts and bytes of a plan."""

    download: int = 0
    download_bytes: int = 0
    adopt: int = 0
    keep: int = 0
    delete: int = 0
    delete_bytes: int = 0
    conflict: int = 0
    index: int = 0

    def __add__(self, other: Totals) -> Totals:
        """Return the totals of two plans together."""
        return Totals(
            *(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__)
        )


def totals_of(actions: Iterable[Action]) -> Totals:
    """Count a plan."""
    counts, sizes = dict.fromkeys(ActionKind, 0), dict.fromkeys(ActionKind, 0)
    for action in actions:
        counts[action.kind] += 1
        sizes[action.kind] += action.size_bytes
    return Totals(
        **{kind.value: count for kind, count in counts.items()},
        download_bytes=sizes[ActionKind.DOWNLOAD],
        delete_bytes=sizes[ActionKind.DELETE],
    )
