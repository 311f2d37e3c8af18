"""Function `copy` of the library: copy from any repository to any other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from microrepo.config.declared_options import neutral
from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.operations.copy.copy_report import CopyReport
from microrepo.operations.copy.copy_run import CopyOptions, copy
from microrepo.operations.copy.endpoints import EndpointText, open_endpoints
from microrepo.reporting import Reporter
from microrepo.selection.rules.policy import build_policy


def copy_between(
    source: str | Path,
    destination: str | Path,
    requirements: Iterable[str] | None = None,
    *,
    latest: bool = False,
    config: Config | None = None,
    manner: CopyOptions | None = None,
    reporter: Reporter | None = None,
) -> CopyReport:
    """Copy the distributions that the destination lacks.

    Args:
        source: as for `Repository.open`; credentials are looked up in the usual places.
        destination: the same.
        requirements: requirements to copy; None for everything.
        latest: only the newest release of each project.
        config: network settings, workers, and `exclude`.
        manner: dry run, links, cancel event.
        reporter: receives progress.

    Returns:
        The report; `failed`, `conflicts` and `missing` list what was not copied.

    Raises:
        ConfigError: an argument is invalid.
        AccessDenied: credentials are refused.
        Cancelled: the cancel event was set.
        SourceError: the source's list of projects, or a page of the destination, cannot be read.
    """
    settings = config or load(None, {}, {}).config
    rules = everything(settings, settings.exclude, latest=latest)
    endpoints = open_endpoints(settings, EndpointText(str(source)), EndpointText(str(destination)))
    if endpoints.source.kind != "directory":
        rules = msgspec.structs.replace(rules, require_digests=settings.require_digests)
    policy = build_policy(rules, None if requirements is None else parse_requirements(requirements))
    return copy(settings, endpoints, policy, how=manner, reporter=reporter)


def everything(config: Config, exclude: Iterable[str], *, latest: bool) -> Config:
    """Return settings without filters: only requirements select; yanked files are skipped."""
    return msgspec.structs.replace(
        neutral(config, keep=("uploaded_before", "min_age_days", "max_file_size")),
        versions=1 if latest else "all",
        prereleases=None if latest else True,
        require_digests=False,
        exclude=list(exclude),
    )
