"""Destination: what a repository must offer so that files can be brought there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from microrepo.model import Action, File, NormalizedName, Outcome
from microrepo.transfer.tasks import Task


class Catalogue(Protocol):
    """What a destination has of some projects."""

    @property
    def unread(self) -> Mapping[NormalizedName, str]:
        """By project, why it is not known what the destination has of it."""

    def find(self, filename: str) -> File | None:
        """Return a file that is present, without digests where the destination vouches for none."""


class Destination(Protocol):
    """A repository that files are brought to.

    A destination tells how a file gets there; `transfer.Transfer` sees to it that it does.
    """

    def catalogue(self, projects: Sequence[NormalizedName]) -> Catalogue:
        """Return what it has of some projects.

        Raises:
            AccessDenied: it refuses the credentials.
        """
        ...

    def prepare(self, chosen: Sequence[Action]) -> str:
        """Return why the chosen files cannot come, "" when they can."""
        ...

    def put(self, chosen: Sequence[Action]) -> Iterator[Outcome | Task]:
        """Yield, for each file, its outcome where it is there at once, else the task for it."""
        ...

    def record(self, arrived: Sequence[tuple[Action, Outcome]]) -> None:
        """Write down what has arrived."""
        ...

    def finish(self) -> None:
        """Make what has arrived outlive a loss of power."""
        ...
