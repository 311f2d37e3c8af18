"""What a release needs: the closure over its source, by the solver that refreshes use."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.clock import now
from microrepo.config.schema import ALL, Config
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.redirects import index_requirement
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.operations.closure.resolution import resolve_goals
from microrepo.operations.mirror.connections import Lines
from microrepo.operations.mirror.mirror_records import Order, UniquePackageLocation
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.refresh.project_decisions import Rules
from microrepo.operations.run.session import Session
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Goal
from microrepo.selection.rules.policy import build_policy, parse_version
from microrepo.state import open_state


class Needed(Struct, frozen=True):
    """What a release needs.

    Attributes:
        releases: besides itself, by name.
        missing: projects that the source does not have.
        failed: what cannot be met, and why.
        warnings: what the closure has to say.
    """

    releases: tuple[UniquePackageLocation, ...] = ()
    missing: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()


def find_needed(
    config: Config, lines: Lines, source: str, order: Order, environments: tuple[Environment, ...]
) -> Needed:
    """Find the closure of a release in all environments.

    Args:
        config: the filters, and how to resolve.
        lines: gives workers that read the source.
        source: where the release is.
        order: the release; its direct-URL requirements count as requirements to the index when
            they will be redirected.
        environments: for which.

    Raises:
        ConfigError: a setting cannot be understood.
        SourceError: the source's answers cannot be had.
    """
    settings, _ = lines.source(source)
    config = _closing(config, source, settings)
    operator = "==" if parse_version(order.version) else "==="
    text = f"{order.name}{operator}{order.version}"
    wanted = parse_requirement(text)
    policy = build_policy(config, [wanted])
    rules = Rules(policy, policy.fingerprint())
    state, _ = open_state(Path(":memory:"))
    report = ReportBuilder("mirror", settings.name, now())
    pool = lines.reader(source)
    session = Session(config, lines.scratch(), state, lines.reporter, report, pool)
    try:
        resolved = resolve_goals(
            session,
            rules,
            (Goal(text, (wanted,)),),
            environments=environments,
            rewrite=with_redirects if order.redirect_dependencies else None,
        )
    finally:
        state.close()
        if settings.kind == "directory":
            lines.forget_reader(source)
    root = canonicalize_name(order.name)
    pins = {
        (pin.project, pin.version)
        for found in resolved.resolutions
        for pin in found.pins
        if pin.project != root
    }
    return Needed(
        tuple(UniquePackageLocation(n, v, settings.name) for n, v in sorted(pins)),
        tuple(sorted(name for name in resolved.gone if name != root)),
        tuple(report.failed) if root not in resolved.gone else (),
        tuple(report.warnings),
    )


def _closing(config: Config, source: str, settings: SourceSettings) -> Config:
    """Return settings for a closure: environments tell what fits, not lists of Pythons."""
    is_local = settings.kind == "directory"
    return msgspec.structs.replace(
        config,
        source=settings.simple_root if is_local else _public(source, settings),
        sources=[],
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
    """Return metadata as a redirected copy of its distribution has it."""
    required = tuple(index_requirement(text) or text for text in metadata.requires_dist)
    return msgspec.structs.replace(metadata, requires_dist=required)
