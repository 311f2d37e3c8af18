"""Command of the user: run with bounded output, in a process group that ends with its time."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

_PIECE_BYTES = 1 << 16
_POLL_S = 0.2


class EndedCommand(Struct, frozen=True):
    """How a command ended, and the end of what it wrote."""

    code: int
    output: bytes


def command_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a command of the user.

    Variables of microrepo, except the name of the config file, are removed, since they may contain
    passwords.
    """
    return {
        key: value
        for key, value in environ.items()
        if not key.startswith("MICROREPO_") or key == "MICROREPO_CONFIG"
    }


def run_command(
    command: Sequence[str], environment: Mapping[str, str], timeout_s: float, most_bytes: int
) -> EndedCommand:
    """Run a command without input; return its exit code, and the last bytes of its output.

    The command has ended when its first process has. Processes that it leaves behind continue,
    but nobody reads what they write.

    Raises:
        OSError, ValueError: it cannot be run.
        subprocess.TimeoutExpired: it took too long; all its processes were stopped.
    """
    ends_at = time.monotonic() + timeout_s
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    try:
        output = _read_end(process, ends_at, most_bytes)
        code = process.wait(max(0.0, ends_at - time.monotonic()))
    finally:
        if process.stdout is not None:
            process.stdout.close()
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return EndedCommand(code, output)


def _read_end(process: subprocess.Popen[bytes], ends_at: float, most_bytes: int) -> bytes:
    """Return the last bytes that a command writes before it ends, or until a time."""
    if process.stdout is None:
        return b""
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while (left_s := ends_at - time.monotonic()) > 0:
            if selector.select(min(left_s, _POLL_S)):
                piece = os.read(descriptor, _PIECE_BYTES)
                if not piece:
                    break
                output = (output + piece)[-most_bytes:]
                continue
            if process.poll() is not None:  # what it left behind keeps the pipe open
                break
    return output
