"""What all scenarios share: options, trees, the server, and who takes part."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import answers, bigindex, generate, product
from benchmarks.arena import Arena, Patience, clear, tail
from benchmarks.contestants import Contestant
from benchmarks.corpus import Shape
from benchmarks.floors import Curl
from benchmarks.peers import Bandersnatch, Minirepo, PipDownload, Unavailable
from benchmarks.product import Microrepo
from benchmarks.webserver import Server

PEERS = ("bandersnatch", "minirepo", "pip")


@dataclass
class Bench:
    """Options of a whole call."""

    work_dir: Path
    runs: int = 3
    peers: Sequence[str] = PEERS
    first_port: int = 8790
    patience: Patience = field(default_factory=Patience)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def tree(self, kind: str) -> Path:
        """Return the tree `main`, `large` or `big`; generated when it is not there."""
        directory = self.work_dir / "trees" / kind
        if kind == "main":
            generate.ensure_tree(directory, Shape())
        elif kind == "large":
            generate.ensure_large_tree(directory)
        else:
            bigindex.ensure_big_tree(directory)
        return directory

    @contextmanager
    def arena(self, kind: str, mode: str = "plain", disk: Path | None = None) -> Iterator[Arena]:
        """Serve a tree; output goes to the work directory, or to a temporary one on `disk`."""
        tree = self.tree(kind)
        base = disk or self.work_dir
        base.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="output-", dir=base) as output,
            tempfile.TemporaryDirectory(prefix="scratch-", dir=self.work_dir) as scratch,
            closing(
                Server(
                    tree,
                    Path(scratch) / "nginx",
                    self.work_dir / "pages" / kind,
                    [mode],
                    self.first_port,
                )
            ) as server,
        ):
            server.serve("before")
            yield Arena(server, tree, Path(output), Path(scratch))

    def microrepos(self, *, with_simple: bool = False) -> list[Microrepo]:
        """Return microrepo as one contestant or several; none, with a note, if it can't run."""
        product.compile_all()
        probe = subprocess.run(
            list(map(str, product.command("refresh", "--help"))),
            env=product.environment(),
            capture_output=True,
            text=True,
        )
        if probe.returncode:
            last_line = (probe.stderr.strip().splitlines() or ["no output"])[-1]
            self.note(f"microrepo does not run: {last_line}")
            return []
        if not with_simple:
            return [Microrepo()]
        return [Microrepo(), Microrepo(transport="requests"), Microrepo(simple=True)]

    def bandersnatches(self) -> list[Contestant]:
        """Return bandersnatch if it is asked for and can be installed."""
        if "bandersnatch" not in self.peers:
            return []
        try:
            peer = Bandersnatch(self._cache)
        except Unavailable as error:
            self.note(str(error))
            return []
        self.versions["bandersnatch"] = peer.version
        return [peer]

    def minirepos(self, *processes: int) -> list[Contestant]:
        """Return minirepo with these numbers of processes, if asked for and installable."""
        if "minirepo" not in self.peers:
            return []
        try:
            found = [Minirepo(self._cache, count) for count in processes]
        except Unavailable as error:
            self.note(str(error))
            return []
        self.versions["minirepo"] = found[0].version
        return list(found)

    def pips(self) -> list[Contestant]:
        """Return `pip download` if it is asked for."""
        return [PipDownload()] if "pip" in self.peers else []

    def note(self, text: str) -> None:
        """Keep a remark for the report and print it at once."""
        if text not in self.notes:
            self.notes.append(text)
            print(f"!! {text}", flush=True)

    @property
    def _cache(self) -> Path:
        return self.work_dir / "venvs"


def warm_up(arena: Arena, mode: str) -> None:
    """Fetch everything once, unmeasured: fresh memory costs several times more than used one."""
    curl = Curl(documents=True)
    place = arena.place(curl, mode, "before")
    clear(place.output)
    run = arena.run(curl, place)
    clear(place.output)
    if not run.ok or not run.verdict or not run.verdict.perfect:
        raise SystemExit(f"the tree is not served rightly: {tail(place.scratch / 'output.log')}")


def link_flat(tree: Path, version: str, target: Path) -> Path:
    """Make a flat directory of hard links to the right answer, for copying and hashing."""
    target.mkdir(parents=True, exist_ok=True)
    for name, entry in answers.load(tree, version).items():
        os.link(tree / "packages" / entry["path"], target / name)
    return target
