"""Commands for those who install: serve the repository, print what clients and nginx need."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from microrepo.cli import render
from microrepo.cli.commands import load_settings, reporting
from microrepo.errors import ConfigError, RepositoryError


def command_serve(arguments: argparse.Namespace) -> int:
    """Serve the repository over HTTP, or print and export what serves it elsewhere."""
    from microrepo.standalone.server.main import main

    directory = Path(load_settings(arguments).config.repository)
    if not directory.is_dir():
        raise RepositoryError(directory, "there is no such directory; a refresh makes it")
    if arguments.print_nginx:
        from microrepo.publish.client_texts.nginx_conf import nginx_config

        try:
            sys.stdout.write(nginx_config(directory.resolve(), listen=arguments.listen))
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return 0
    if arguments.export:
        from microrepo.operations.pages.publishing import export_server

        export_server(directory)
        sys.stderr.write(f"microrepo: {directory / 'server.py'} is up to date\n")
        return 0
    return main(["--directory", str(directory), *_server_arguments(arguments)])


def _server_arguments(arguments: argparse.Namespace) -> list[str]:
    """Return the arguments of the server's own command line; it checks them itself."""
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
    """Write the static index anew, also for a directory that microrepo did not fill."""
    from microrepo.operations.pages.index_rebuild import rebuild_index

    loaded = load_settings(arguments)
    with reporting(arguments) as reporter:
        report = rebuild_index(loaded.config, reporter)
    if arguments.json:
        render.print_json(report)
    elif not arguments.quiet:
        sys.stdout.write(render.index_text(report))
    if report.refused and (arguments.quiet or arguments.json):
        sys.stderr.write(f"microrepo: error: {report.refused}\n")
    return report.exit_code


def command_client_config(arguments: argparse.Namespace) -> int:
    """Print what pip, uv and the environment need to install from the repository."""
    from microrepo.publish.client_texts.client_config import directory_settings, render_settings
    from microrepo.standalone.server.client_settings import client_settings

    if arguments.url:
        settings = client_settings(arguments.url.rstrip("/") + "/")
    else:
        settings = directory_settings(Path(load_settings(arguments).config.repository).resolve())
    if arguments.json:
        render.print_json(settings._asdict())
    else:
        sys.stdout.write(render_settings(settings))
    return 0
