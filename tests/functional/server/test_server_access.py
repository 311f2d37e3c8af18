"""Who may read, and how: passwords, TLS, and both together."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.server.serving import Served, read_all, serve, wait_until
from tests.support.assembled_server import SERVER_FILE, server_module
from tests.support.programs import Environment
from tests.support.tls import Authority

USER, PASSWORD = "böb", "pass:wörd"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    path = tmp_path / "passwords"
    line = server_module.hash_password(PASSWORD, rounds=1000)
    path.write_text(
        f"# users\n\n{USER}:{line}\nann:{server_module.hash_password('x', rounds=10)}\n"
    )
    return path


def test_a_user_and_a_password_are_asked_for(bare: Path, passwords: Path) -> None:
    with serve(bare, password_file=str(passwords)) as running:
        for path in ("/", "/simple/", "/simple/foo-bar/", "/nope", "/../x"):
            reply = running.ask(path)
            assert reply.status == 401
            assert reply.headers["www-authenticate"].startswith("Basic realm=")
        for _ in range(2):  # checked, then known
            assert (
                running.ask("/simple/foo-bar/", Authorization=_basic(USER, PASSWORD)).status == 200
            )
            assert running.ask("/simple/", Authorization=_basic("ann", "x")).status == 200
        reply = running.ask("/foo_bar-1.0-py3-none-any.whl", Authorization=_basic("ann", "x"))
        assert reply.headers["cache-control"].startswith("private")


@pytest.mark.parametrize(
    "header",
    [
        _basic(USER, "wrong"),
        _basic("nobody", PASSWORD),
        _basic(USER, ""),
        _basic("", ""),
        _basic("ann", PASSWORD),
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer " + base64.b64encode(b"ann:x").decode(),
    ],
)
def test_wrong_credentials_stay_wrong(bare: Path, passwords: Path, header: str) -> None:
    with serve(bare, password_file=str(passwords)) as running:
        running.ask("/simple/foo-bar/", Authorization=_basic("ann", "x"))
        for _ in range(2):
            assert running.ask("/simple/foo-bar/", Authorization=header).status == 401


def test_health_needs_no_password(bare: Path, passwords: Path) -> None:
    with serve(bare, password_file=str(passwords)) as running:
        assert running.ask("/healthz").status == 200


def test_the_log_names_the_user_and_no_password(bare: Path, passwords: Path) -> None:
    with serve(bare, password_file=str(passwords)) as running:
        running.ask("/simple/", Authorization=_basic("ann", "x"))
        running.ask("/simple/", Authorization=_basic("mallory", "secret"))
        running.ask("/healthz", Authorization=_basic("mallory", "secret"))
        running.ask("/simple/", "POST", Authorization=_basic("mallory", "secret"))
    lines = running.log.getvalue().splitlines()
    assert "- ann [" in lines[0]
    assert all("- - [" in line for line in lines[1:])
    assert len(lines) == 4
    assert "secret" not in running.log.getvalue()


def test_without_passwords_the_log_names_nobody(bare: Path) -> None:
    with serve(bare) as running:
        running.ask("/simple/", Authorization=_basic("mallory", "secret"))
    assert "mallory" not in running.log.getvalue()


def test_a_user_name_does_not_break_the_log(bare: Path, tmp_path: Path) -> None:
    path, name = tmp_path / "odd", 'a b] "c"'
    path.write_text(f"{name}:{server_module.hash_password('x', rounds=10)}\n")
    with serve(bare, password_file=str(path)) as running:
        assert running.ask("/simple/", Authorization=_basic(name, "x")).status == 200
    assert running.log.getvalue().startswith('127.0.0.1 - a\\x20b]\\x20\\"c\\" [')


def test_guesses_do_not_take_all_workers(bare: Path, tmp_path: Path) -> None:
    """While passwords are checked, known users are served, and new ones get their turn."""
    path = tmp_path / "slow"
    path.write_text(
        f"ann:{server_module.hash_password('x', rounds=400_000)}\n"
        f"eve:{server_module.hash_password('y', rounds=10)}\n"
    )
    with serve(bare, password_file=str(path), workers=4) as running:
        assert running.ask("/simple/", Authorization=_basic("ann", "x")).status == 200
        guesses = []
        for number in range(20):
            sock = socket.create_connection(("127.0.0.1", running.port), timeout=30)
            header = _basic("ann", f"guess {number}")
            sock.sendall(
                f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\nConnection: close\r\n\r\n".encode()
            )
            guesses.append(sock)
        assert running.ask("/simple/foo-bar/", Authorization=_basic("ann", "x")).status == 200
        assert running.ask("/simple/", Authorization=_basic("eve", "y")).status == 200
        statuses = {int(read_all(sock)[9:12]) for sock in guesses}
        for sock in guesses:
            sock.close()
        assert statuses == {401}


def test_a_guesser_waits_behind_others_on_one_address(bare: Path, tmp_path: Path) -> None:
    """Behind a proxy all share an address: who has guessed wrong on a connection comes last."""
    path = tmp_path / "slow"
    path.write_text("ann:" + server_module.hash_password("x", rounds=300_000) + "\n")
    stop = threading.Event()
    guessed = Counter[int]()

    def guess(running: Served, guesser: int) -> None:
        connection = running.connect()
        while not stop.is_set():
            header = _basic("ann", f"{guesser}.{guessed[guesser]}")
            connection.request("GET", "/simple/", headers={"Authorization": header})
            connection.getresponse().read()
            guessed[guesser] += 1
        connection.close()

    with serve(bare, password_file=str(path)) as running:
        threads = [threading.Thread(target=guess, args=(running, n)) for n in range(6)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(guessed) == 6)
        before = sum(guessed.values())
        # Other blanks: credentials that were not seen before.
        for blanks in range(1, 5):
            header = "Basic " + " " * blanks + _basic("ann", "x")[6:]
            assert running.ask("/simple/", Authorization=header).status == 200
        overtaken = sum(guessed.values()) - before
        stop.set()
        for thread in threads:
            thread.join()
    assert overtaken <= 4 * 4


@pytest.mark.parametrize(
    "line",
    [
        *("ann", "ann:plain", "ann:{SHA}abc", ":x", "a:pbkdf2_sha256$x$y$z"),
        pytest.param(f"a:pbkdf2_sha256$10$abc${'0' * 64}", id="half a byte of salt"),
        pytest.param(f"a:pbkdf2_sha256$0$ab${'0' * 64}", id="no rounds"),
        pytest.param(f"a:pbkdf2_sha256$99999999$ab${'0' * 64}", id="rounds for a minute"),
        pytest.param(f"a:b:pbkdf2_sha256$10$ab${'0' * 64}", id="colon in a name"),
        pytest.param(f"\udcff:pbkdf2_sha256$10$ab${'0' * 64}", id="name that is not UTF-8"),
    ],
)
def test_a_file_without_hashes_is_refused(bare: Path, tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad"
    path.write_text(line + "\n", "utf-8", "surrogateescape")
    with pytest.raises(ValueError, match="line 1"):
        server_module.make_server(str(bare), port=0, password_file=str(path))


def test_a_file_without_users_is_refused(bare: Path, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text("# nobody\n\n")
    with pytest.raises(ValueError, match="no users"):
        server_module.make_server(str(bare), port=0, password_file=str(path))


def test_a_line_for_the_file_is_made_from_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, str(SERVER_FILE), "--hash-password", "eve"],
        input="sésame\n",
        capture_output=True,
        text=True,
        check=True,
    )
    user, _, entry = done.stdout.strip().partition(":")
    assert user == "eve"
    _, rounds, salt, _ = entry.split("$")
    assert server_module.hash_password("sésame", bytes.fromhex(salt), int(rounds)) == entry
    assert "sésame" not in done.stdout + done.stderr


@pytest.fixture
def tls(authority: Authority) -> dict[str, str]:
    folder = authority.directory
    return {"certificate": str(folder / "server.pem"), "key": str(folder / "server.key")}


@pytest.fixture
def trust(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.ca_bundle))


def test_files_and_pages_over_tls(bare: Path, tls: dict[str, str], trust: ssl.SSLContext) -> None:
    large = bytes(range(256)) * 20_000
    (bare / "large-1.0.zip").write_bytes(large)
    with serve(bare, trust, **tls) as running:
        assert running.url.startswith("https://")
        assert running.ask("/large-1.0.zip").body == large
        assert running.ask("/large-1.0.zip", Range="bytes=5000000-").body == large[5_000_000:]
        connection = running.connect()
        for path in ("/simple/foo-bar/", "/large-1.0.zip", "/simple/foo-bar/", "/healthz"):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200
            assert len(response.read()) == int(response.headers["content-length"])
        connection.close()


def test_pipelining_over_tls(bare: Path, tls: dict[str, str], trust: ssl.SSLContext) -> None:
    """What is decrypted already makes no socket readable, yet must be answered."""
    request = b"GET /simple/foo-bar/ HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with serve(bare, trust, **tls) as running:
        plain = socket.create_connection(("127.0.0.1", running.port), timeout=10)
        with trust.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(request * 200 + last)
            parts: list[bytes] = []
            while sum(part.count(b"HTTP/1.1 200 OK") for part in parts) < 201:
                parts.append(sock.recv(65536))
                assert parts[-1]


def test_who_does_not_speak_tls_is_cut_off(
    bare: Path, tls: dict[str, str], trust: ssl.SSLContext
) -> None:
    with serve(bare, trust, header_timeout_s=1.0, **tls) as running:
        running.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", timeout_s=10)
        assert running.raw(b"\x16\x03", timeout_s=10) == b""
        silent = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(50)]
        assert running.ask("/healthz").status == 200
        for sock in silent:
            sock.close()


def test_old_tls_is_refused(bare: Path, tls: dict[str, str], trust: ssl.SSLContext) -> None:
    with serve(bare, trust, **tls) as running:
        done = subprocess.run(
            ["openssl", "s_client", "-tls1_1", "-connect", f"127.0.0.1:{running.port}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
        )
        assert done.returncode != 0


def test_pip_and_uv_with_password_over_tls(
    bare: Path,
    tls: dict[str, str],
    passwords: Path,
    authority: Authority,
    fresh_venv: Callable[..., Environment],
) -> None:
    with serve(bare, None, password_file=str(passwords), **tls) as running:
        index = f"https://ann:x@127.0.0.1:{running.port}/simple/"
        environment = fresh_venv()
        bundle = str(authority.ca_bundle)
        environment.pip("install", "--cert", bundle, "--index-url", index, "foo-bar")
        done = fresh_venv().uv("pip", "install", "--default-index", index, "foo-bar", check=False)
        assert done.returncode != 0  # an authority that nobody told uv of


def test_a_bad_certificate_is_an_error(bare: Path, passwords: Path) -> None:
    with pytest.raises(OSError, match="PEM"):
        server_module.make_server(str(bare), port=0, certificate=str(passwords))
