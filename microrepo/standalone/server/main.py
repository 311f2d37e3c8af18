"""Main: the server's own command line."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import IO, Any

from microrepo.standalone.server.application.application import Application
from microrepo.standalone.server.client_settings import client_settings
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.loop.event_loop import Server
from microrepo.standalone.server.messages.passwords import OpenDoor, Passwords, hash_password
from microrepo.standalone.server.options import Options


def make_server(
    directory: str, host: str = "127.0.0.1", port: int = 8080, **options: Any
) -> Server:
    """Return a server for a directory, bound but not yet serving; `options` are those of `Options`.

    Raises:
        OSError: the directory, the address, the certificate or the password file cannot be used.
        ValueError: the port is out of range, or the password file has a malformed line.
    """
    chosen = Options(**options)
    if chosen.url:
        chosen = chosen._replace(url=chosen.url.rstrip("/") + "/")
    os.scandir(directory).close()
    door = Passwords(chosen.password_file) if chosen.password_file else OpenDoor()
    scheme = "https" if chosen.certificate else "http"
    application = Application(Repository(directory), chosen.url, scheme, private=door.private)
    return Server(application, (host, port), chosen, door)


def run(server: Server, text: str) -> None:
    """Serve until SIGTERM or Ctrl-C; unfinished answers may finish, a second signal ends at once.

    Args:
        text: for standard output; who has read it can already end the server in this way.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.request_stop()

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        _say(sys.stdout, text)
        server.serve_forever()
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def welcome(server: Server, directory: str) -> str:
    """Return the start text: address, client settings, how to let others connect."""
    settings = client_settings(server.url)
    text = (
        f"Serving {directory} at {server.url} (press Ctrl-C to stop)\n\n"
        f"  {settings.pip_command} PROJECT\n  {settings.uv_command} PROJECT\n\n"
        f"pip.conf:\n{_indented(settings.pip_conf)}\nuv.toml:\n{_indented(settings.uv_toml)}\n"
        f"environment:\n{_indented(settings.environment)}\n"
    )
    if server.server_address[0].startswith("127.") or server.server_address[0] == "::1":
        text += (
            "Only this machine can connect. For others: --host 0.0.0.0, and better with\n"
            "--certificate and --key (TLS) and --password-file, or behind a web server.\n"
        )
    return text


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the server's own command line."""
    parser = argparse.ArgumentParser(description="Serve a directory of Python distributions.")
    add = parser.add_argument
    add("place", metavar="DIR", nargs="?", default="", help="the same as --directory")
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1, this machine only)",
    )
    add(
        "--port",
        type=int,
        default=8080,
        help="port to listen on, 0 for any free one (default: 8080)",
    )
    add(
        "--directory",
        default=os.path.dirname(os.path.abspath(__file__)),
        help="repository to serve (default: the directory of this file)",
    )
    add("--url", default="", help="address that clients use, when this server is behind a proxy")
    add("--password-file", default="", help="require HTTP Basic auth with the users in FILE")
    add(
        "--hash-password",
        metavar="USER",
        help="ask for a password, print a line for the password file and exit",
    )
    add("--certificate", default="", help="serve TLS with this certificate chain (PEM)")
    add("--key", default="", help="the certificate's private key (PEM), if in another file")
    add(
        "--max-connections",
        type=int,
        default=1000,
        help="maximum number of clients at a time (default: 1000)",
    )
    add(
        "--log-file",
        default="",
        help="append the access log to FILE (default: standard error)",
    )
    add("--quiet", action="store_true", help="write no access log")
    return parser


def _print_password_line(user: str) -> int:
    if sys.stdin and sys.stdin.isatty():
        password = getpass.getpass()
    else:
        password = sys.stdin.readline().rstrip("\n") if sys.stdin else ""
    sys.stdout.write(f"{user}:{hash_password(password)}\n")
    return 0


def _open_log(path: str) -> IO[str]:
    return open(path, "a", encoding="utf-8") if path else sys.stderr


def _close_log(log: IO[str] | None) -> None:
    if log is not None and log is not sys.stderr:
        with suppress(OSError, ValueError):
            log.close()


def _say(stream: IO[str] | None, text: str) -> None:
    # A stream that is closed, or a pipe that nobody reads, is no reason not to serve.
    with suppress(OSError, ValueError):
        if stream:
            stream.write(text)
            stream.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the server's own command line."""
    given = build_parser().parse_args(arguments)
    if given.hash_password:
        return _print_password_line(given.hash_password)
    directory = given.place or given.directory
    log: IO[str] | None = None
    try:
        log = None if given.quiet else _open_log(given.log_file)
        server = make_server(
            directory,
            given.host,
            given.port,
            url=given.url,
            password_file=given.password_file,
            certificate=given.certificate,
            key=given.key,
            max_connections=given.max_connections,
            log=log,
            errors=sys.stderr,
        )
    except (OSError, ValueError) as error:
        _say(sys.stderr, f"error: {error}\n")
        _close_log(log)
        return 1
    run(server, welcome(server, os.path.realpath(directory)))
    if server.is_log_written:  # to close a log that is stuck would take for ever
        _close_log(log)
    return 0


if __name__ == "__main__":
    sys.exit(main())
