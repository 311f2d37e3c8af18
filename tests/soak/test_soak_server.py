"""Bad clients of the assembled server, while good ones are answered: raw requests, slow ones.

`MICROREPO_SOAK_SEED` chooses another course, `MICROREPO_SOAK_REQUESTS` another number of raw
requests.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.functional.server.serving import Program, serve_file, wait_until
from tests.support import slow_clients as slow_clients_module
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
_SLOW = 1000
_ASKED, _ASKED_BUSY = 600, 2000
_PAUSE_S = 0.03


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


@pytest.mark.parametrize("most", ["1000", "4000"])
def test_a_thousand_slow_clients(tmp_path: Path, most: str) -> None:
    _allow_open_files(8192)
    root = tmp_path / "repository"
    root.mkdir()
    build_wheel("p0", "1.0", payload_size=200_000).write_to(root)
    big = build_wheel("big", "1.0", payload_size=4_000_000)
    big.write_to(root)
    with serve_file(root, "--max-connections", most, python=sys.executable) as program:
        expected = ask(program)
        latencies(program, expected)  # a first round warms up caches
        quiet = latencies(program, expected)
        with slow_clients(program, f"/{big.filename}") as attack:
            busy = latencies(program, expected, _ASKED_BUSY)
        print(
            f"with {most} connections, ms: quiet {shown(quiet)}, busy {shown(busy)}; {attack.fates}"
        )
        assert attack.fates["reading open"] + attack.fates["idle open"] > _SLOW / 4
        again = latencies(program, expected)
        assert statistics.median(busy) < 2 * max(map(statistics.median, (quiet, again)))
        assert "Traceback" not in program.stop()[1]


def _allow_open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"the system allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


class Attack:
    """Slow clients at work; `fates` counts what became of them, once they have ended."""

    fates: dict[str, int]


@contextmanager
def slow_clients(program: Program, path: str) -> Iterator[Attack]:
    """Keep the slow clients at work until the block ends."""
    command = [
        sys.executable,
        str(slow_clients_module.__file__),
        str(program.port),
        path,
        str(_SLOW),
    ]
    attack = Attack()
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield attack
        process.stdin.close()
        attack.fates = json.loads(process.stdout.read())


def latencies(program: Program, expected: bytes, count: int = _ASKED) -> list[float]:
    """Return how long each of many good requests takes, each on a connection of its own."""
    found = []
    for _ in range(count):
        time.sleep(_PAUSE_S)
        begun_s = time.perf_counter()
        assert ask(program) == expected
        found.append(time.perf_counter() - begun_s)
    return found


def shown(latencies_s: list[float]) -> str:
    """Return median and 95th percentile in milliseconds."""
    parts = statistics.quantiles(latencies_s, n=20)
    return f"{parts[9] * 1000:.2f} (95 %: {parts[18] * 1000:.2f})"


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
