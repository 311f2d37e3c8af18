"""The tool inside the gap: a repository that holds microrepo and its needs installs microrepo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest
import requests

from microrepo.repositories.sources.pypi_index import pypi_json_root
from tests.support.programs import CHECKOUT, Environment, MicrorepoRunner

# How this machine reaches PyPI is its own business; what the tests drop, this one needs.
_WAY_OUT = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy")


@pytest.fixture
def way_out() -> dict[str, str]:
    """The settings that lead to PyPI; skips where it cannot be reached."""
    try:
        requests.head(pypi_json_root(), timeout=10)
    except requests.RequestException as error:
        pytest.skip(f"PyPI cannot be reached: {type(error).__name__}")
    return {name: os.environ[name] for name in _WAY_OUT if name in os.environ}


def _build_wheel(directory: Path, copy: Path) -> Path:
    """Build this checkout, of a copy, since building leaves things behind."""
    copy.mkdir()
    shutil.copytree(
        CHECKOUT / "microrepo", copy / "microrepo", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, copy)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        directory,
        copy,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return next(directory.glob("microrepo-*.whl"))


def _needs(wheel: Path) -> list[str]:
    """Return what the wheel requires without any extra."""
    with zipfile.ZipFile(wheel) as archive:
        path = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = message_from_bytes(archive.read(path)).get_all("Requires-Dist") or []
    return [line for line in lines if "extra ==" not in line]


@pytest.mark.live
def test_a_repository_installs_microrepo_offline(
    way_out: dict[str, str],
    tmp_path: Path,
    run_microrepo: MicrorepoRunner,
    fresh_venv: Callable[..., Environment],
) -> None:
    built = tmp_path / "built"
    built.mkdir()
    wheel = _build_wheel(built, tmp_path / "copy")
    directory = tmp_path / "wheelhouse"
    where = ("--repository", directory)
    fetched = run_microrepo("refresh", *where, *_needs(wheel), env=way_out, timeout_s=180)
    assert fetched.returncode == 0, fetched.stderr
    shutil.copy(wheel, directory)
    indexed = run_microrepo("index", *where)
    assert indexed.returncode == 0, indexed.stderr

    for way in (
        ("--no-index", "--find-links", str(directory)),
        ("--index-url", directory.as_uri() + "/simple/"),
    ):
        environment = fresh_venv()
        environment.pip("install", "--no-cache-dir", *way, "microrepo")
        said = environment.run("-I", "-m", "microrepo", "--version").stdout
        assert wheel.name.split("-")[1] in said
        environment.run("-I", "-m", "microrepo", "index", "--repository", str(directory))
