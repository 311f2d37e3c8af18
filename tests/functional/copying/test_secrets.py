"""A password is seen by its server alone: no log, message, process list, state or file has it."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.functional.copying.conftest import FAST, names
from tests.support.packages import BuiltFile
from tests.support.programs import MicrorepoRunner
from tests.support.receiver import Receiver
from tests.support.repository import processes_of, wait_until

SECRET = "s3cr3t-w0rd@of:mine"
# As it may stand in a URL, in a form, in a header, or encoded.
FACES = (SECRET, quote(SECRET, safe=""), base64.b64encode(f"user:{SECRET}".encode()).decode())
KEYRING = f"""\
#!{sys.executable}
import sys
if sys.argv[1] == "get" and sys.argv[3] == "user":
    print({SECRET!r})
else:
    sys.exit(1)
"""


def put_netrc(home: Path, url: str) -> None:
    """Write a netrc file."""
    host = url.split("/")[2].split(":", maxsplit=1)[0]
    (home / ".netrc").write_text(f"machine {host} login user password {SECRET}\n")
    (home / ".netrc").chmod(0o600)


def put_pypirc(home: Path, url: str) -> None:
    """Write a .pypirc."""
    body = f"[distutils]\nindex-servers =\n    it\n[it]\nrepository = {url}\n"
    (home / ".pypirc").write_text(f"{body}username = user\npassword = {SECRET}\n")


def put_keyring(home: Path, url: str) -> None:
    """Write a keyring command that knows the password."""
    (home / "bin").mkdir()
    (home / "bin" / "keyring").write_text(KEYRING)
    (home / "bin" / "keyring").chmod(0o755)


def seen_in_files(folder: Path, *spared: Path) -> list[Path]:
    """Return the files below a folder that hold the secret."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path not in spared and holds_secret(path.read_bytes())
    ]


def holds_secret(data: bytes) -> bool:
    """Return whether the secret is there in any of its forms."""
    return any(face.encode() in data for face in FACES)


@pytest.mark.parametrize("way", ["file", "environment", "netrc", "pypirc", "keyring"])
def test_no_trace_of_a_password(
    way: str,
    pile: Path,
    files: list[BuiltFile],
    receiver: Receiver,
    run_microrepo: MicrorepoRunner,
    tmp_path: Path,
) -> None:
    receiver.auth = ("user", SECRET)
    receiver.latency_s = 0.2
    env = {"PATH": f"{run_microrepo.home / 'bin'}:{os.environ['PATH']}"}
    run_microrepo.home.mkdir()
    words: list[str | Path] = ["--source", pile, "--destination", receiver.upload_url, "--all"]
    words += [*FAST, "--json", "--debug", "--log-file", tmp_path / "log"]
    if way == "file":
        (tmp_path / "password").write_text(SECRET + "\n")
        words += ["--destination-password-file", tmp_path / "password"]
    elif way == "environment":
        env["MICROREPO_DESTINATION_PASSWORD"] = SECRET
    else:
        put = {"netrc": put_netrc, "pypirc": put_pypirc, "keyring": put_keyring}[way]
        put(run_microrepo.home, receiver.upload_url)
    if way in {"file", "environment", "keyring"}:
        words += ["--destination-username", "user"]
    kept = (".netrc", ".pypirc", "bin/keyring")
    spared = [tmp_path / "password", *(run_microrepo.home / name for name in kept)]
    process = run_microrepo.start("copy", *words, env=env)
    wait_until(lambda: len(receiver.forms) > 1 or process.poll() is not None)
    running = processes_of(run_microrepo)
    assert len(running) > 1
    for number in running:
        assert not holds_secret(Path(f"/proc/{number}/cmdline").read_bytes())
        if number != process.pid:  # what a person gave to a program stays with that program
            assert not holds_secret(Path(f"/proc/{number}/environ").read_bytes())
    assert seen_in_files(tmp_path, *spared) == []
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not holds_secret(f"{out}{err}".encode())
    assert seen_in_files(tmp_path, *spared) == []
    assert receiver.digests() == {file.filename: file.sha256 for file in files}


def test_no_trace_of_a_password_of_a_mirror(
    pile: Path, receiver: Receiver, run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    receiver.auth = ("user", SECRET)
    receiver.latency_s = 0.3
    env = {"MICROREPO_DESTINATION_USERNAME": "user", "MICROREPO_DESTINATION_PASSWORD": SECRET}
    words: list[str | Path] = ["alpha", "1.1", "--source", pile]
    words += ["--destination", receiver.upload_url, *FAST, "--log-file", tmp_path / "log"]
    process = run_microrepo.start("mirror", *words, env=env)
    wait_until(lambda: len(receiver.forms) > 0 or process.poll() is not None)
    others = processes_of(run_microrepo).keys() - {process.pid}
    assert others
    for number in others:
        assert not holds_secret(Path(f"/proc/{number}/environ").read_bytes())
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not holds_secret(f"{out}{err}".encode())
    assert seen_in_files(tmp_path) == []
    assert len(receiver.forms) == 2


def test_no_trace_of_a_password_of_the_source(
    files: list[BuiltFile], run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    with Receiver() as source:
        source.auth = ("user", SECRET)
        for file in files:
            source.take(file.name, file.filename, file.content)
        env = {"MICROREPO_SOURCE_USERNAME": "user", "MICROREPO_SOURCE_PASSWORD": SECRET}
        words: list[str | Path] = ["--source", source.simple_url, "--destination", there, "--all"]
        words += [*FAST, "--debug", "--log-file", tmp_path / "log"]
        done = run_microrepo("copy", *words, env=env)
        assert done.returncode == 0, done.stderr
        refused = run_microrepo("copy", *words, env=env | {"MICROREPO_SOURCE_USERNAME": "other"})
    assert refused.returncode == 1
    said = done.stdout + done.stderr + refused.stdout + refused.stderr
    assert not holds_secret(said.encode())
    assert seen_in_files(tmp_path) == []
    assert names(there) == {file.filename for file in files}
