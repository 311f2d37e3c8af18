"""Rules with the advisories of a repository: renewed by a refresh, kept ones for other commands."""

from __future__ import annotations

from pathlib import Path

import msgspec

from microrepo.config.schema import Config
from microrepo.formats.advisories.known_advisories import KnownAdvisories
from microrepo.operations.advisories.advisory_refresh import AdvisoryRefresh
from microrepo.operations.advisories.affected_held import held_versions
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles
from microrepo.operations.run.run_rules import Rules, rules_of
from microrepo.operations.run.session import Session
from microrepo.selection.rules.policy import Policy
from microrepo.state import State


def advised_rules(session: Session, rules: Rules) -> Rules:
    """Return the rules of a refresh with the newest advisories, which are requested.

    Raises:
        RepositoryError: the kept ones cannot be read or written.
        SourceError: the source does not answer, and none are kept.
    """
    renewal = AdvisoryRefresh(
        session.config, session.report, session.client, credulous=rules.credulous
    )
    policy = _advised(session.config, rules.policy, session.holdings.state, renewal.run())
    return rules_of(session.config, policy, credulous=rules.credulous)


def advised_policy(config: Config, policy: Policy, state: State) -> Policy:
    """Return a policy with the kept advisories, as the last refresh used them.

    Raises:
        MalformedResponse: they are damaged.
        RepositoryError: they cannot be read.
    """
    if not config.advisories:
        return policy
    known = AdvisoryFiles(Path(config.repository)).known(config.ignore_advisories)
    return policy if known is None else _advised(config, policy, state, known)


def _advised(config: Config, policy: Policy, state: State, known: KnownAdvisories) -> Policy:
    exempts = policy.exempts_fixes and policy.min_age_days
    held = held_versions(state, known, all_rows=not config.files) if exempts else {}
    return msgspec.structs.replace(policy, advisories=known, held=held)
