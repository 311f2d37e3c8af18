"""The file as a program: every interpreter, start text, log, signals, limits, the library entry."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.functional.server.conftest import put, write_tree
from tests.functional.server.serving import JSON, read_all, serve, serve_file, wait_until
from tests.support.assembled_server import SERVER_FILE, server_module
from tests.support.interpreters import python_interpreters
from tests.support.packages import build_wheel

INTERPRETERS = python_interpreters()


def _read(url: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.status, reply.read()


@pytest.mark.parametrize("release", INTERPRETERS, ids="{0[0]}.{0[1]}".format)
def test_the_file_travels_to_every_python(bare: Path, release: tuple[int, int]) -> None:
    """Copied into the repository and run from there, warnings being errors, bare and with pages."""
    script = Path(shutil.copy(SERVER_FILE, bare))
    large = bytes(range(256)) * 4000
    (bare / "large-1.0.zip").write_bytes(large)
    with serve_file(bare, python=INTERPRETERS[release], script=script) as program:
        page = json.loads(_read(program.url + "simple/foo-bar/", Accept=JSON)[1])
        assert page["versions"] == ["1.0", "2.0"]
        assert page["files"][1]["requires-python"] == ">=3.7"
        assert page["files"][2]["requires-python"] == ">=3.7"
        assert b"foo-bar" in _read(program.url + "simple/")[1]
        assert b"A new &lt;summary&gt;" in _read(program.url)[1]
        assert b"A new &lt;summary&gt;" in _read(program.url + "project/foo-bar/")[1]
        assert _read(program.url + "large-1.0.zip")[1] == large
        assert _read(program.url + "large-1.0.zip", Range="bytes=5-9") == (206, large[5:10])
        assert b"#sha256=" in _read(program.url + "simple/links.html")[1]
        write_tree(bare)
        assert b"it <broke>" in _read(program.url + "simple/foo-bar/", Accept=JSON)[1]
        assert b"yanked" in _read(program.url + "project/foo-bar/?version=1.0")[1]
        output, errors = program.stop()
    assert "Traceback" not in errors
    assert '"GET /simple/foo-bar/ HTTP/1.1" 200' in errors
    assert "pip.conf" in output


def test_at_least_three_interpreters_were_tried() -> None:
    """Else this machine proves nothing about 3.7."""
    if len(INTERPRETERS) < 3:
        pytest.skip("only a few interpreters here")
    assert min(INTERPRETERS) < (3, 10)


def test_the_start_text_can_be_copied(bare: Path) -> None:
    with serve_file(bare, python=sys.executable) as program:
        text, _ = program.stop(signal.SIGINT)
    assert f"pip install --index-url {program.url}simple/ PROJECT" in text
    assert f"  index-url = {program.url}simple/" in text
    assert f"  PIP_INDEX_URL={program.url}simple/" in text
    assert f'  url = "{program.url}simple/"' in text
    assert "--host 0.0.0.0" in text


def test_beyond_loopback_pip_is_told_to_trust_the_host(bare: Path) -> None:
    arguments = ("--host", "0.0.0.0", "--url", "http://packages.example:8080/pip")
    with serve_file(bare, *arguments, python=sys.executable) as program:
        text, _ = program.stop(signal.SIGINT)
    assert program.url == "http://packages.example:8080/pip/"
    assert "--trusted-host packages.example:8080" in text
    assert "Only this machine" not in text


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--directory", "/nowhere/at/all"], "nowhere"),
        (["--port", "99999999"], "error"),
        (["--password-file", "/nowhere/file"], "nowhere"),
        (["--certificate", "/nowhere/pem"], "error"),
    ],
)
def test_what_can_not_start_says_why(bare: Path, arguments: list[str], hint: str) -> None:
    command = [
        sys.executable,
        str(SERVER_FILE),
        "--directory",
        str(bare),
        "--port",
        "0",
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_an_error(bare: Path) -> None:
    with serve(bare) as running, pytest.raises(OSError, match="in use"):
        server_module.make_server(str(bare), port=running.port)


def test_the_access_log_is_in_the_combined_format(bare: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with serve_file(bare, "--log-file", str(log), python=sys.executable) as program:
        _read(program.url + "simple/", User_Agent="tester/1", Referer="http://from.example/")
        assert program.stop()[1] == ""  # not even a warning about an open log
    pattern = (
        r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
        r'"GET /simple/ HTTP/1\.1" 200 \d+ "http://from\.example/" "tester/1"\n'
    )
    assert re.fullmatch(pattern, log.read_text())


def test_quiet_writes_no_log(bare: Path) -> None:
    with serve_file(bare, "--quiet", python=sys.executable) as program:
        _read(program.url)
        assert program.stop()[1] == ""


def test_answers_under_way_end_before_the_server_does(bare: Path) -> None:
    content = bytes(40_000_000)
    (bare / "big-1.0.zip").write_bytes(content)
    with serve_file(bare, python=sys.executable) as program:
        idle = socket.create_connection(("127.0.0.1", program.port), timeout=20)
        with socket.create_connection(("127.0.0.1", program.port), timeout=20) as sock:
            sock.sendall(b"GET /big-1.0.zip HTTP/1.1\r\nHost: x\r\n\r\n")
            first = sock.recv(1000)
            program.process.send_signal(signal.SIGTERM)
            assert idle.recv(10) == b""
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", program.port), timeout=5).recv(1)
            assert program.process.poll() is None
            rest = read_all(sock)
        assert len((first + rest).partition(b"\r\n\r\n")[2]) == len(content)
        idle.close()
        assert program.process.wait(timeout=20) == 0


def test_a_client_that_never_reads_does_not_stop_the_stop(bare: Path) -> None:
    (bare / "big-1.0.zip").write_bytes(bytes(40_000_000))
    with serve(bare, stop_timeout_s=1.0) as running:
        sock = socket.create_connection(("127.0.0.1", running.port))
        sock.sendall(b"GET /big-1.0.zip HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1000)
        started_s = time.monotonic()
        running.server.shutdown()
        assert time.monotonic() - started_s < 60
        sock.close()


def test_a_second_signal_ends_at_once(bare: Path) -> None:
    (bare / "big-1.0.zip").write_bytes(bytes(40_000_000))
    with (
        serve_file(bare, python=sys.executable) as program,
        socket.create_connection(("127.0.0.1", program.port)) as sock,
    ):
        sock.sendall(b"GET /big-1.0.zip HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1000)
        program.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert program.process.poll() is None
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(timeout=8) == 0


def test_a_server_that_never_served_can_be_shut_down(bare: Path) -> None:
    server = server_module.make_server(str(bare), port=0)
    server.shutdown()
    server.serve_forever()
    with pytest.raises(OSError):
        socket.create_connection(server.server_address, timeout=2).close()


def test_ipv6(bare: Path) -> None:
    try:
        server = server_module.make_server(str(bare), "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert server.url == f"http://[::1]:{server.server_address[1]}/"
        assert _read(server.url + "healthz")[0] == 200
        assert b"--index-url http://[::1]:" in _read(server.url)[1]
    finally:
        server.shutdown()
        thread.join()


def test_no_descriptor_is_left_open(bare: Path) -> None:
    """Files, sockets and connections that were cut off."""
    (bare / "big-1.0.zip").write_bytes(bytes(30_000_000))
    with serve(bare) as running:
        running.ask("/big-1.0.zip", "HEAD")
        before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
        for _ in range(30):
            running.ask("/big-1.0.zip", "HEAD")
            running.ask(
                "/big-1.0.zip", If_None_Match=running.ask("/big-1.0.zip", "HEAD").headers["etag"]
            )
            running.ask("/big-1.0.zip", Range="bytes=99999999-")
            with socket.create_connection(("127.0.0.1", running.port)) as sock:
                sock.sendall(b"GET /big-1.0.zip HTTP/1.1\r\nHost: x\r\n\r\n")
                sock.recv(10)
        running.ask("/healthz")
        time.sleep(0.3)
        after = len(os.listdir("/proc/self/fd")) if before else 0
        assert after <= before + 2


def test_many_threads_of_clients_while_the_directory_changes(bare: Path) -> None:
    """Every answer is whole and right while files come and go."""
    write_tree(bare)
    failures: list[str] = []

    def read(running: object) -> None:
        for _ in range(60):
            for path in ("/simple/foo-bar/", "/simple/late/", "/", "/simple/links.html"):
                reply = running.ask(path)  # type: ignore[attr-defined]
                if reply.status not in {200, 404, 503}:
                    failures.append(f"{path}: {reply.status}")

    with serve(bare) as running:
        threads = [threading.Thread(target=read, args=(running,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for number in range(40):
            put(bare, build_wheel("late", f"1.{number}"))
            if number % 3 == 0:
                (bare / f"late-1.{number}-py3-none-any.whl").unlink()
        for thread in threads:
            thread.join()
    assert failures == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| true", "2>&1 | true"])
def test_closed_streams_do_not_end_it(bare: Path, tmp_path: Path, closed: str) -> None:
    """Started by something that gave it no streams, or whose pipes nobody reads."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = f'echo $$ > "{tmp_path}/pid"; exec "$0" "$1" "$2" --port {port}'
    command = ["sh", "-c", f'sh -c \'{script}\' "$0" "$1" "$2" {closed}']
    process = subprocess.Popen([*command, sys.executable, str(SERVER_FILE), str(bare)])
    try:
        wait_until(lambda: _answers(port))
        for _ in range(3):
            assert _read(f"http://127.0.0.1:{port}/simple/foo-bar/")[0] == 200
            with pytest.raises(urllib.error.HTTPError):
                _read(f"http://127.0.0.1:{port}/missing")
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
        process.wait(timeout=20)


def _answers(port: int) -> bool:
    try:
        return _read(f"http://127.0.0.1:{port}/healthz")[0] == 200
    except OSError:
        return False


def test_a_log_that_nobody_reads_delays_nobody(bare: Path) -> None:
    """Its pipe is full after some hundred requests."""
    command = [sys.executable, str(SERVER_FILE), str(bare), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split(" at ")[1].split()[0]
        for number in range(200):
            assert _read(f"{url}simple/?{number}{'x' * 4000}")[0] == 200
    finally:
        process.kill()
        process.communicate()
