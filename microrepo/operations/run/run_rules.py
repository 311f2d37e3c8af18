"""Rules of a run: the policy with its fingerprint."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.model import NormalizedName
from microrepo.selection.rules.policy import Policy, fingerprint_for
from microrepo.state import State


class Rules(Struct, frozen=True):
    """The policy with its fingerprint, which is expensive to compute.

    Attributes:
        credulous: accept responses that are older or far shorter than the stored record.
        refuses_substitutes: refuse other content under the name of a held file, and projects from
            other sources than before.
    """

    policy: Policy
    base: str
    credulous: bool = False
    refuses_substitutes: bool = False

    def fingerprint(self, name: NormalizedName) -> str:
        """Return the digest of the rules for one project."""
        return fingerprint_for(name, self.base, self.policy)


def rules_of(config: Config, policy: Policy, *, credulous: bool = False) -> Rules:
    """Return the rules of a run on a repository.

    When `files` is switched on or off, every project must be checked.
    """
    base = policy.fingerprint() + ("" if config.files else " index")
    return Rules(policy, base, credulous)


def with_held_names(policy: Policy, state: State) -> Policy:
    """Return a policy that checks the names of new dependencies, if the settings want it."""
    if policy.requested is None or policy.confusable_names == "ignore":
        return policy
    return msgspec.structs.replace(policy, held_names=state.held_projects())
