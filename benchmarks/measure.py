"""Run a command and measure it: wall time, CPU and memory of its whole process tree.

Linux only: memory is the proportional set size (PSS) from `/proc/*/smaps_rollup`, summed over
the tree and sampled; CPU is what `wait4` reports for the command, its reaped descendants, and
the ones that outlived it (they become ours, since this process is a "child subreaper").
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_INTERVAL_S = 0.15
ORPHAN_GRACE_S = 2.0


@dataclass(frozen=True)
class Usage:
    """What one run cost; `pss_mb` is 0 when it ended before the first sample.

    `sys_s` is the part of `cpu_s` that was spent in the kernel.
    """

    wall_s: float
    cpu_s: float
    sys_s: float
    pss_mb: float
    exit_code: int
    outlived: int
    timed_out: bool


class _Sampler(threading.Thread):
    """Keep the highest PSS of the tree below `root_pid`, in bytes."""

    def __init__(self, root_pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._root_pid = root_pid
        self._stop_event = threading.Event()

    def run(self) -> None:
        while not self._stop_event.wait(SAMPLE_INTERVAL_S):
            total = sum(pss_bytes(pid) for pid in tree(self._root_pid))
            self.peak_bytes = max(self.peak_bytes, total)

    def finish(self) -> None:
        self._stop_event.set()
        self.join()


def children(pid: int) -> list[int]:
    """Return the children of all threads of a process; empty when it is gone."""
    found: list[int] = []
    try:
        for task in os.scandir(f"/proc/{pid}/task"):
            found += map(int, Path(task.path, "children").read_text().split())
    except (OSError, ValueError):
        pass
    return found


def tree(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    pids = [pid]
    for each in pids:
        pids.extend(children(each))
    return pids


def pss_bytes(pid: int) -> int:
    """Return the process's proportional set size; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def cpu_s(pid: int) -> float:
    """Return user + system seconds of one live process; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_cpu_s() -> float:
    """Return the seconds all CPUs have been busy since boot, time stolen by the host included."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq, steal, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def run(
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 1800,
) -> Usage:
    """Run the command with its output in `log` and return what it cost.

    The clock runs from just before the process is made until it has been reaped. A command
    that takes longer than `timeout_s` is killed.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    strangers = set(children(os.getpid()))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            start_new_session=True,
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        watchdog = threading.Timer(timeout_s, process.kill)
        watchdog.daemon = True  # else an interrupted benchmark would wait for it
        watchdog.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        wall_s = time.perf_counter() - started
    timed_out = not watchdog.is_alive()
    watchdog.cancel()
    sampler.finish()
    process.returncode = os.waitstatus_to_exitcode(status)
    orphans = _reap_orphans(strangers)
    sys_s = usage.ru_stime + sum(orphan.ru_stime for orphan in orphans)
    return Usage(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + sum(orphan.ru_utime for orphan in orphans) + sys_s,
        sys_s=sys_s,
        pss_mb=sampler.peak_bytes / 1e6,
        exit_code=process.returncode,
        outlived=len(orphans),
        timed_out=timed_out,
    )


def _reap_orphans(strangers: set[int]) -> list[resource.struct_rusage]:
    """Wait for descendants that outlived their parent (killed in the end); return their usage."""
    usages = []
    deadline = time.monotonic() + ORPHAN_GRACE_S
    while orphans := set(children(os.getpid())) - strangers:
        if time.monotonic() > deadline:
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
        for pid in orphans:
            done, _, usage = os.wait4(pid, os.WNOHANG)
            if done:
                usages.append(usage)
        time.sleep(0.01)
    return usages
