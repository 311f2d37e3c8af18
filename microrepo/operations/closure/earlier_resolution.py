"""Cache of the last run's resolution, valid as long as its inputs are unchanged.

A closure is a function of goals, environments, options, rules, the records of projects and the
metadata of files. All of them go into two digests. The solver runs if one of these differs, or if
the time or third-party code can change the result.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from importlib.metadata import version

import msgspec
from msgspec import Struct

from microrepo._version import __version__
from microrepo.config.schema import Config
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.closure.target_records import options_of
from microrepo.operations.refresh.upstream.change_detection import is_due
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Facts
from microrepo.selection.resolver.goal_records import Goal
from microrepo.selection.resolver.resolution_records import Resolution
from microrepo.selection.rules.policy import Policy
from microrepo.state import ProjectRow, State, unpack

_KEY = "resolution"  # of `meta`
_LIBRARIES = ("packaging", "resolvelib")
_MOST_PINS = 20_000  # about 25 MB; larger resolutions are solved each time


class EarlierResolution(Struct, frozen=True):
    """Resolution of an earlier run, with the digests of its inputs.

    Attributes:
        inputs: digest of all inputs except the facts.
        facts: digest of the records and the metadata.
        projects: projects that the solver read.
        metadata: files whose metadata the solver read.
        resolutions: one per goal and environment.
        kept: names of the files that the run left in the repository, by project.
        unstored: digests of the records that the state does not store, by name: the solver read
            these projects and chose nothing of them.
    """

    inputs: str
    facts: str
    projects: tuple[NormalizedName, ...]
    metadata: tuple[str, ...]
    resolutions: tuple[Resolution, ...]
    kept: dict[str, tuple[str, ...]]
    unstored: dict[NormalizedName, str] = {}


def inputs_digest(
    config: Config,
    rules: Rules,
    goals: Sequence[Goal],
    environments: Sequence[Environment],
    sources: Sequence[SourceSettings],
) -> str | None:
    """Return the digest of a resolution's inputs, except the facts.

    None if the result depends on more, or a check was forced: rules that use the time or
    third-party code, advisories, direct URLs, build requirements, or a lock.
    """
    policy = rules.policy
    requirements = (one for goal in goals for one in (*goal.requirements, *goal.constraints))
    if (
        rules.credulous
        or _looks_beyond_records(policy)
        or config.build_requirements
        or config.allow_urls
        or config.lock
        or any(one.url for one in requirements)
    ):
        return None
    libraries = [version(name) for name in _LIBRARIES]
    bare = policy.without_findings()
    values = [__version__, sys.version, libraries, rules.base, bare, options_of(config)]
    values += [policy.advisories.archive_sha256 if policy.advisories is not None else ""]
    values += [rules.refuses_substitutes, config.files, goals, environments, sources]
    return hashlib.sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()


def _looks_beyond_records(policy: Policy) -> bool:
    """Return whether rules read more than records: the clock, advisories, provenance, third-party code."""
    return bool(
        policy.min_age_days
        or policy.trust
        or policy.third_party
        or policy.metadata
        or policy.asks_advisories
    )


def record_digest(document: bytes) -> str:
    """Return the digest of a packed record."""
    return hashlib.sha256(document).hexdigest()


def facts_digest(
    state: State,
    projects: Sequence[NormalizedName],
    filenames: Sequence[str],
    unstored: Collection[NormalizedName] = (),
) -> str | None:
    """Return the digest of stored records and metadata, None if one of them is not stored.

    Args:
        state: the state that stores them.
        projects: names of the projects.
        filenames: names of the files whose metadata counts.
        unstored: those of the projects whose records the state does not store.
    """
    documents = state.packed_documents(name for name in projects if name not in unstored)
    metadata = state.metadata(filenames)
    if len(documents) + len(unstored) < len(projects) or len(metadata) < len(filenames):
        return None
    parts = [(name, documents[name]) for name in sorted(documents)]
    rows = [(name, *metadata[name]) for name in sorted(metadata)]
    return hashlib.sha256(msgspec.msgpack.encode((parts, rows))).hexdigest()


def read_earlier(state: State, inputs: str) -> EarlierResolution | None:
    """Return the resolution of the last run, None if its inputs differ."""
    text = state.meta(_KEY)
    if text is None:
        return None
    try:
        earlier = msgspec.json.decode(text, type=EarlierResolution)
    except msgspec.MsgspecError:
        return None
    return earlier if earlier.inputs == inputs else None


def settled_rows(
    holdings: Holdings, rules: Rules, earlier: EarlierResolution, now: str
) -> tuple[ProjectRow, ...]:
    """Return the rows of projects that need no new plan.

    Their rules have not changed, and the files that the earlier run left are intact on disk.

    Args:
        earlier: the resolution, which still holds.
    """
    state = holdings.state
    rows = defaultdict(list)
    for row in state.files(earlier.projects):
        if row.is_ours and holdings.holds(row):
            rows[row.project].append(row)
    return tuple(
        msgspec.structs.replace(one, checked_at=now)
        for one in state.projects(earlier.projects).values()
        if one.complete
        and one.doubted_at is None
        and one.policy == rules.fingerprint(one.name)
        and not is_due(one.reconsider_at, now)
        and {row.filename for row in rows[one.name]} == set(earlier.kept.get(one.name, ()))
        and (not holdings.links.files or all(map(holdings.is_intact, rows[one.name])))
    )


def save_resolution(
    state: State,
    inputs: str,
    records: Iterable[Record],
    facts: Facts,
    resolutions: tuple[Resolution, ...],
) -> None:
    """Save a resolution whose facts are all in the state, replacing the previous one.

    Args:
        state: state after the run.
        inputs: digest of its inputs.
        records: project records that the solver used.
        facts: facts that the solver used.
    """
    seen = {record.project.name: record for record in records}
    stored = state.packed_documents(seen)
    unstored = {
        name: record_digest(record.document)
        for name, record in seen.items()
        if name not in stored and record.document is not None
    }
    known = unstored.keys() | stored.keys()
    names, filenames = tuple(sorted(seen)), tuple(sorted(facts.metadata))
    digest = None
    if (
        sum(len(found.pins) for found in resolutions) <= _MOST_PINS
        and seen.keys() == facts.projects.keys() == known
        and all(
            name in unstored or _is_stored(record, stored[name]) for name, record in seen.items()
        )
        and all(isinstance(one, CoreMetadata) for one in facts.metadata.values())
        and not facts.urls
    ):
        digest = facts_digest(state, names, filenames, unstored)
    with state.transaction():
        if digest is None:
            state.delete_meta(_KEY)
            return
        kept = defaultdict(list)
        for row in state.files(names):
            if row.is_ours:
                kept[str(row.project)].append(row.filename)
        files = {name: tuple(one) for name, one in kept.items()}
        found = EarlierResolution(inputs, digest, names, filenames, resolutions, files, unstored)
        state.set_meta(_KEY, msgspec.json.encode(found).decode())


def _is_stored(record: Record, packed: bytes) -> bool:
    """Return whether the packed record is the one that the solver used."""
    return packed == record.document or unpack(packed) == record.project
