"""What is installed here, as requirements."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from microrepo.operations.inspect.freeze import freeze

INSTALLED = {"One.Part": "7", "local": "1.2+cpu", "odd": "not-a-version", "plain": "1.02"}


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distributions of this test, and a broken leftover."""
    for name, version in INSTALLED.items():
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (tmp_path / "broken-1.0.dist-info").mkdir()
    twice = tmp_path / "plain-9.dist-info"
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert not twice.exists()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("==", ("local==1.2+cpu", "odd===not-a-version", "One.Part==7", "plain==1.2")),
        ("~=", ("local~=1.2", "odd===not-a-version", "One.Part==7", "plain~=1.2")),
        (">=", ("local>=1.2", "odd===not-a-version", "One.Part>=7", "plain>=1.2")),
    ],
)
def test_each_installed_distribution_is_a_requirement(mode: str, expected: tuple[str, ...]) -> None:
    assert freeze(mode) == expected
