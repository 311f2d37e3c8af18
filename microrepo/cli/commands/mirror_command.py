"""Handler of `mirror`."""

from __future__ import annotations

import argparse
from pathlib import Path

from microrepo.cli import terminal
from microrepo.cli.commands.copy_commands import terminal_ask
from microrepo.cli.commands.settings_loading import load_settings, reporting
from microrepo.cli.parser.setting_flags import flags_of
from microrepo.cli.render.copy_text import mirror_text
from microrepo.client.credentials import Given
from microrepo.config.declared_options import neutral
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.copy.endpoints import CONFIGURED
from microrepo.operations.mirror.connections import Access, Connections
from microrepo.operations.mirror.mirror_records import MirrorRequest
from microrepo.operations.mirror.mirror_run import mirror, named_environments
from microrepo.transfer.pool.process_start import start_server


def command_mirror(arguments: argparse.Namespace) -> int:
    """Mirror one release, optionally with its dependencies."""
    loaded = load_settings(arguments)
    config = neutral(loaded.config, keep=flags_of(arguments))
    order = _order(arguments, config)
    access = Access(
        Given(arguments.source_username, arguments.source_password_file),
        Given(arguments.destination_username, arguments.destination_password_file),
        arguments.destination_index,
        ask=terminal_ask(),
    )
    cache = arguments.hash_cache_file
    start_server()  # before progress bars start threads, and before logins are looked up
    with reporting(arguments) as reporter:
        connections = Connections(config, access, reporter)
        try:
            report = mirror(
                connections,
                CONFIGURED if arguments.source is None else arguments.source,
                lambda _: str(arguments.destination),
                order,
                hash_cache=None if cache is None else Path(cache),
            )
        finally:
            connections.close()
    if arguments.json:
        terminal.write_json(report)
    elif not arguments.quiet:
        terminal.write_out(mirror_text(report, verbose=arguments.verbose))
    if arguments.quiet or arguments.json:
        for release in report.releases:
            if release.words:
                terminal.fail(release.words)
    return report.exit_code


def _order(arguments: argparse.Namespace, config: Config) -> MirrorRequest:
    if arguments.environment and not arguments.dependencies:
        raise ConfigError("--environment requires --dependencies")
    return MirrorRequest(
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
