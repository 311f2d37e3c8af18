"""Records that are passed between the stages, named after the packaging standards.

All are frozen `msgspec` structs: they pickle, compare by value, and encode to JSON without further
code. The state stores projects as this JSON.
"""

from packaging.utils import NormalizedName

from microrepo.model.actions import Action, ActionKind, LocalFile, Outcome, PutStatus
from microrepo.model.causes import Cause, Decision
from microrepo.model.digests import BY_STRENGTH, COMPUTED, Digests
from microrepo.model.project_records import (
    FACTS,
    FACTS_SINCE,
    PROVENANCE_FACTS,
    File,
    Info,
    Project,
    Vulnerability,
)
from microrepo.model.provenance_records import Evidence, TrustedPublisher, Verdict

__all__ = [
    "BY_STRENGTH",
    "COMPUTED",
    "FACTS",
    "FACTS_SINCE",
    "PROVENANCE_FACTS",
    "Action",
    "ActionKind",
    "Cause",
    "Decision",
    "Digests",
    "Evidence",
    "File",
    "Info",
    "LocalFile",
    "NormalizedName",
    "Outcome",
    "Project",
    "PutStatus",
    "TrustedPublisher",
    "Verdict",
    "Vulnerability",
]
