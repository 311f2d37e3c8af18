"""Closure of a release at its source, with the solver of `refresh`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.client import Client
from microrepo.clock import now
from microrepo.config.schema import ALL, Config
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.redirects import index_requirement
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.formats.version_numbers import parse_version
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.closure.closure_records import RecordSources
from microrepo.operations.closure.resolution import resolve_goals
from microrepo.operations.copy.endpoints import CONFIGURED
from microrepo.operations.mirror.connections import Connections
from microrepo.operations.mirror.mirror_records import MirrorRequest, UniquePackageLocation
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.run.network_settings import client_settings
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.publish.links import links_of
from microrepo.repositories.protocol import SourceSettings
from microrepo.repositories.sources.source_registry import describe_sources
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.goal_records import Goal
from microrepo.selection.rules.policy import build_policy
from microrepo.state import open_state


class ReleaseClosure(Struct, frozen=True):
    """Dependencies of a release.

    Attributes:
        releases: needed releases, by name.
        missing: projects that the source does not have.
        failed: unmet requirements, and why.
        warnings: warnings of the resolver.
    """

    releases: tuple[UniquePackageLocation, ...] = ()
    missing: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()


def find_release_closure(
    config: Config,
    connections: Connections,
    source: str,
    order: MirrorRequest,
    environments: tuple[Environment, ...],
) -> ReleaseClosure:
    """Resolve the dependencies of a release in all environments.

    Args:
        config: filters and resolver options.
        connections: source of workers that read the source.
        order: the release; direct-URL requirements count as requirements for the index if they are
            redirected.

    Raises:
        ConfigError: a setting is invalid.
        SourceError: the source does not respond.
    """
    settings, auth = connections.source(source)
    name = ", ".join(one.name for one in settings)
    config = _closing(config, source, settings)
    operator = "==" if parse_version(order.version) else "==="
    text = f"{order.name}{operator}{order.version}"
    wanted = parse_requirement(text)
    policy = build_policy(config, [wanted])
    rules = Rules(policy, policy.fingerprint())
    state, _ = open_state(Path(":memory:"))
    report = ReportBuilder("mirror", name, now())
    pool = connections.reader(source)
    directory, described = connections.scratch(), describe_sources(config)
    holdings = Holdings(state, directory, links_of(config, state, decides=False))
    work = WorkContext(lambda: pool, report, connections.reporter)
    sources = Sources(
        described, lambda: Client(client_settings(config, described, directory, auth))
    )
    resolve = partial(
        resolve_goals,
        origins=RecordSources(holdings, sources, work, rules),
        goals=(Goal(text, (wanted,)),),
        environments=environments,
        rewrite=with_redirects if order.redirect_dependencies else None,
    )
    try:
        resolved = resolve(config)
        failed = tuple(report.failed)
        if resolved.failures:
            # No complete set: use the newest match of each requirement instead.
            newest = resolve(msgspec.structs.replace(config, resolve="latest"))
            resolved = msgspec.structs.replace(
                newest, resolutions=(*resolved.resolutions, *newest.resolutions)
            )
    finally:
        state.close()
        if any(one.kind == "directory" for one in settings):
            connections.forget_reader(source)
    root = canonicalize_name(order.name)
    pins = {
        (pin.project, pin.version)
        for found in resolved.resolutions
        for pin in found.pins
        if pin.project != root
    }
    return ReleaseClosure(
        tuple(UniquePackageLocation(n, v, name) for n, v in sorted(pins)),
        tuple(sorted(name for name in resolved.gone if name != root)),
        failed if root not in resolved.gone else (),
        tuple(report.warnings),
    )


def _closing(config: Config, source: str, settings: Sequence[SourceSettings]) -> Config:
    """Return settings for a closure, in which environments decide instead of Python lists."""
    is_local = all(one.kind == "directory" for one in settings)
    if source != CONFIGURED:
        first = settings[0]
        where = first.simple_root if is_local else _public(source, first)
        config = msgspec.structs.replace(config, source=where, sources=[])
    return msgspec.structs.replace(
        config,
        dependencies=True,
        resolve="solve",
        environments=None,
        python_versions=ALL,
        versions=ALL,
        require_digests=config.require_digests and not is_local,
    )


def _public(source: str, settings: SourceSettings) -> str:
    if source == "pypi":
        return source
    return f"simple+{settings.simple_root}" if settings.kind == "simple" else settings.name


def with_redirects(metadata: CoreMetadata) -> CoreMetadata:
    """Return metadata with its direct URLs redirected."""
    required = tuple(index_requirement(text) or text for text in metadata.requires_dist)
    return msgspec.structs.replace(metadata, requires_dist=required)
