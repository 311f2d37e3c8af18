"""Interface of destinations that files are transferred to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from microrepo.model import Action, File, NormalizedName, Outcome
from microrepo.transfer.tasks import FileTask


class Catalogue(Protocol):
    """Files of some projects that a destination has."""

    @property
    def unread(self) -> Mapping[NormalizedName, str]:
        """By project, why the destination's files of it are unknown."""

    def find(self, filename: str) -> File | None:
        """Return a file that is present, without digests if the destination lists none."""


class Destination(Protocol):
    """A repository that files are transferred to.

    A destination says how a file gets there; `transfer.Transfer` runs the tasks.
    """

    def catalogue(self, projects: Sequence[NormalizedName]) -> Catalogue:
        """Return the destination's files of some projects.

        Raises:
            AccessDenied: the destination refuses the credentials.
        """
        ...

    def prepare(self, chosen: Sequence[Action]) -> str:
        """Return why the chosen files cannot be transferred; "" if they can."""
        ...

    def put(self, chosen: Sequence[Action]) -> Iterator[Outcome | FileTask]:
        """Yield for each file its outcome, if it is in place already, or its task."""
        ...

    def record(self, arrived: Sequence[tuple[Action, Outcome]]) -> None:
        """Make the arrived files durable (safe from power loss), and record them."""
        ...
