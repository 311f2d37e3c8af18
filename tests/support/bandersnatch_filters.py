"""The filters of the real bandersnatch, asked about documents without a network between."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.tools import tool

# Runs in bandersnatch's own environment. A child for each question: plugins keep what they have
# read in their classes.
_PROGRAM = """
import contextlib, json, logging, os, pathlib, sys, types
from bandersnatch.configuration import BandersnatchConfig
from bandersnatch.mirror import Mirror
from bandersnatch.filter import LoadedFilters
from bandersnatch.package import Package
import bandersnatch_filter_plugins as plugins, importlib, pkgutil

for module in pkgutil.iter_modules(plugins.__path__):
    importlib.import_module(f"bandersnatch_filter_plugins.{module.name}")
logging.disable(logging.CRITICAL)

def selected(conf, documents):
    BandersnatchConfig(config_file=pathlib.Path(conf))
    filters = LoadedFilters(load_all=True)
    packages = {document["info"]["name"]: 1 for document in documents}
    mirror = types.SimpleNamespace(filters=filters, packages_to_sync=packages)
    Mirror._filter_packages(mirror)
    found = []
    for document in documents:
        if document["info"]["name"] not in packages:
            continue
        package = Package.from_metadata(document)
        if package.filter_metadata(filters.filter_metadata_plugins()):
            package.filter_all_releases_files(filters.filter_release_file_plugins())
            package.filter_all_releases(filters.filter_release_plugins())
            found += [file["filename"] for files in package.releases.values() for file in files]
    return found

for line in sys.stdin:
    conf, documents = json.loads(line)
    reading, writing = os.pipe()
    if os.fork() == 0:
        with contextlib.redirect_stdout(sys.stderr), os.fdopen(writing, "w") as answer:
            try:
                json.dump({"files": selected(conf, documents)}, answer)
            except Exception as error:
                json.dump({"error": repr(error)}, answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        print(answer.read(), flush=True)
    os.wait()
"""


class BandersnatchFilters:
    """A running bandersnatch; `close` ends it."""

    def __init__(self) -> None:
        python = tool("bandersnatch", ["bandersnatch>=8"], at_least=(3, 12)) / "python"
        self._process = subprocess.Popen(
            [python, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        """End the program."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def select(self, conf: Path, documents: Iterable[Mapping[str, Any]]) -> set[str] | None:
        """Return the files that a configuration selects; None if it ends the program."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(conf), list(documents)]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return None if "error" in answer else set(answer["files"])
