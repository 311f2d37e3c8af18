"""Signatures of bundles by the real ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from microrepo.errors import ConfigError
from microrepo.operations.export.signing import Signer


def make_key(path: Path, passphrase: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def test_openssh_verifies_the_signature(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    (tmp_path / "signature").write_bytes(Signer(key)(b"header"))
    public = (tmp_path / "key.pub").read_text()
    (tmp_path / "signers").write_text(f"ops@lab.example {public}")

    def verified(content: bytes, namespace: str) -> bool:
        command = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "ops@lab.example"]
        command += ["-n", namespace, "-s", "signature"]
        return not subprocess.run(
            command, input=content, capture_output=True, cwd=tmp_path
        ).returncode

    assert verified(b"header", "microrepo-bundle")
    assert not verified(b"other", "microrepo-bundle")
    assert not verified(b"header", "file")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing is not a key file"):
        Signer(tmp_path / "missing")


def test_what_is_not_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not a key")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(ConfigError, match="cannot sign"):
        Signer(tmp_path / "key")(b"header")


def test_without_ssh_keygen_the_message_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="OpenSSH"):
        Signer(tmp_path / "key")(b"header")
