"""A million raw requests to the assembled server, while good ones are answered in between.

`MICROREPO_SOAK_SEED` chooses another course, `MICROREPO_SOAK_REQUESTS` another number.
"""

from __future__ import annotations

import http.client
import os
import random
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.functional.server.serving import Program, serve_file, wait_until
from tests.support.packages import build_wheel
from tests.support.raw_requests import random_requests

pytestmark = pytest.mark.soak

SEED = os.environ.get("MICROREPO_SOAK_SEED", "1")
REQUESTS = int(os.environ.get("MICROREPO_SOAK_REQUESTS", "1000000"))
_CLIENTS = 8
_PER_CONNECTION = 40
_PATIENCE_S = 20.0
_ANSWERED_WITHIN_S = 10.0
_LARGEST_GROWTH_KB = 200_000


def test_a_million_raw_requests(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    for number in range(4):
        build_wheel(f"p{number}", "1.0").write_to(root)
    log = tmp_path / "access.log"
    with serve_file(root, "--log-file", str(log), python=sys.executable) as program:
        expected = ask(program)
        before_kb, before_fds = memory_kb(program), descriptors(program)
        failures: list[str] = []
        threads = [
            threading.Thread(target=send, args=(program, client, failures, expected))
            for client in range(_CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert program.process.poll() is None
        wait_until(lambda: descriptors(program) <= before_fds, timeout_s=90)
        assert memory_kb(program) - before_kb < _LARGEST_GROWTH_KB
        assert ask(program) == expected
        assert "Traceback" not in program.stop()[1]
    lines = log.read_bytes().splitlines()
    for line in lines:
        assert line.decode("utf-8").isprintable(), line
    print(f"{len(lines):,} requests answered")


def send(program: Program, client: int, failures: list[str], expected: bytes) -> None:
    """Send this client's share; a good request follows each connection."""
    rng = random.Random(f"{SEED} {client}")
    left = REQUESTS // _CLIENTS
    while left > 0 and not failures:
        requests = list(random_requests(rng, _PER_CONNECTION))
        left -= len(requests)
        burst = b"".join(requests)
        try:
            exchange(program, burst, rng)
            if ask(program) != expected:
                failures.append(f"client {client}, {left} left: another answer")
        except Exception as error:
            failures.append(f"client {client}, {left} left: {error!r} after {burst[-300:]!r}")


def exchange(program: Program, burst: bytes, rng: random.Random) -> None:
    """Send a burst, in pieces now and then, and read to the end or not at all."""
    with socket.create_connection(("127.0.0.1", program.port), timeout=_PATIENCE_S) as sock:
        try:
            while burst:
                size = len(burst) if rng.random() < 0.8 else rng.randint(1, len(burst))
                sock.sendall(burst[:size])
                burst = burst[size:]
            if rng.random() < 0.1:
                return
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1 << 16):
                pass
        except (ConnectionResetError, BrokenPipeError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise


def ask(program: Program) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=_ANSWERED_WITHIN_S)
    try:
        connection.request("GET", "/simple/p0/", headers={"Accept": "text/html"})
        response = connection.getresponse()
        assert response.status == 200, response.status
        return response.read()
    finally:
        connection.close()


def memory_kb(program: Program) -> int:
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def descriptors(program: Program) -> int:
    return len(os.listdir(f"/proc/{program.process.pid}/fd"))
