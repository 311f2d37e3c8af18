"""Texts of causes, for reports, the history and the log."""

from __future__ import annotations

from microrepo.model import Action, Cause

_PLAIN = {
    Cause.EVICTED: "evicted to make room",
    Cause.OTHER_CONTENT: "another file of this name exists, with different content",
    Cause.OTHER_PROJECT: "another project has a file of this name, with different content",
    Cause.CASE_CLASH: "differs only in case from another file",
}
_WITH_DETAIL = {
    Cause.SELECTED: "{}",
    Cause.REQUIRED: "{}",
    Cause.ADOPTED: "adopted from {}",
    Cause.DAMAGED: "{}",
    Cause.OTHER_PROJECT: "{} has a file of this name, with different content",
    Cause.CASE_CLASH: "differs only in case from {}",
    Cause.QUARANTINED: "quarantined upstream: {}",
    Cause.BY_COMMAND: "{}",
    Cause.RESTORED: "restored from the snapshot {}",
    Cause.IMPORTED: "imported, snapshot {}",
    Cause.NOT_IN_SNAPSHOT: "not in the snapshot {}",
    Cause.NOT_IN_BUNDLE: "no longer in the bundle, snapshot {}",
}


def cause_text(cause: Cause, detail: str = "") -> str:
    """Return the text of a cause, with its detail if it is known."""
    if detail:
        return _WITH_DETAIL.get(cause, f"{cause.value} ({{}})").format(detail)
    return _PLAIN.get(cause, cause.value)


def action_text(action: Action) -> str:
    """Return why an action is planned, with the other projects that claim its name."""
    texts = [cause_text(action.cause, action.detail)]
    texts += (f"also claimed by {name}, with different content" for name in action.claimants)
    return "; ".join(texts)
