"""Caddy and Apache before `server.py`, by the very configurations that the guide prints."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.server.serving import HTML, JSON, Reply, Served, read_reply, serve
from tests.support.nginx import answers, free_port
from tests.support.programs import Environment
from tests.support.repository import wait_until
from tests.support.tls import Authority

GUIDE = Path(__file__).parents[3] / "docs/how-to/serve.md"
MODULES = Path("/usr/lib/apache2/modules")
PIP_ACCEPT = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"


@dataclass(frozen=True)
class Proxy:
    """A web server that speaks TLS and hands everything on to `behind`."""

    port: int
    context: ssl.SSLContext
    behind: Served

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/"

    def ask(self, path: str, **headers: str) -> Reply:
        connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=20, context=self.context
        )
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=named)
            return read_reply(connection)
        finally:
            connection.close()


def _printed(start: str) -> str:
    """Return the block of the guide that begins with a line."""
    found = re.search(
        rf"^```\w*\n({re.escape(start)}.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert found, start
    return found.group(1)


def _replaced(text: str, *pairs: tuple[str, str]) -> str:
    """Put in what differs from machine to machine, and nothing else."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def _caddy(home: Path, port: int, behind: int, tls: Path) -> list[str]:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("Caddy is not installed")
    site = _replaced(
        _printed("packages.example {"),
        ("packages.example {", f"localhost:{port} {{\n\ttls {tls}/server.pem {tls}/server.key"),
        ("127.0.0.1:8080", f"127.0.0.1:{behind}"),
    )
    own = f"{{\n\tadmin off\n\tstorage file_system {home}/store\n"
    own += "\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n"
    (home / "Caddyfile").write_text(own + site)
    return [program, "run", "--adapter", "caddyfile", "--config", str(home / "Caddyfile")]


def _apache(home: Path, port: int, behind: int, tls: Path) -> list[str]:
    program = shutil.which("apache2") or shutil.which("apache2", path="/usr/sbin")
    if program is None or not MODULES.is_dir():
        pytest.skip("Apache is not installed")
    site = _replaced(
        _printed("<VirtualHost *:443>"),
        ("*:443", f"127.0.0.1:{port}"),
        ("packages.example", "localhost"),
        ("/etc/ssl/packages.pem", f"{tls}/server.pem"),
        ("/etc/ssl/packages.key", f"{tls}/server.key"),
        ("127.0.0.1:8080", f"127.0.0.1:{behind}"),
    )
    # The guide's own modules, and what no Apache runs without.
    names = ("proxy", "proxy_http", "headers", "ssl", "mpm_event", "authz_core")
    lines = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names]
    lines += [f"Listen 127.0.0.1:{port}", "ServerName localhost", f"PidFile {home}/pid"]
    lines += [f"ServerRoot {home}", f"DefaultRuntimeDir {home}", f"Mutex file:{home} default"]
    lines += ["ErrorLog /dev/stderr", "SSLRandomSeed startup builtin", "SSLSessionCache none"]
    if not os.geteuid():
        lines += ["User nobody", "Group nogroup"]
    (home / "apache.conf").write_text("\n".join([*lines, site]))
    return [program, "-f", str(home / "apache.conf"), "-DFOREGROUND"]


@contextmanager
def _running(command: list[str], home: Path, port: int) -> Iterator[None]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    with (home / "errors").open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None, (home / "errors").read_text()
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(params=[_caddy, _apache], ids=["caddy", "apache"])
def proxy(
    request: pytest.FixtureRequest, with_tree: Path, tmp_path: Path, authority: Authority
) -> Iterator[Proxy]:
    """One of the two before our server."""
    home = tmp_path / "proxy"
    home.mkdir()
    port, context = free_port(), ssl.create_default_context(cafile=str(authority.ca_bundle))
    with serve(with_tree) as behind:
        command = request.param(home, port, behind.port, authority.directory)
        with _running(command, home, port):
            yield Proxy(port, context, behind)


def test_answers_pass_unchanged(proxy: Proxy) -> None:
    """Negotiation, caching, ranges, encoded names, redirects: as without the proxy."""
    kept = ("content-type", "cache-control", "vary", "etag", "location", "content-range")
    first = proxy.ask("/simple/foo-bar/", Accept=PIP_ACCEPT)
    assert first.headers["content-type"] == JSON
    cases: tuple[tuple[str, dict[str, str], int], ...] = (
        ("/simple/", {"Accept": PIP_ACCEPT}, 200),
        ("/simple/foo-bar/", {"Accept": "text/html"}, 200),
        ("/simple/foo-bar/", {"Accept": f"{HTML}, {JSON};q=0.5"}, 200),
        (f"/simple/foo-bar/?format={JSON.replace('+', '%2B')}", {}, 200),
        ("/simple/foo-bar/", {"Accept": "image/png"}, 406),
        ("/simple/foo-bar/", {"Accept": JSON, "If-None-Match": first.headers["etag"]}, 304),
        ("/simple/Foo.Bar/", {}, 301),
        ("/simple/foo-bar", {}, 301),
        ("/foo_bar-1.0-py3-none-any.whl", {"Range": "bytes=3-9"}, 206),
        ("/foo_bar-2.0-py3-none-any.whl.metadata", {}, 200),
        ("/other-0.1%2Blocal.1-py3-none-any.whl", {}, 200),
        ("/other-0.1+local.1-py3-none-any.whl", {}, 200),
        ("/%2emicrorepo/state.db", {}, 404),
        ("/a%2Fb", {}, 404),
        ("/healthz", {}, 200),
    )
    for path, headers, status in cases:
        theirs, ours = proxy.ask(path, **headers), proxy.behind.ask(path, **headers)
        assert (theirs.status, ours.status) == (status, status), path
        assert theirs.body == ours.body
        # Without content no type is needed, and Caddy leaves it out.
        for name in kept[1:] if status == 304 else kept:
            assert theirs.headers.get(name) == ours.headers.get(name), (path, name)


def test_people_are_told_the_address_that_they_came_by(proxy: Proxy) -> None:
    page = proxy.ask("/project/foo-bar/").body.decode()
    assert f"pip install --index-url {proxy.url}simple/ foo-bar" in page


def test_pip_and_uv_install(
    proxy: Proxy, authority: Authority, fresh_venv: Callable[..., Environment]
) -> None:
    index = f"{proxy.url}simple/"
    trust = ("--cert", str(authority.ca_bundle))
    fresh_venv().pip("install", "--no-cache-dir", *trust, "--index-url", index, "foo-bar")
    environment, insecure = fresh_venv(), ("--allow-insecure-host", "localhost")
    environment.uv("pip", "install", *insecure, "--default-index", index, "other")
    assert environment.run("-c", "import other, foo_bar").stdout == ""
