"""The command that mirrors one release, with what it needs if that is wanted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from microrepo.cli import render
from microrepo.cli.commands import load_settings, reporting
from microrepo.cli.copying import copying_config, terminal_ask
from microrepo.cli.setting_flags import flags_of
from microrepo.client.credentials import Given
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.mirror.connections import Access, Lines
from microrepo.operations.mirror.mirror_records import MirrorReport, Order, ReleaseReport
from microrepo.operations.mirror.mirror_run import mirror, named_environments
from microrepo.transfer.pool.process_start import start_server


def command_mirror(arguments: argparse.Namespace) -> int:
    """Mirror one release, or one with all that it needs."""
    loaded = load_settings(arguments)
    config = copying_config(loaded, flags_of(arguments))
    order = _order(arguments, config)
    access = Access(
        Given(arguments.source_username, arguments.source_password_file),
        Given(arguments.destination_username, arguments.destination_password_file),
        arguments.destination_index,
        ask=terminal_ask(),
    )
    cache = arguments.hash_cache_file
    start_server()  # before bars have threads, and before releases look for their logins
    with reporting(arguments) as reporter:
        lines = Lines(config, access, reporter)
        try:
            report = mirror(
                lines,
                arguments.source,
                lambda _: str(arguments.destination),
                order,
                hash_cache=None if cache is None else Path(cache),
            )
        finally:
            lines.close()
    if arguments.json:
        render.print_json(report)
    elif not arguments.quiet:
        sys.stdout.write(mirror_text(report, verbose=arguments.verbose))
    if arguments.quiet or arguments.json:
        words = [f"microrepo: error: {one.words}" for one in report.releases if one.words]
        sys.stderr.write(render.printable(words) if words else "")
    return report.exit_code


def _order(arguments: argparse.Namespace, config: Config) -> Order:
    if arguments.environment and not arguments.dependencies:
        raise ConfigError("--environment says what dependencies are for; add --dependencies")
    return Order(
        arguments.name,
        arguments.release,
        dependencies=arguments.dependencies,
        environments=named_environments(arguments.environment, config),
        tags=arguments.tags,
        label=arguments.label,
        resume=arguments.resume,
        template_version=arguments.template_version,
        redirect_dependencies=arguments.redirect_dependencies,
        max_concurrent=arguments.max_concurrent_single_package_mirror_ops,
        dry_run=arguments.dry_run,
    )


def mirror_text(report: MirrorReport, *, verbose: bool = False) -> str:
    """Return what a mirroring did, one line per release, with what is not there and why."""
    lines = [
        render.action_line(action)
        for release in report.releases
        for action in release.plan
        if report.dry_run
    ]
    lines += [_line(release) for release in report.releases]
    for release in report.releases:
        lines += [f"  redirected {text}" for text in release.redirected if verbose]
        lines += [f"  mark kept: {text}" for text in release.marks if verbose]
        lines += [f"  mark that cannot go along: {text}" for text in release.marks_left]
        if release.words:
            lines.append(f"  {release.words}")
    if report.missing:
        lines.append(f"no such project at {report.source}: {', '.join(report.missing)}")
    lines += render.failure_lines("not met", report.failed, verbose=verbose)
    lines.append(f"time  {report.seconds:.1f} s")
    return render.printable(lines)


def _line(release: ReleaseReport) -> str:
    status = "stays where it is" if release.status == "left" else release.status
    what = f"{release.name} {release.version}: {status}"
    if release.status in {"copied", "planned"}:
        what += f", {render.files(release.copied, release.copied_bytes)}"
    if release.already and release.status != "present":
        what += f", {release.already} already there"
    if release.redirected:
        what += f", {len(release.redirected)} requirements redirected"
    return what
