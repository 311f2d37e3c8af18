"""What every contestant of a benchmark looks like: how to run it and where its files end up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks import answers
from benchmarks.webserver import Endpoint


@dataclass(frozen=True)
class Place:
    """Where a run happens: the output directory, the served endpoint, the tree behind it."""

    output: Path
    scratch: Path
    endpoint: Endpoint
    tree: Path
    version: str
    ca_file: Path
    connections: int = 20

    @property
    def files(self) -> Path:
        """The flat directory (or root of the deep one) that receives the files."""
        return self.output / "files"


@dataclass(frozen=True)
class Job:
    """A command to be measured, with its environment (None: ours)."""

    command: list[str | Path]
    env: dict[str, str] | None = None
    good_exits: frozenset[int] = field(default=frozenset({0}))


class Contestant(Protocol):
    """A floor, a peer, or microrepo."""

    name: str
    complete: bool  # the same files are asked of it as of microrepo

    def job(self, place: Place) -> Job:
        """Write the configuration for that place and return the command."""
        ...

    def found(self, place: Place) -> list[Path]:
        """Return the distribution files that are now there."""
        ...


class Flat:
    """A contestant that fills a flat directory."""

    name = ""
    complete = True

    def found(self, place: Place) -> list[Path]:
        """Return the distribution files at the top level."""
        return answers.distributions(place.files)
