"""Deletion of projects, releases or files by name, with their pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.formats.specifiers import strict_requirement
from microrepo.formats.version_numbers import parse_version
from microrepo.model import Action, Cause, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.maintain.prune import unwanted_because
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.records.report import Report
from microrepo.operations.refresh.deletions import delete_with_pages
from microrepo.operations.run.advised_rules import advised_policy
from microrepo.operations.run.goals import Requests, policy_of
from microrepo.operations.run.session import open_session
from microrepo.plan import totals_of
from microrepo.reporting import Reporter, SilentReporter
from microrepo.selection.rules.policy import Policy
from microrepo.state import FileRow, State, deletion_of


class Target(Struct, frozen=True):
    """Files that one argument names.

    Attributes:
        rows: rows of the files.
        setting: the setting that prevents their download.
        entry: the entry for that setting.
    """

    rows: tuple[FileRow, ...]
    setting: str
    entry: str


def delete(
    config: Config,
    requests: Requests,
    names: Sequence[str],
    *,
    reason: str = "",
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> Report:
    """Delete files of projects or releases, or single files.

    Args:
        config: complete settings.
        requests: what to mirror; decides whether the files would be downloaded again.
        names: projects (`numpy`), releases as requirements (`numpy==1.0`, `numpy<2`), file names.
        reason: text for the history.
        dry_run: only make the plan.
        reporter: receives progress.

    Returns:
        The report: `missing` lists names without files, `notes` list what the next refresh
        downloads again and how to prevent it.

    Raises:
        ConfigError: an invalid name.
        Locked: another run holds the repository's lock.
        RepositoryError: the state or the directory cannot be used.
    """
    policy = policy_of(config, requests)
    requirements = [_parse(name) for name in names]
    watching = reporter or SilentReporter()
    with open_session(config, "delete", watching, read_only=dry_run, creates=False) as session:
        holdings, work = session.holdings, session.work
        report = work.report
        policy = advised_policy(config, policy, holdings.state)
        targets = []
        for name, requirement in zip(names, requirements, strict=True):
            found = find_target(holdings, name, requirement)
            if found is None:
                report.missing.append(name)
            else:
                targets.append(found)
        rows = {row.filename: row for target in targets for row in target.rows}
        deletions = [deletion_of(rows[name], Cause.BY_COMMAND, reason) for name in sorted(rows)]
        report.totals = totals_of(deletions)
        report.notes += _advice(holdings.state, targets, policy, work.now)
        if dry_run:
            report.plan = deletions
        elif deletions:
            _carry_out(RepositoryPages(config, holdings, work), deletions)
    return report.build()


def _parse(text: str) -> Requirement | None:
    """Return an argument as a requirement, None if it can only be a file name."""
    try:
        requirement = strict_requirement(text)
    except InvalidRequirement:
        if text and "/" not in text and text.isprintable():
            return None
        raise ConfigError(
            f"{text!r}: not a project, release or file; write a project, a release (`NAME==VERSION`) or a file name"
        ) from None
    if requirement.url or requirement.marker or requirement.extras:
        raise ConfigError(f"{text!r}: write a project or a release (`NAME==VERSION`), nothing more")
    return requirement


def find_target(holdings: Holdings, text: str, requirement: Requirement | None) -> Target | None:
    """Return the present files that an argument names, None if there are none."""
    row = holdings.state.files_named([text]).get(text)
    if row is not None and holdings.holds(row):
        return Target((row,), "exclude_files", f"^{re.escape(row.filename)}$")
    if requirement is None:
        return None
    name = canonicalize_name(requirement.name)
    held = filter(holdings.holds, holdings.state.files([name]))
    rows = tuple(row for row in held if _admits(requirement, row.version))
    return Target(rows, "exclude", f"{name}{requirement.specifier}") if rows else None


def _admits(requirement: Requirement, text: str) -> bool:
    if not requirement.specifier:
        return True
    version = parse_version(text)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _advice(state: State, targets: Iterable[Target], policy: Policy, now: str) -> list[str]:
    """Return notes on what the next refresh downloads again, with the setting that prevents it."""
    settings: dict[str, dict[str, None]] = {}
    for target in targets:
        kept = unwanted_because(state, target.rows, policy, now)
        if None in kept.values() or any(map(state.requirers, kept)):
            settings.setdefault(target.setting, {})[target.entry] = None
    if not settings:
        return []
    entries = ", ".join(
        f'"{setting}": {msgspec.json.encode(list(entries)).decode()}'
        for setting, entries in sorted(settings.items())
    )
    advice = (
        "The next refresh will download it again. To prevent that, add to the config file: "
        f"{entries}"
    )
    return [advice]


def _carry_out(pages: RepositoryPages, deletions: Sequence[Action]) -> None:
    holdings, state = pages.holdings, pages.holdings.state
    names = {NormalizedName(action.project) for action in deletions}
    with state.transaction():
        # Files that are still selected will be missing, also if this run is killed.
        state.mark_incomplete(names)
    delete_with_pages(pages, deletions)
    holding = {row.project for row in state.files(names) if holdings.holds(row)}
    with state.transaction():
        state.forget_projects(sorted(names - holding))
