"""HTTP/2 where the server offers it: several answers over a connection, at the same time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from microrepo.client import Client, ClientSettings
from tests.support.nginx import NGINX, nginx_over
from tests.support.tls import Authority
from tests.unit.transfer.pool.test_task_loop import run_tasks

pytest.importorskip("pycurl")
SITE = """
log_format lines '$connection $server_protocol'; access_log "{log}" lines;
server {{ listen 127.0.0.1:{{port}} ssl http2; root "{{root}}";
  ssl_certificate "{keys}/server.pem"; ssl_certificate_key "{keys}/server.key"; }}
"""


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_answers_share_connections(tmp_path: Path, authority: Authority) -> None:
    files = {f"file-{number}": bytes([number]) * (50_000 + number) for number in range(40)}
    root, log = tmp_path / "root", tmp_path / "log"
    root.mkdir()
    for name, content in files.items():
        (root / name).write_bytes(content)
    received: dict[str, bytes] = {}
    site = SITE.format(log=log, keys=authority.directory)
    settings = ClientSettings(transport="libcurl", retries=0, ca_bundle=str(authority.ca_bundle))
    with nginx_over(root, tmp_path / "nginx", site) as nginx:
        client = Client(settings)

        def fetch(name: str) -> None:
            received[name] = client.get(f"https://127.0.0.1:{nginx.port}/{name}").body

        run_tasks(10, *(lambda name=name: fetch(name) for name in files))
        client.close()
    assert received == files
    lines = [line.split() for line in log.read_text().splitlines()]
    by_connection = Counter(number for number, protocol in lines if protocol == "HTTP/2.0")
    assert by_connection.total() == len(files)
    # Ten at a time, four of them over each connection.
    assert len(by_connection) <= 4
