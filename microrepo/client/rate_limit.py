"""Rate limit shared by threads and processes, which survives killed processes."""

from __future__ import annotations

import math
import struct
import threading
import time
from pathlib import Path

from filelock import FileLock

from microrepo.client.transport.waiting import pause
from microrepo.stores.plain_files import read_plain_file, write_plain_file

_FORMAT = "<d"
_LONGEST_DEBT_S = 600.0
# Part of a burst that a process books at once: the lock takes longer than everything else.
_AHEAD = 50


class TokenBucket:
    """Lets `burst` units through at once and `rate` units per second from then on.

    The bucket is eight bytes in a file: the time at which all units so far are paid for (generic
    cell rate algorithm). A file lock guards it, because the kernel releases it for a killed worker,
    unlike a lock in shared memory.

    While a burst lasts, a process books a fiftieth of it at a time, and uses these units without the
    lock. Units of a burst of less than fifty are booked one by one.
    """

    def __init__(self, path: Path, rate: float, burst: float) -> None:
        self._path = path
        self._rate = rate
        self._burst_s = burst / rate
        self._ahead = float(burst // _AHEAD)
        self._booked = 0.0
        # The file lock excludes other processes, but not threads of this one.
        self._threads = threading.Lock()
        self._lock = FileLock(f"{path}.lock", poll_interval=0.005, thread_local=False)

    def take(self, units: float) -> None:
        """Take `units`, sleeping until they may be used."""
        wait_s = self.reserve(units, time.time())
        if wait_s > 0:
            pause(wait_s)

    def reserve(self, units: float, now: float) -> float:
        """Book `units` at the time `now` and return the seconds to wait before using them."""
        with self._threads:
            if units <= self._booked:
                self._booked -= units
                return 0.0
            with self._lock:
                # The clock may have been set back.
                paid_until = min(self._read(), now + _LONGEST_DEBT_S)
                paid_until = max(paid_until, now - self._burst_s) + units / self._rate
                ahead_s = self._ahead / self._rate
                if paid_until + ahead_s <= now:
                    paid_until += ahead_s
                    self._booked += self._ahead
                write_plain_file(self._path, struct.pack(_FORMAT, paid_until))
        return max(0.0, paid_until - now)

    def _read(self) -> float:
        try:
            value: float = struct.unpack(_FORMAT, read_plain_file(self._path))[0]
        except (OSError, struct.error):
            return 0.0
        return value if math.isfinite(value) else 0.0
