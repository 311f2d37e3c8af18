"""Releases that are refused for their provenance, for reports."""

from __future__ import annotations

from collections.abc import Sequence

from microrepo.formats.version_numbers import version_order
from microrepo.model import Cause, Decision, Verdict

TRUST_CAUSES = frozenset(
    {Cause.WEAKER_PROVENANCE, Cause.OTHER_PUBLISHER, Cause.UNREAD_PROVENANCE, Cause.FORGED}
)


def distrusted_releases(decisions: Sequence[Decision]) -> list[str]:
    """Return one text for each refused release that is newer than the oldest kept one.

    A release below all kept ones would not be kept anyway.
    """
    refused = [one for one in decisions if one.cause in TRUST_CAUSES]
    if not refused:
        return []
    kept = {one.file.version for one in decisions if one.keep}
    oldest = min(kept, key=version_order, default=None)
    return list(
        dict.fromkeys(
            one.detail
            for one in refused
            if one.cause is Cause.FORGED
            or oldest is None
            or version_order(one.file.version) > version_order(oldest)
        )
    )


def unverifiable_files(decisions: Sequence[Decision]) -> list[str]:
    """Return one text for each kept file whose attestations could not be verified."""
    return [
        f"{one.file.filename}: {one.file.evidence.detail}"
        for one in decisions
        if one.keep
        and one.file.evidence is not None
        and one.file.evidence.verdict is Verdict.UNVERIFIABLE
    ]
