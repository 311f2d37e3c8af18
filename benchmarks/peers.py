"""Peers: bandersnatch, minirepo as published, and `pip download`, each in its own venv."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from benchmarks import answers, corpus
from benchmarks.contestants import Flat, Job, Place

NEWEST_PYTHONS = ("3.14", "3.13", "3.12", "3.11")


class Unavailable(Exception):
    """A peer can't be installed or run here; the text says why."""


def find_python(versions: Iterable[str] = NEWEST_PYTHONS) -> Path:
    """Return the newest interpreter found on the search path or under pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for version in versions:
        on_path = shutil.which(f"python{version}")
        candidates = [Path(on_path)] if on_path else []
        for candidate in (*candidates, *pyenv.glob(f"{version}.*/bin/python3")):
            probe = subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True)
            if probe.returncode == 0:
                return candidate
    return Path(sys.executable)


def ensure_venv(cache: Path, name: str, requirements: list[str], python: Path) -> Path:
    """Return the `bin` directory of a venv with these packages; made once, kept in `cache`."""
    directory = cache / name
    bin_directory = directory / "bin"
    done = directory / ".complete"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        subprocess.run([python, "-m", "venv", directory], check=True)
        install: list[str | Path] = [
            bin_directory / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            *requirements,
        ]
        result = subprocess.run(install, capture_output=True, text=True)
        if result.returncode:
            raise Unavailable(f"{name}: pip install failed: {result.stderr.strip()[-300:]}")
        done.touch()
    return bin_directory


def version_of(bin_directory: Path, package: str) -> str:
    """Return the installed version of a package in a venv, and the venv's Python."""
    code = (
        "import sys, platform; from importlib.metadata import version; "
        "print(version(sys.argv[1]), 'on Python', platform.python_version())"
    )
    command: list[str | Path] = [bin_directory / "python", "-c", code, package]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class Bandersnatch(Flat):
    """`bandersnatch mirror`: its own deep layout, newest release, wheels and sdists."""

    def __init__(self, cache: Path, workers: int = 10) -> None:
        self.name = f"bandersnatch, {workers} workers"
        self._workers = workers
        self._bin = ensure_venv(cache, "bandersnatch", ["bandersnatch"], find_python())
        self.version = version_of(self._bin, "bandersnatch")

    def job(self, place: Place) -> Job:
        place.files.mkdir(parents=True, exist_ok=True)
        config = place.scratch / "bandersnatch.conf"
        config.write_text(
            _BANDERSNATCH.format(
                directory=place.files, master=place.endpoint.url, workers=self._workers
            )
        )
        env = without_pip() | {"SSL_CERT_FILE": str(place.ca_file)}
        return Job([self._bin / "bandersnatch", "-c", config, "mirror"], env)

    def found(self, place: Place) -> list[Path]:
        """Return the files of its deep `packages/` tree."""
        return answers.distributions(place.files / "web" / "packages", deep=True)


class Minirepo(Flat):
    """minirepo as published, with the host in its source replaced by the local server."""

    def __init__(self, cache: Path, processes: int) -> None:
        self.name = f"minirepo, {processes} processes"
        self._processes = processes
        python = find_python(("3.13", "3.12", "3.11", "3.10"))
        self._bin = ensure_venv(cache, "minirepo", ["minirepo", "requests"], python)
        self.version = version_of(self._bin, "minirepo")

    def job(self, place: Place) -> Job:
        place.files.mkdir(parents=True, exist_ok=True)
        home = place.scratch / "minirepo-home"
        home.mkdir(exist_ok=True)
        (home / ".minirepo").write_text(
            json.dumps({
                "repository": str(place.files),
                "processes": self._processes,
                "python_versions": corpus.python_versions(),
                "package_types": ["bdist_wheel", "sdist"],
                "extensions": ["gz", "whl", "zip"],
            })
        )  # fmt: skip
        wrapper = Path(__file__).with_name("run_minirepo.py")
        env = without_pip() | {"HOME": str(home), "REQUESTS_CA_BUNDLE": str(place.ca_file)}
        env["TMPDIR"] = str(place.scratch)
        return Job([self._bin / "python", wrapper, place.endpoint.url], env)


class PipDownload(Flat):
    """`pip download --no-deps` of the projects that have a wheel for the running Python."""

    complete = False
    version = "as in this environment"

    def __init__(self) -> None:
        self.name = "pip download, one wheel each"

    def job(self, place: Place) -> Job:
        place.files.mkdir(parents=True, exist_ok=True)
        requirements = place.scratch / "requirements.txt"
        fitting = projects_with_wheel(answers.load(place.tree, place.version))
        requirements.write_text("\n".join(fitting) + "\n")
        env = without_pip() | {"PIP_CONFIG_FILE": os.devnull}
        return Job(
            [sys.executable, "-m", "pip", "--isolated", "download", "--quiet", "--no-deps",
             "--no-cache-dir", "--disable-pip-version-check", "--only-binary", ":all:",
             "--cert", place.ca_file, "--index-url", f"{place.endpoint.url}/simple/",
             "--dest", place.files, "--requirement", requirements],
            env,
        )  # fmt: skip


def projects_with_wheel(expected: dict[str, Any]) -> list[str]:
    """Return the projects with a wheel that the running Python can install."""
    supported = set(sys_tags())
    names = set()
    for filename in expected:
        if filename.endswith(".whl"):
            name, _, _, tags = parse_wheel_filename(filename)
            if tags & supported:
                names.add(name)
    return sorted(names)


def without_pip() -> dict[str, str]:
    """Return our environment without pip's settings and without proxies."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("PIP_") and not key.lower().endswith("_proxy")
    }


_BANDERSNATCH = """\
[mirror]
directory = {directory}
master = {master}
allow-non-https = true
json = false
core-metadata = false
release-files = true
hash-index = false
workers = {workers}
timeout = 30
global-timeout = 3600
stop-on-error = false

[plugins]
enabled =
    latest_release
    regex_release_file_metadata

[latest_release]
keep = 1

[regex_release_file_metadata]
any:release_file.packagetype =
    ^sdist$
    ^bdist_wheel$
"""
