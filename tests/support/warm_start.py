"""Quick starts of the program: a process that has imported it forks a child for each command.

A start takes 0.3 s of CPU time, nearly all of it imports, and the tests start the program thousands
of times. What a child finds is what a new process would find: arguments, environment, directory and
standard streams of its own, and no threads. What it lacks is the start itself, so tests of that
start a new process, as `MicrorepoRunner.start` does. ``MICROREPO_TEST_COLD=1`` does so everywhere.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

CHECKOUT = Path(__file__).resolve().parents[2]
_LENGTH = struct.Struct("!I")
_STATUS = struct.Struct("!i")
# Read by the interpreter itself as it starts, so that a child cannot obey them.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC")


def can_start_warm(env: Mapping[str, str] | None) -> bool:
    """Return whether a child of the warm process would do as a new process with these variables."""
    return (
        hasattr(os, "fork")
        and hasattr(socket, "recv_fds")
        and not os.environ.get("MICROREPO_TEST_COLD")
        and not any(name.startswith(_READ_AT_START) for name in env or {})
    )


def run_warm(
    args: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: str | None, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; the same as `subprocess.run` with its output captured.

    Raises:
        subprocess.TimeoutExpired: it ran for too long, and was killed.
    """
    with (
        tempfile.TemporaryFile() as source,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        if stdin is not None:
            source.write(stdin.encode())
            source.seek(0)
        connection.connect(_warm_process())
        request = json.dumps([list(args), dict(env), str(cwd), stdin is not None]).encode()
        fds = [source.fileno(), output.fileno(), errors.fileno()]
        socket.send_fds(connection, [_LENGTH.pack(len(request))], fds)
        connection.sendall(request)
        (pid,) = _LENGTH.unpack(_received(connection, _LENGTH.size))
        connection.settimeout(timeout_s)
        try:
            (status,) = _STATUS.unpack(_received(connection, _STATUS.size))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(
                list(args), timeout_s, _text(output), _text(errors)
            ) from None
        code = os.waitstatus_to_exitcode(status)
        return subprocess.CompletedProcess(list(args), code, _text(output), _text(errors))


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    # As `subprocess` does for text: a carriage return ends a line as well.
    return stream.read().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def _received(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError("the warm process ended")
        data += piece
    return data


@functools.cache
def _warm_process() -> str:
    """Start the process, which ends with this one; return the address where it listens."""
    directory = tempfile.TemporaryDirectory(prefix="warm-", ignore_cleanup_errors=True)
    address = str(Path(directory.name) / "socket")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_READ_AT_START)
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm_start", address],
        cwd=CHECKOUT,
        env={**kept, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
    )
    # Its standard input ends with this process, however that ends.
    atexit.register(directory.cleanup)
    atexit.register(process.wait)
    atexit.register(process.kill)
    deadline = time.monotonic() + 60
    while not os.path.exists(address):
        assert process.poll() is None, "the warm process did not start"
        assert time.monotonic() < deadline, "the warm process does not listen"
        time.sleep(0.01)
    return address


# --- the other side -------------------------------------------------------------------------------


def main(address: str) -> int:
    """Serve until standard input ends; in a child, run the program and return its exit code."""
    import microrepo

    for module in pkgutil.walk_packages(microrepo.__path__, "microrepo."):
        if not module.name.endswith(".__main__"):
            with suppress(ModuleNotFoundError):  # of an extra
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen(64)
        os.rename(f"{address}.new", address)
        while True:
            ready, _, _ = select.select([listener.fileno(), 0], [], [])
            _reap()
            if 0 in ready:
                return 0
            connection, _ = listener.accept()
            # The child waits for the command, a child of its own; this process goes on at once.
            if os.fork() == 0:
                listener.close()
                return _run_one(connection)
            connection.close()


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run_one(connection: socket.socket) -> int:
    length, fds, _, _ = socket.recv_fds(connection, _LENGTH.size, 3)
    request = json.loads(_received(connection, _LENGTH.unpack(length)[0]))
    pid = os.fork()
    if pid == 0:
        connection.close()
        return _run_program(fds, *request)
    for fd in fds:
        os.close(fd)
    with suppress(OSError):
        connection.sendall(_LENGTH.pack(pid))
        connection.sendall(_STATUS.pack(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _run_program(
    fds: Sequence[int], args: Sequence[str], env: Mapping[str, str], cwd: str, has_input: Any
) -> int:
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    if not has_input:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
    _open_standard_streams()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    time.tzset()
    tempfile.tempdir = None
    sys.argv = [str(CHECKOUT / "microrepo" / "__main__.py"), *args]
    from microrepo.cli import main as run

    return run()


def _open_standard_streams() -> None:
    """Open them as the interpreter does; the ones from its start belong to other files."""
    read = functools.partial(io.open, closefd=False)
    known = sys.stdin, sys.stdout
    sys.stdin = read(0, encoding=known[0].encoding, errors=known[0].errors)
    sys.stdout = read(1, "w", encoding=known[1].encoding, errors=known[1].errors)
    sys.stderr = read(2, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
