"""`python -m benchmarks installing`: how long pip and uv take to find one requirement.

Repositories of 10,000 and more files, of which one is a genuine wheel and the others are names
without content: nobody opens them. Each client resolves the one requirement by each of the five
ways, with an empty cache, and installs nothing (`--dry-run`). Medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from benchmarks.peers import ensure_venv, version_of, without_pip
from benchmarks.serving import start_nginx, start_ours, write_wheel
from microrepo.standalone.server.index_pages import (
    render_links_html,
    render_project_html,
    render_project_json,
    render_root_html,
    render_root_json,
)
from microrepo.standalone.server.records import FileEntry, ProjectPage, RootPage

WANTED = "wanted"
_RELEASES = 10
WAYS = ("flat directory", "links page", "`file://` index", "`server.py`", "nginx")


def make_repository(directory: Path, files: int) -> None:
    """Make a directory of so many files and its static pages, by the renderers of the product."""
    directory.mkdir(parents=True)
    pages = [_made_up(directory, number) for number in range(files // _RELEASES)]
    pages.append(_genuine(directory))
    for page in pages:
        _write(directory / "simple" / page.name, render_project_html(page), page)
    root = RootPage(tuple((page.name, 1) for page in pages), 1)
    (directory / "simple" / "index.html").write_bytes(render_root_html(root))
    (directory / "simple" / "index.v1_json").write_bytes(render_root_json(root))
    (directory / "simple" / "links.html").write_bytes(render_links_html(pages))


def _made_up(directory: Path, number: int) -> ProjectPage:
    name = f"project-{number:06d}"
    entries = []
    for release in range(_RELEASES):
        filename = f"{name.replace('-', '_')}-1.{release}-py3-none-any.whl"
        os.close(os.open(directory / filename, os.O_CREAT | os.O_WRONLY, 0o666))
        digest = sha256(filename.encode()).hexdigest()
        entries.append(_entry(filename, f"1.{release}", digest, 0))
    return ProjectPage(name, tuple(entries), serial=1)


def _genuine(directory: Path) -> ProjectPage:
    filename = write_wheel(directory, WANTED, "1.0")
    content = (directory / filename).read_bytes()
    entry = _entry(filename, "1.0", sha256(content).hexdigest(), len(content))
    return ProjectPage(WANTED, (entry,), serial=1)


def _entry(filename: str, version: str, digest: str, size_bytes: int) -> FileEntry:
    return FileEntry(
        filename,
        url="",
        size=size_bytes,
        hashes={"sha256": digest},
        upload_time="2026-01-01T00:00:00.000000Z",
        version=version,
    )


def _write(folder: Path, html: bytes, page: ProjectPage) -> None:
    folder.mkdir(parents=True)
    (folder / "index.html").write_bytes(html)
    (folder / "index.v1_html").write_bytes(html)
    (folder / "index.v1_json").write_bytes(render_project_json(page))


def ways_to(stack: ExitStack, directory: Path, first_port: int) -> Iterator[tuple[str, str, str]]:
    """Yield each way: its name, and what it is for `--find-links` or for `--index-url`."""
    ours = start_ours(stack, directory, first_port, "ours").page
    nginx = start_nginx(stack, directory, first_port + 1, directory.parent / "nginx").page
    yield WAYS[0], str(directory), ""
    yield WAYS[1], str(directory / "simple" / "links.html"), ""
    yield WAYS[2], "", f"{directory.as_uri()}/simple/"
    for name, page in ((WAYS[3], ours), (WAYS[4], nginx)):
        yield name, "", page[: page.index("/simple/")] + "/simple/"


def command(program: str, bin_directory: Path, links: str, index: str) -> list[str | Path]:
    """Return the command that resolves the one requirement by this way and by no other."""
    where = ["--no-index", "--find-links", links] if links else ["--index-url", index]
    common = ["install", "--no-deps", "--dry-run", *where, WANTED]
    python = bin_directory / "python"
    if program == "uv":
        return [bin_directory / "uv", "pip", *common, "--no-cache", "--python", python, "--quiet"]
    options = ["--isolated", "--disable-pip-version-check", "--no-cache-dir", "--quiet"]
    return [python, "-m", "pip", *options, *common]


def seconds_of(arguments: Sequence[str | Path]) -> float:
    """Run it; return the seconds it took."""
    environment = without_pip() | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    started = time.perf_counter()
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    took_s = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.stderr[-500:]}")
    return took_s


def run(work: Path, sizes: Sequence[int], rounds: int, first_port: int) -> str:
    """Prepare, measure, and return the table."""
    programs = ensure_venv(
        work / "venvs", "clients", ["--upgrade", "pip", "uv"], Path(sys.executable)
    )
    lines = ["| files | client | " + " | ".join(WAYS) + " |", "| --- | --- |" + " ---: |" * 5]
    for files in sizes:
        home = work / f"installing-{files}"
        shutil.rmtree(home, ignore_errors=True)
        make_repository(home / "repository", files)
        with ExitStack() as stack:
            ways = list(ways_to(stack, home / "repository", first_port))
            for client in ("pip", "uv"):
                cells = [
                    statistics.median(
                        seconds_of(command(client, programs, links, index)) for _ in range(rounds)
                    )
                    for _, links, index in ways
                ]
                shown = " | ".join(f"{cell:.2f} s" for cell in cells)
                lines.append(f"| {files:,} | {client} | {shown} |")
                print(lines[-1], file=sys.stderr, flush=True)
        shutil.rmtree(home)
    versions = [f"{name} {version_of(programs, name)}" for name in ("pip", "uv")]
    return "\n".join(lines) + f"\n\nVersions: {'; '.join(versions)}\n"


def main(words: Sequence[str] | None = None) -> int:
    """Run and print; 0 when it ran, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks installing", description=__doc__)
    parser.add_argument("--work-dir", type=Path, default=Path("/dev/shm/microrepo-benchmarks"))
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=3, help="rounds; medians are shown")
    parser.add_argument("--first-port", type=int, default=8830, help="first of two ports")
    options = parser.parse_args(words)
    print(run(options.work_dir.resolve(), options.files, options.runs, options.first_port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
