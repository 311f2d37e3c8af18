"""microrepo as a contestant: its command line, run as a subprocess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.contestants import Flat, Job, Place

CHECKOUT = Path(__file__).resolve().parent.parent
FINISHED = frozenset({0, 3})
UNFAIR = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


class Microrepo(Flat):
    """`microrepo refresh` of the whole index: newest release, wheels and sdists."""

    def __init__(
        self, *, processes: int = 2, simple: bool = False, transport: str = "auto"
    ) -> None:
        by = "" if transport == "auto" else f", by {transport}"
        self.name = f"microrepo{by}" + (" + simple/" if simple else "")
        self._processes = processes
        self._transport = transport
        self._simple = simple

    def write_config(self, place: Place) -> Path:
        """Write the configuration for that place and return its path."""
        config = {
            "repository": str(place.files),
            "packages": "everything",
            "source": place.endpoint.url,
            "processes": self._processes,
            "transport": self._transport,
            "connections": place.connections,
            "python_versions": "all",
            "package_types": ["bdist_wheel", "sdist"],
            "extensions": "all",
            "versions": "latest",
            "prereleases": False,
            "simple": self._simple,
            "server": False,
            "dependencies": False,
            "min_free_space": "0",
        }
        if place.endpoint.has_tls:
            config["ca_bundle"] = str(place.ca_file)
        path = place.scratch / "microrepo.json"
        path.write_text(json.dumps(config, indent=1))
        return path

    def job(self, place: Place) -> Job:
        config = self.write_config(place)
        words = ["refresh", "--config", str(config), "--json", "--no-progress"]
        return Job(command(*words), environment())

    def verify_job(self, place: Place) -> Job:
        """Return the command that hashes every file again."""
        config = self.write_config(place)
        words = ["verify", "--deep", "--config", str(config), "--json", "--no-progress"]
        return Job(command(*words), environment(), FINISHED)


def command(*words: str) -> list[str | Path]:
    """Return the command line of microrepo with these arguments."""
    return [sys.executable, "-m", "microrepo", *words]


def environment() -> dict[str, str]:
    """Return our environment, with this checkout first on the import path.

    An installed program has its byte code beside it, so nothing may keep this one from that.
    """
    path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    kept = {key: value for key, value in os.environ.items() if key not in UNFAIR}
    return kept | {"PYTHONPATH": path}


def compile_all() -> None:
    """Write the byte code that installing would have written."""
    package = str(CHECKOUT / "microrepo")
    words = [sys.executable, "-m", "compileall", "-q", package]
    subprocess.run(words, env=environment(), check=False)


def state_path(place: Place) -> Path:
    """Return where the state database lies."""
    return place.files / ".microrepo" / "state.db"
