"""Handlers of the commands that publish: `index`, `serve`, `client-config`."""

from __future__ import annotations

import argparse
from pathlib import Path

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings, reporting, show_report
from microrepo.cli.render.report_text import index_text
from microrepo.errors import ConfigError, RepositoryError
from microrepo.exit_codes import ExitCode

_LAST_PORT = 65_535


def command_serve(arguments: argparse.Namespace) -> int:
    """Serve the repository over HTTP, or print or export a server for it."""
    from microrepo.standalone.server.main import main

    if not 0 <= arguments.port <= _LAST_PORT:
        raise ConfigError(f"--port {arguments.port}: a port is 0 to {_LAST_PORT}")
    config = load_settings(arguments).config
    directory = Path(config.repository)
    if not directory.is_dir():
        raise RepositoryError(directory, "directory not found; `microrepo refresh` creates it")
    if arguments.snapshot:
        from microrepo.operations.snapshot.snapshot_view import view_for_serving

        directory = view_for_serving(config, arguments.snapshot)
    if arguments.print_nginx:
        from microrepo.publish.client_texts.nginx_conf import nginx_config

        try:
            terminal.write_out(nginx_config(directory.resolve(), listen=arguments.listen))
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return ExitCode.DONE
    if arguments.export:
        from microrepo.operations.pages.publishing import export_server

        export_server(directory)
        terminal.note(f"{directory / 'server.py'} is up to date")
        return ExitCode.DONE
    return main(["--directory", str(directory), *_server_arguments(arguments)])


def _server_arguments(arguments: argparse.Namespace) -> list[str]:
    """Return the arguments of the server's own command line, which checks them itself."""
    found = ["--host", arguments.host, "--port", str(arguments.port)]
    for name in ("url", "password_file", "certificate", "key"):
        value = getattr(arguments, name)
        if value:
            found += ["--" + name.replace("_", "-"), value]
    if arguments.access_log:
        found += ["--log-file", arguments.access_log]
    if arguments.quiet:
        found.append("--quiet")
    return found


def command_index(arguments: argparse.Namespace) -> int:
    """Write the static index, also for a directory that microrepo did not fill."""
    from microrepo.operations.pages.index_rebuild import rebuild_index

    loaded = load_settings(arguments)
    with reporting(arguments) as reporter:
        report = rebuild_index(loaded.config, reporter)
    return show_report(arguments, report, index_text)


def command_client_config(arguments: argparse.Namespace) -> int:
    """Print the settings of pip and uv for installing from the repository."""
    from microrepo.publish.client_texts.client_config import directory_settings, render_settings
    from microrepo.standalone.server.client_settings import client_settings

    if arguments.url:
        settings = client_settings(arguments.url.rstrip("/") + "/")
    else:
        settings = directory_settings(Path(load_settings(arguments).config.repository).resolve())
    if arguments.json:
        terminal.write_json(settings._asdict())
    else:
        terminal.write_out(render_settings(settings))
    return ExitCode.DONE
