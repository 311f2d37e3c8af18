"""Result of an import."""

from __future__ import annotations

from microrepo.operations.records.report import RunReport
from microrepo.operations.switch.switch_plan import LeavingFile, PlacedFile


class ImportReport(RunReport, frozen=True, kw_only=True):
    """Result of `microrepo import`.

    Attributes:
        bundle: name of the bundle; "" if none could be read.
        origin: identifies the repository that exported it.
        sequence: its number.
        snapshot: id of the state that it leads to.
        base: id of the state that it starts from; "" if it carries everything.
        created: time of the export.
        signer: who signed it; "" if nobody, or if that was not verified.
        verdict: what was decided: `apply`, or why not.
        placed, leaving: files that were put in place and deleted, or would be.
        projects: number of projects that changed.
        missing_volumes: numbers of the volumes that were not read to their end.
        damage: what could not be read, with its place.
        lacking: needed files that are neither in the bundle nor in the repository.
        notes: about the origin of the bundle and what was completed.
        refused: why nothing was changed, and what helps.
    """

    repository: str
    bundle: str = ""
    origin: str = ""
    sequence: int = 0
    snapshot: str = ""
    base: str = ""
    created: str = ""
    signer: str = ""
    verdict: str = ""
    placed: tuple[PlacedFile, ...] = ()
    leaving: tuple[LeavingFile, ...] = ()
    projects: int = 0
    missing_volumes: tuple[int, ...] = ()
    damage: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""
