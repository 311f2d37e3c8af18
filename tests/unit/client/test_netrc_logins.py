"""Logins of netrc, and for whom its default entry is."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.client.netrc_logins import netrc_login

TEXT = "machine index.example login ann password a\ndefault login bob password b\n"


@pytest.fixture
def netrc_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    path.write_text(TEXT)
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path


@pytest.mark.parametrize(
    ("host", "with_default", "expected"),
    [
        ("index.example", False, ("ann", "a")),
        ("index.example", True, ("ann", "a")),
        ("cdn.example", True, ("bob", "b")),
        ("cdn.example", False, None),
    ],
)
def test_login(
    netrc_file: Path, host: str, with_default: bool, expected: tuple[str, str] | None
) -> None:
    assert netrc_login(f"https://{host}/x", with_default=with_default) == expected


@pytest.mark.parametrize("text", ["machine", "\xff", ""])
def test_a_broken_file_has_no_logins(netrc_file: Path, text: str) -> None:
    netrc_file.write_text(text, encoding="latin-1")
    assert netrc_login("https://index.example/", with_default=True) is None


def test_no_file_has_no_logins(netrc_file: Path) -> None:
    netrc_file.unlink()
    assert netrc_login("https://index.example/", with_default=True) is None
