"""Levels of evidence about who published a file."""

from __future__ import annotations

from enum import IntEnum

from microrepo.model import File, Verdict


class Level(IntEnum):
    """Strength of the evidence, weakest first."""

    NONE = 0
    ATTESTED = 1
    TRUSTED_PUBLISHER = 2


LEVEL_TEXTS = {
    Level.NONE: "is not attested",
    Level.ATTESTED: "is attested without an identity",
    Level.TRUSTED_PUBLISHER: "is attested by its publisher",
}


def known_level(file: File) -> Level:
    """Return the least that is known: an object that was not read may name no publisher."""
    evidence = file.evidence
    if not file.provenance or (evidence is not None and evidence.verdict is Verdict.FORGED):
        return Level.NONE
    if evidence is None or not any(one.repository for one in evidence.publishers):
        return Level.ATTESTED
    return Level.TRUSTED_PUBLISHER


def possible_level(file: File) -> Level:
    """Return the most that is possible: an object that was not read may name a publisher."""
    if file.provenance and file.evidence is None:
        return Level.TRUSTED_PUBLISHER
    return known_level(file)
