"""Rules of a run: the policy with its fingerprint."""

from __future__ import annotations

from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.model import NormalizedName
from microrepo.selection.rules.policy import Policy, fingerprint_for


class Rules(Struct, frozen=True):
    """The policy with its fingerprint, which is expensive to compute.

    Attributes:
        credulous: accept responses that are older or far shorter than the stored record.
    """

    policy: Policy
    base: str
    credulous: bool = False

    def fingerprint(self, name: NormalizedName) -> str:
        """Return the digest of the rules for one project."""
        return fingerprint_for(name, self.base, self.policy)


def rules_of(config: Config, policy: Policy, *, credulous: bool = False) -> Rules:
    """Return the rules of a run on a repository.

    When `files` is switched on or off, every project must be checked.
    """
    base = policy.fingerprint() + ("" if config.files else " index")
    return Rules(policy, base, credulous)
