"""A rate limit that threads and processes share."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from microrepo.client.rate_limit import TokenBucket
from tests.support.programs import CHECKOUT

NOW = 1_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api.bucket"


def test_the_burst_passes_at_once(path: Path) -> None:
    bucket = TokenBucket(path, rate=2, burst=5)
    assert [bucket.reserve(1, NOW) for _ in range(5)] == [0.0] * 5


def test_beyond_the_burst_units_pass_at_the_rate(path: Path) -> None:
    bucket = TokenBucket(path, rate=2, burst=5)
    bucket.reserve(5, NOW)
    assert [bucket.reserve(1, NOW) for _ in range(3)] == [0.5, 1.0, 1.5]


def test_time_that_passes_pays(path: Path) -> None:
    bucket = TokenBucket(path, rate=2, burst=5)
    bucket.reserve(5, NOW)
    assert bucket.reserve(1, NOW + 0.5) == 0.0
    assert bucket.reserve(1, NOW + 0.75) == pytest.approx(0.25)


def test_a_long_pause_earns_no_more_than_one_burst(path: Path) -> None:
    bucket = TokenBucket(path, rate=2, burst=5)
    bucket.reserve(1, NOW)
    later = NOW + 10_000
    assert bucket.reserve(5, later) == 0.0
    assert bucket.reserve(1, later) == 0.5


def test_several_units_at_once(path: Path) -> None:
    bucket = TokenBucket(path, rate=1000, burst=500)
    assert bucket.reserve(1500, NOW) == pytest.approx(1.0)


def test_a_large_burst_is_booked_ahead_and_never_exceeded(path: Path) -> None:
    first, second = (TokenBucket(path, rate=20, burst=500) for _ in range(2))
    waits = sorted(bucket.reserve(1, NOW) for _ in range(260) for bucket in (first, second))
    assert waits[:500] == pytest.approx([0.0] * 500, abs=1e-5)
    assert waits[500:] == pytest.approx([number / 20 for number in range(1, 21)], abs=1e-5)


def test_a_large_burst_takes_the_lock_rarely(path: Path) -> None:
    bucket = TokenBucket(path, rate=20, burst=500)
    contents = set()
    for _ in range(110):
        assert bucket.reserve(1, NOW) == 0.0
        contents.add(path.read_bytes())
    assert len(contents) == 10


def test_a_clock_that_was_set_back_does_not_stop_the_run(path: Path) -> None:
    bucket = TokenBucket(path, rate=1, burst=1)
    bucket.reserve(1, NOW + 1_000_000)
    assert bucket.reserve(1, NOW) <= 601


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"abc", id="too short"),
        pytest.param(b"x" * 9, id="too long"),
        pytest.param(struct.pack("<d", float("nan")), id="no number"),
        pytest.param(struct.pack("<d", float("inf")), id="infinity"),
    ],
)
def test_damaged_file_is_a_full_bucket(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    bucket = TokenBucket(path, rate=2, burst=2)
    assert [bucket.reserve(1, NOW) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_two_buckets_on_one_file_are_one(path: Path) -> None:
    first, second = (TokenBucket(path, rate=2, burst=2) for _ in range(2))
    waits = [bucket.reserve(1, NOW) for bucket in (first, second, first, second)]
    assert waits == [0.0, 0.0, 0.5, 1.0]


def test_threads_share_it(path: Path) -> None:
    bucket = TokenBucket(path, rate=1, burst=10)
    waits: list[float] = []

    def work() -> None:
        waits.extend(bucket.reserve(1, NOW) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.0] * 10 + [float(number) for number in range(1, 31)]


def run_python(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )


RESERVE = f"""
import sys
from pathlib import Path
from microrepo.client.rate_limit import TokenBucket
bucket = TokenBucket(Path(sys.argv[1]), rate=1, burst=10)
print(*(bucket.reserve(1, {NOW}) for _ in range(20)))
"""


def test_processes_share_it(path: Path) -> None:
    processes = [run_python(RESERVE, path) for _ in range(2)]
    waits = [float(word) for p in processes for word in p.communicate(timeout=30)[0].split()]
    assert sorted(waits) == [0.0] * 10 + [float(number) for number in range(1, 31)]


HOLD = """
import sys, time
from filelock import FileLock
FileLock(sys.argv[1] + ".lock").acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_killed_holder_does_not_keep_the_lock(path: Path) -> None:
    bucket = TokenBucket(path, rate=2, burst=1)
    bucket.reserve(1, NOW)
    holder = run_python(HOLD, path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=10)
    assert bucket.reserve(1, NOW) == 0.5


def test_taking_waits(path: Path) -> None:
    """Three units at 50 a second with a burst of one: the third may be used after 40 ms."""
    bucket = TokenBucket(path, rate=50, burst=1)
    code = threading.Event()
    timer = threading.Timer(0.03, code.set)
    timer.start()
    for _ in range(3):
        bucket.take(1)
    assert code.is_set()
    timer.cancel()
