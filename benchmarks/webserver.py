"""Serve a generated tree with Debian's nginx on loopback: plain, TLS, HTTP/2, added latency.

nginx runs in a prefix directory of its own, as a child of the benchmark. Its access log is
read for the number of requests and bytes of each run.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.corpus import BASE_URL

ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
LATENCY_S = 0.05
START_TIMEOUT_S = 10
LOG_FLUSH_S = 0.4
_MODES = ("plain", "tls", "latency", "http2")
_WITH_TLS = frozenset({"tls", "http2"})


@dataclass(frozen=True)
class Endpoint:
    """One port: its mode (`plain`, `tls`, `latency`, `http2`) and root URL."""

    mode: str
    port: int

    @property
    def has_tls(self) -> bool:
        """Whether its certificate is signed by the benchmark's own authority."""
        return self.mode in _WITH_TLS

    @property
    def url(self) -> str:
        """Root URL without a trailing slash."""
        return f"{'https' if self.has_tls else 'http'}://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Traffic:
    """What the access log says about a run."""

    requests: int
    bytes_sent: int
    documents: int
    files: int
    index: int
    not_ok: int


def has_latency_module() -> bool:
    """Say whether nginx can sleep (Debian: libnginx-mod-http-echo)."""
    return ECHO_MODULE.exists()


class Server:
    """nginx over one tree; switch between the tree's versions with `serve`.

    Args:
        tree: what is served.
        prefix: a directory of its own for nginx.
        pages: where localized pages are kept from one call to the next.
        modes: any of `plain` (always there), `tls`, `latency` and `http2`.
        first_port: of four.
    """

    def __init__(
        self, tree: Path, prefix: Path, pages: Path, modes: Iterable[str], first_port: int
    ) -> None:
        self.tree = tree
        self.prefix = prefix
        self.pages = pages
        self.endpoints = {
            mode: Endpoint(mode, first_port + i)
            for i, mode in enumerate(_MODES)
            if mode in {"plain", *modes}
        }
        self.ca_file = prefix / "ca.pem"
        self._log = prefix / "access.log"
        self._log_offset = 0
        self._nonce = ""
        self._process: subprocess.Popen[bytes] | None = None

        prefix.mkdir(parents=True, exist_ok=True)
        make_certificates(prefix)

    def close(self) -> None:
        """End nginx and wait for it."""
        if self._process:
            self._process.terminate()
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def serve(self, version: str) -> None:
        """Serve that version of the index (`before`, `after`); (re)starts nginx."""
        self.close()
        for endpoint in self.endpoints.values():
            localize(self.tree, version, endpoint, self.pages)
        self._log.unlink(missing_ok=True)
        self._log_offset = 0
        config = self.prefix / "nginx.conf"
        self._nonce = secrets.token_hex(8)
        config.write_text(self._render_config(version))
        command = ["nginx", "-p", str(self.prefix), "-c", str(config), "-e", "error.log"]
        self._process = subprocess.Popen(command)
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        port = self.endpoints["plain"].port
        while time.monotonic() < deadline:
            if self._process and self._process.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            try:
                connection.request("GET", "/nonce")
                if connection.getresponse().read().decode() == self._nonce:
                    self.mark()
                    return
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        error = (self.prefix / "error.log").read_text()[-2000:]
        raise RuntimeError(f"nginx does not serve on port {port}: {error}")

    def cpu_s(self) -> float:
        """Return the CPU seconds nginx has used since it was started."""
        pid = self._process.pid if self._process else 0
        return sum(measure.cpu_s(each) for each in measure.tree(pid)) if pid else 0.0

    def mark(self) -> None:
        """Start counting: what was logged until now is left out of `traffic`."""
        time.sleep(LOG_FLUSH_S)
        self._log_offset = self._log.stat().st_size if self._log.exists() else 0

    def traffic(self) -> Traffic:
        """Return what was asked for since `mark`, once nginx has flushed its log."""
        time.sleep(LOG_FLUSH_S)
        with self._log.open("rb") as log:
            log.seek(self._log_offset)
            lines = log.read().decode().splitlines()
        kinds: Counter[str] = Counter()
        not_ok = bytes_sent = 0
        for line in lines:
            _, _, status, size, path = line.split(" ", 4)
            bytes_sent += int(size)
            not_ok += status not in {"200", "206", "304"}
            kinds[path.split("/", 2)[1]] += 1
        return Traffic(
            len(lines), bytes_sent, kinds["pypi"], kinds["packages"], kinds["simple"], not_ok
        )

    def _render_config(self, version: str) -> str:
        facts = json.loads((self.tree / version / "facts.json").read_bytes())
        maps = self.prefix / "maps.conf"
        maps.write_text(_render_maps(facts))
        servers = "".join(
            self._render_server(endpoint, version) for endpoint in self.endpoints.values()
        )
        return _CONFIG.format(
            user="user root;" if os.geteuid() == 0 else "",
            load=f"load_module {ECHO_MODULE};" if has_latency_module() else "",
            servers=servers,
        )

    def _render_server(self, endpoint: Endpoint, version: str) -> str:
        tls = ""
        if endpoint.has_tls:
            tls = "ssl_certificate server.pem; ssl_certificate_key server.key;"
        return _SERVER.format(
            port=endpoint.port,
            ssl=f" ssl{' http2' if endpoint.mode == 'http2' else ''}" if tls else "",
            tls=tls,
            root=localized_root(self.pages, version, endpoint),
            nonce=self._nonce,
            sites=_render_sites(self.tree, slow=endpoint.mode == "latency"),
        )


