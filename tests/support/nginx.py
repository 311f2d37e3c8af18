"""Debian's nginx as an ordinary program, serving a repository by the configuration we print."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from microrepo.publish.client_texts.nginx_conf import nginx_config
from tests.support.repository import wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
_OWN_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class Nginx:
    """A running nginx; `log` is its access log, one `METHOD path status` in a line."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """The root of the site, with a trailing slash."""
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def nginx_over(directory: Path, home: Path, site: str | None = None) -> Iterator[Nginx]:
    """Serve a repository until the block ends.

    Args:
        directory: the repository, or what the site is about.
        home: takes the configuration and the log.
        site: configuration of another kind; ``{port}`` and ``{root}`` in it are filled in.
    """
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    text = site or nginx_config(directory, listen=f"127.0.0.1:{port}")
    if site is not None:
        text = site.replace("{port}", str(port)).replace("{root}", str(directory))
    (home / "site.conf").write_text(text)
    temporary = "".join(f"{name}_temp_path {home / name};" for name in _OWN_FOLDERS)
    user = "" if os.geteuid() else "user root;"
    (home / "nginx.conf").write_text(
        f"{user} daemon off; pid {home}/pid; error_log {home}/error.log;"
        f"events {{}} http {{ log_format short '$request_method $request_uri $status';"
        f"access_log {home}/access.log short; {temporary} include {home}/site.conf; }}"
    )
    process = subprocess.Popen([str(NGINX), "-p", home, "-c", home / "nginx.conf", "-e", "stderr"])
    try:
        wait_until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None
        yield Nginx(port, home / "access.log")
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether somebody listens at a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
