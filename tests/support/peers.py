"""Real package servers of other projects, installed once and started on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from filelock import FileLock

from tests.support.programs import Completed, clean_environment, run_program
from tests.support.tools import VARIABLE

PACKAGES = ("pypiserver", "passlib", "devpi-server", "twine", "simple-repository-server")
USER, PASSWORD = "user", "ge heim&x"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


class Peers:
    """The environment that the servers and twine are installed in."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"

    def program(self, name: str) -> str:
        """Return the path of a program; skips the test where it could not be installed."""
        path = self.bin / name
        if not path.exists():
            pytest.skip(f"{name} could not be installed")
        return str(path)

    def twine(self, url: str, files: list[Path], home: Path, **login: str) -> Completed:
        """Upload with twine."""
        env = clean_environment(home, {"TWINE_NON_INTERACTIVE": "1"})
        words = [self.program("twine"), "upload", "--repository-url", url, "--disable-progress-bar"]
        for key, value in login.items():
            words += [f"--{key}", value]
        return run_program([*words, *map(str, files)], env=env, cwd=home, check=True)

    @contextmanager
    def pypiserver(
        self, directory: Path, *, auth: bool = True, port: int = 0, fallback: str = ""
    ) -> Iterator[str]:
        """Run pypiserver over a directory; yields its root URL without credentials.

        With a `fallback` it sends those who ask for what it lacks to that index.
        """
        directory.mkdir(exist_ok=True)
        port = port or free_port()
        passwords, actions = (".", ".")
        if auth:
            passwords = str(directory.parent / "htpasswd")
            actions = "list,download,update"
            code = (
                "import sys; from passlib.apache import HtpasswdFile as H; "
                "h = H(sys.argv[1], new=True, default_scheme='ldap_sha1'); "
                "h.set_password(*sys.argv[2:]); h.save()"
            )
            subprocess.run(
                [self.program("python"), "-c", code, passwords, USER, PASSWORD], check=True
            )
        command = [self.program("pypi-server"), "run", "-i", "127.0.0.1", "-p", str(port)]
        command += ["-P", passwords, "-a", actions]
        command += ["--fallback-url", fallback] if fallback else ["--disable-fallback"]
        command.append(str(directory))
        with running(command, directory.parent, f"http://127.0.0.1:{port}/"):
            yield f"http://127.0.0.1:{port}/"

    @contextmanager
    def devpi(self, directory: Path) -> Iterator[str]:
        """Run devpi with one index; yields its URL."""
        port = free_port()
        env = clean_environment(directory.parent)
        init = [self.program("devpi-init"), "--serverdir", str(directory), "--no-root-pypi"]
        run_program([*init, "--root-passwd", PASSWORD], env=env, cwd=directory.parent, check=True)
        command = [self.program("devpi-server"), "--serverdir", str(directory)]
        command += ["--host", "127.0.0.1", "--port", str(port), "--offline-mode"]
        root = f"http://127.0.0.1:{port}/"
        with running(command, directory.parent, root):
            _make_index(root)
            yield f"{root}root/dev/"

    @contextmanager
    def simple_repository(self, directory: Path) -> Iterator[str]:
        """Run simple-repository-server, which announces no digests; yields its index's URL."""
        port = free_port()
        command = [self.program("simple-repository-server"), "--host", "127.0.0.1"]
        command += ["--port", str(port), str(directory)]
        with running(command, directory.parent, f"http://127.0.0.1:{port}/simple/"):
            yield f"http://127.0.0.1:{port}/simple/"


def _make_index(root: str) -> None:
    import base64

    token = base64.b64encode(f"root:{PASSWORD}".encode()).decode()
    about = json.dumps({"type": "stage", "bases": [], "volatile": False}).encode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{root}root/dev", about, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


@contextmanager
def running(
    command: list[str], cwd: Path, url: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it is up when it answers, with whatever status."""
    with (cwd / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=cwd, env=env or clean_environment(cwd), stdout=log, stderr=log
        )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise AssertionError((cwd / "server.log").read_text())
            with suppress(URLError, ConnectionError):
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                except HTTPError as error:
                    error.close()
                break
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def install_peers(folder: Path) -> Peers:
    """Install the servers, where `MICROREPO_TEST_TOOLS` says for good, else into `folder`."""
    kept = os.environ.get(VARIABLE)
    directory = (Path(kept).expanduser().resolve() if kept else folder) / "peers-venv"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{directory}.lock"):
        mark = directory / "installed"
        if not mark.exists():
            directory.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
            pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "-q", *PACKAGES]
            done = subprocess.run(pip, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"the servers of others cannot be installed: {done.stderr[-300:]}")
            mark.touch()
    return Peers(directory)
