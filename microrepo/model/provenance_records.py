"""Records of provenance (PEP 740): who published a file, and what a verification found."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class TrustedPublisher(Struct, frozen=True, omit_defaults=True, gc=False):
    """Identity of a trusted publisher, as an index recorded it at the upload.

    Attributes:
        kind: service, such as ``GitHub``.
        repository: repository, project or account at that service.
        workflow: definition of the job that published.
        environment: environment of the job, "" without one.
    """

    kind: str
    repository: str = ""
    workflow: str = ""
    environment: str = ""

    def is_same(self, other: TrustedPublisher) -> bool:
        """Return whether two identities are one publisher: the same repository of one service.

        Workflows and environments are renamed often, by people who can write to the repository.
        """
        mine = (self.kind.casefold(), self.repository.casefold())
        return mine == (other.kind.casefold(), other.repository.casefold())

    def __str__(self) -> str:
        """Return the identity in one line."""
        workflow = f" ({self.workflow})" if self.workflow else ""
        environment = f" in {self.environment}" if self.environment else ""
        return f"{self.kind} {self.repository}".rstrip() + workflow + environment


class Verdict(str, Enum):
    """Result of the verification of a provenance object."""

    VERIFIED = "verified"
    UNVERIFIABLE = "unverifiable"
    FORGED = "forged"


class Evidence(Struct, frozen=True, omit_defaults=True, gc=False):
    """What the provenance object of a file contains.

    Attributes:
        sha256: digest of the object, "" if it could not be read.
        publishers: those that the object names.
        verdict: result of the last verification; None before the first.
        detail: why the verdict is not better.
        root: digest of the trusted root that gave the verdict.
        problem: why the object could not be read; a later run asks again.
    """

    sha256: str = ""
    publishers: tuple[TrustedPublisher, ...] = ()
    verdict: Verdict | None = None
    detail: str = ""
    root: str = ""
    problem: str = ""
