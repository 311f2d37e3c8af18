"""Rules of a run: the policy with its fingerprint."""

from __future__ import annotations

from msgspec import Struct

from microrepo.model import NormalizedName
from microrepo.selection.rules.policy import Policy, fingerprint_for


class Rules(Struct, frozen=True):
    """The policy with its fingerprint, which is costly to make.

    Attributes:
        credulous: believe answers that are older or far shorter than what is known.
    """

    policy: Policy
    base: str
    credulous: bool = False

    def fingerprint(self, name: NormalizedName) -> str:
        """Return the digest of the rules as they concern one project."""
        return fingerprint_for(name, self.base, self.policy)
