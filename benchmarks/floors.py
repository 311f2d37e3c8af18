"""Floors: what the same work costs without any of the thinking.

curl gets a ready list of URLs, and nothing verifies what it writes.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from benchmarks import answers
from benchmarks.contestants import Flat, Job, Place


class Curl(Flat):
    """`curl --parallel` over a ready list: the documents and the files, or the files only."""

    def __init__(self, *, documents: bool, connections: int = 50) -> None:
        self.name = f"curl, {'documents + files' if documents else 'files only'}"
        self._documents = documents
        self._connections = connections

    def job(self, place: Place) -> Job:
        lines = []
        if self._documents:
            serials = json.loads((place.tree / place.version / "facts.json").read_bytes())[
                "serials"
            ]
            documents = place.output / "documents"
            documents.mkdir(parents=True)
            lines += [
                f'url = "{place.endpoint.url}/pypi/{name}/json"\noutput = "{documents / name}"'
                for name in serials
            ]
        place.files.mkdir(parents=True)
        lines += [
            f'url = "{place.endpoint.url}/packages/{entry["path"]}"\n'
            f'output = "{place.files / name}"'
            for name, entry in answers.load(place.tree, place.version).items()
        ]
        urls = place.scratch / "curl.list"
        urls.write_text("\n".join(lines) + "\n")
        return _curl(place, urls, self._connections)


class CurlRoot(Flat):
    """One request for the Simple root: the least a refresh without news can ask."""

    name = "curl, Simple root"
    complete = False

    def job(self, place: Place) -> Job:
        place.files.mkdir(parents=True, exist_ok=True)
        return Job(
            ["curl", "-q", "--silent", "--fail", "--cacert", place.ca_file, "--compressed",
             "--header", "Accept: application/vnd.pypi.simple.v1+json",
             "--output", place.scratch / "root.json", f"{place.endpoint.url}/simple/"]
        )  # fmt: skip


class CurlRefresh(Flat):
    """The Simple root, the changed documents and the new files: the least a refresh can ask."""

    name = "curl, root + what changed"
    complete = False

    def job(self, place: Place) -> Job:
        before, after = (
            json.loads((place.tree / version / "facts.json").read_bytes())["serials"]
            for version in ("before", "after")
        )
        changed = [name for name, serial in after.items() if before.get(name) != serial]
        old_files = answers.load(place.tree, "before")
        new_files = answers.load(place.tree, "after")
        paths = ["simple/", *(f"pypi/{name}/json" for name in changed)]
        paths += [f"packages/{f['path']}" for n, f in new_files.items() if n not in old_files]
        target = place.output / "fetched"
        target.mkdir(parents=True)
        urls = place.scratch / "curl.list"
        urls.write_text(
            "".join(
                f'url = "{place.endpoint.url}/{path}"\noutput = "{target / str(number)}"\n'
                for number, path in enumerate(paths)
            )
        )
        return _curl(place, urls, 50)


class FetchAndDecode(Flat):
    """One Python process that fetches the Simple root as JSON and decodes it (standard library)."""

    name = "fetch + decode the root"
    complete = False

    def job(self, place: Place) -> Job:
        code = (
            "import json, sys, urllib.request as u; "
            "r = u.Request(sys.argv[1], headers={'Accept': sys.argv[2]}); "
            "print(len(json.loads(u.urlopen(r).read())['projects']))"
        )
        url = f"{place.endpoint.url}/simple/"
        return Job([sys.executable, "-c", code, url, "application/vnd.pypi.simple.v1+json"])


class Sha256(Flat):
    """openssl over every file of a directory, on two cores: what verifying alone costs."""

    name = "openssl sha256, two at a time"
    complete = False

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def job(self, place: Place) -> Job:
        del place
        pipeline = (
            f"find {shlex.quote(str(self._directory))} -maxdepth 1 -type f -print0 "
            "| xargs -0 -P2 -n64 openssl sha256 > /dev/null"
        )
        return Job(["sh", "-c", pipeline])


class Copy(Flat):
    """`cp -r` of the right result: what writing alone costs."""

    name = "cp -r of the result"

    def __init__(self, source: Path) -> None:
        self._source = source

    def job(self, place: Place) -> Job:
        place.output.mkdir(parents=True, exist_ok=True)
        return Job(["cp", "-r", self._source, place.files])


def _curl(place: Place, urls: Path, connections: int) -> Job:
    return Job(
        ["curl", "-q", "--silent", "--show-error", "--no-progress-meter", "--fail",
         "--cacert", place.ca_file, "--parallel", "--parallel-max", str(connections),
         "--config", urls]
    )  # fmt: skip
