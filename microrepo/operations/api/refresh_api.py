"""Function `refresh`: update the repository from its source."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.provenance.evidence_check import with_trusted_root
from microrepo.operations.records.report import Report, ReportBuilder
from microrepo.operations.refresh.refresh_run import Run
from microrepo.operations.refresh.upstream.changed_projects import find_changes
from microrepo.operations.run.goals import Requests, policy_of
from microrepo.operations.run.run_rules import Rules, rules_of, with_held_names
from microrepo.operations.run.session import Session, open_session
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.sources.source_registry import describe_sources
from microrepo.selection.rules.policy import Policy
from microrepo.selection.rules.policy_warnings import filter_warnings
from microrepo.state.pinned_snapshot import pinned_snapshot


def refresh(  # noqa: PLR0913 - switches, each by its name
    config: Config,
    requests: Requests,
    *,
    only_these: bool = False,
    dry_run: bool = False,
    force_check: bool = False,
    replace: bool = False,
    reporter: Reporter | None = None,
    cancel: threading.Event | None = None,
    answers: Path | None = None,
) -> Report:
    """Update the repository from its source.

    Args:
        config: complete settings.
        requests: what to mirror, see `operations.run.goals`.
        only_these: do not change projects that `requests` does not lead to.
        dry_run: only make the plan; change nothing on disk.
        force_check: check every project, whatever its serial.
        replace: overwrite differing files that microrepo did not download, and accept what
            `substitution` refuses.
        reporter: receives progress.
        cancel: event that stops the run soon after it is set; completed files are recorded.
        answers: existing directory of answers of sources, which several refreshes share; each
            project is then requested once.

    Returns:
        The report; its `exit_code` is 0 if everything succeeded. A repository that is pinned to a
        snapshot is not changed; a warning says so.

    Raises:
        Cancelled: `cancel` was set.
        ConfigError: a setting is invalid.
        Locked: another run holds the repository's lock.
        SourceError: the source's list of projects cannot be read.
    """
    policy = with_trusted_root(config, policy_of(config, requests))
    if not (config.files or config.files_url):
        _refuse_local_links(config)
    rules = rules_of(config, policy, credulous=force_check)
    with open_session(
        config,
        "refresh",
        reporter or SilentReporter(),
        read_only=dry_run,
        workers=True,
        cancel=cancel,
        answers=answers,
    ) as session:
        pinned = pinned_snapshot(session.holdings.state)
        if pinned:
            session.report.warn(
                f"held at the snapshot {pinned}, so nothing was changed; `microrepo snapshot unpin` "
                "lets refreshes go on"
            )
            return session.report.build()
        _warn_of_requests(config, requests, policy, session.report)
        holdings, sources, work = session.holdings, session.sources, session.work
        pages = RepositoryPages(config, holdings, work)
        rules = _advised(session, pages, rules)
        rules = msgspec.structs.replace(
            rules,
            policy=with_held_names(rules.policy, holdings.state),
            refuses_substitutes=config.substitution == "refuse" and not replace,
        )
        run = Run(pages, sources, rules, only_these=only_these, replace=replace)
        if requests.goals and config.dependencies:
            # A mirror of the whole index is refreshed every few minutes and needs no solver.
            from microrepo.operations.closure.closure_records import RecordSources
            from microrepo.operations.closure.closure_refresh import follow

            origins = RecordSources(holdings, sources, work, rules)
            follow(requests.goals, config, origins, run, only_these=only_these)
        else:
            run.carry_out(
                find_changes(
                    holdings, sources, work, rules, only_these=only_these, force=force_check
                )
            )
        _report_vulnerable(pages, rules.policy)
        if not (dry_run or only_these or session.report.refused):
            holdings.directory.clean_partials(run.batches.unfinished)
        pages.update()
        if config.snapshots and not (dry_run or session.report.refused):
            from microrepo.operations.snapshot.refresh_snapshots import keep_after_refresh

            keep_after_refresh(config, holdings, work)
    return session.report.build()


def _warn_of_requests(
    config: Config, requests: Requests, policy: Policy, report: ReportBuilder
) -> None:
    """Warn of settings and requests that have no effect."""
    for text in (*filter_warnings(policy), *requests.notes):
        report.warn(text)
    direct = [one.label for one in requests.requirements or () if one.url]
    if direct and not config.dependencies:
        urls = ", ".join(direct)
        report.warn(f"direct URLs are downloaded only if dependencies are followed: {urls}")
    if config.lock and not (requests.goals and config.dependencies):
        report.warn("`lock` writes nothing: no dependencies of named projects are followed")
    elif config.lock and not config.files:
        report.warn("`lock` writes nothing: no files are kept (`files`)")


def _advised(session: Session, pages: RepositoryPages, rules: Rules) -> Rules:
    """Return the rules with the newest advisories; remove the malware that they report."""
    if not session.config.advisories:
        return rules
    from microrepo.operations.refresh.malware_removal import remove_malware
    from microrepo.operations.run.advised_rules import advised_rules

    advised = advised_rules(session, rules)
    remove_malware(pages, advised.policy)
    return advised


def _report_vulnerable(pages: RepositoryPages, policy: Policy) -> None:
    if policy.advisories is not None:
        from microrepo.operations.refresh.malware_removal import report_vulnerable

        report_vulnerable(pages, policy)


def _refuse_local_links(config: Config) -> None:
    for source in describe_sources(config):
        if source.kind == "directory":
            raise ConfigError(
                f"$.files: {source.name}: pages cannot link to a directory of this machine; set "
                "`files_url` to where clients find its files"
            )