def _render_maps(facts: dict[str, Any]) -> str:
    # Keys of a map ignore case, so a redirect is only looked up when no file has that path.
    serials = "".join(
        f"/pypi/{name}/json {serial}; /simple/{name}/ {serial};\n"
        for name, serial in facts["serials"].items()
    )
    aliases = "".join(
        f"/pypi/{alias}/json /pypi/{name}/json;\n" for alias, name in facts["aliases"].items()
    )
    return (
        f'map $request_uri $serial {{ default ""; /simple/ {facts["last_serial"]};\n{serials}}}\n'
        f'map $request_uri $canonical {{ default "";\n{aliases}}}\n'
    )


def localized_root(pages: Path, version: str, endpoint: Endpoint) -> Path:
    """Return the directory with the pages of `version` as `endpoint` serves them."""
    return pages / f"{endpoint.mode}-{endpoint.port}" / version


def localize(tree: Path, version: str, endpoint: Endpoint, pages: Path) -> None:
    """Copy the pages with the endpoint's own root URL in them (file URLs are absolute)."""
    root = localized_root(pages, version, endpoint)
    done = root / ".complete"
    stamp = str((tree / "manifest.json").stat().st_mtime_ns)
    if done.exists() and done.read_text() == stamp:
        return
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    old, new = BASE_URL.encode(), endpoint.url.encode()
    source = tree / version
    for path in sorted(source.rglob("*")):
        target = root / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        body = path.read_bytes()
        target.write_bytes(body if path.suffix == ".gz" else body.replace(old, new))
        status = path.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    done.write_text(stamp)


def make_certificates(directory: Path) -> None:
    """Make a private CA (`ca.pem`) and a certificate for 127.0.0.1, unless they are there."""
    if (directory / "server.pem").exists():
        return
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=benchmark CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (directory / "san.cnf").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days",
            "30", "-CAcreateserial", "-extfile", "san.cnf", "-out", "server.pem")  # fmt: skip


_CONFIG = """\
{user}
{load}
daemon off;
worker_processes 2;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
  log_format counted '$msec $request_method $status $bytes_sent $request_uri';
  access_log access.log counted buffer=256k flush=200ms;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
  uwsgi_temp_path tmp; scgi_temp_path tmp;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 300s;
  absolute_redirect off; server_tokens off; ssl_session_cache shared:tls:1m;
  map_hash_max_size 65536; map_hash_bucket_size 256;
  map $http_accept $simple_page {{ default html; "~simple\\.v1\\+json" v1_json; }}
  include maps.conf;
  types {{
    application/vnd.pypi.simple.v1+json v1_json; text/html html; application/json json;
    application/octet-stream whl gz zip egg exe metadata;
  }}
{servers}}}
"""
_SERVER = """
  server {{
    listen 127.0.0.1:{port}{ssl} backlog=1024; {tls}
    root {root};
    location = /nonce {{ return 200 "{nonce}"; }}
    location = /simple {{ return 301 /simple/; }}
    location @alias {{ if ($canonical) {{ return 301 $canonical; }} return 404; }}
{sites}  }}
"""
_SITES = {
    "simple": "add_header Vary Accept; add_header X-PyPI-Last-Serial $serial; gzip_static on; "
    "rewrite /$ ${uri}index.$simple_page break;",
    "pypi": "add_header X-PyPI-Last-Serial $serial; default_type application/json; "
    "error_page 404 = @alias;",
    "packages": "root {tree};",
}


def _render_sites(tree: Path, *, slow: bool) -> str:
    lines = []
    for name, template in _SITES.items():
        body = template.replace("{tree}", str(tree))
        if slow:
            sleep = f"echo_sleep {LATENCY_S}; echo_exec @{name};"
            lines += [f"    location /{name}/ {{ {sleep} }}", f"    location @{name} {{ {body} }}"]
        else:
            lines.append(f"    location /{name}/ {{ {body} }}")
    return "\n".join(lines) + "\n"
