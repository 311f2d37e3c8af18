"""Destination for an index with uploads: pages list its files, the form accepts new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import cached_property
from typing import Any, Protocol

import msgspec

from microrepo.errors import AccessDenied
from microrepo.model import Action, File, NormalizedName, Outcome
from microrepo.plan import file_of
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import FileTask, HeldOutcome, ListHeld, SendFile


class IndexChannel(Protocol):
    """Workers for an index, with its credentials and another login if these are refused."""

    is_proven: bool

    def pool(self) -> Executor:
        """Return the workers."""

    def new_login(self) -> bool:
        """Ask for another password; return whether one was given."""


class IndexCatalogue:
    """Pages of some projects at an index: requested at once, awaited when needed.

    Args:
        name: name of the index in messages.
        asked: pending requests, by project.
    """

    def __init__(self, name: str, asked: Mapping[NormalizedName, Future[HeldOutcome]]) -> None:
        self._name = name
        self._asked = asked

    @cached_property
    def unread(self) -> Mapping[NormalizedName, str]:
        """By project, why its page could not be read.

        Raises:
            AccessDenied: the index refuses the credentials.
        """
        problems = {}
        for name, future in self._asked.items():
            outcome = future.result()
            if outcome.denied:
                raise AccessDenied(self._name, outcome.denied)
            if outcome.error:
                problems[name] = f"the destination's page: {outcome.error}"
        return problems

    @cached_property
    def _files(self) -> Mapping[str, File]:
        outcomes = [future.result() for future in self._asked.values()]
        return {file.filename: file for outcome in outcomes for file in outcome.files}

    def find(self, filename: str) -> File | None:
        """Return a file that the index lists."""
        return self._files.get(filename)


class IndexDestination:
    """Uploads files to an index.

    Args:
        channel: workers for the index.
        name: name of the index in messages.
    """

    def __init__(self, channel: IndexChannel, name: str) -> None:
        self._channel = channel
        self._name = name

    def catalogue(self, projects: Sequence[NormalizedName]) -> IndexCatalogue:
        """Return the files of some projects that the index lists."""
        asked = {name: self._ask(ListHeld(name)) for name in projects}
        return IndexCatalogue(self._name, asked)

    def _ask(self, task: ListHeld | SendFile) -> Future[Any]:
        return self._channel.pool().submit(run_task, task)

    def prepare(self, chosen: Sequence[Action]) -> str:  # noqa: ARG002
        """Return "": an index refuses files only when they are uploaded."""
        return ""

    def put(self, chosen: Sequence[Action]) -> Iterator[Outcome | FileTask]:
        """Yield the tasks that upload the files.

        Until an upload has proven the credentials, the smallest file goes first, by itself: wrong
        credentials then fail once, not for each file.
        """
        rest = list(chosen)
        if rest and not self._channel.is_proven:
            first = min(rest, key=lambda action: action.size_bytes)
            rest.remove(first)
            outcome = self._send_first(_task(first))
            yield outcome
            if outcome.status == "denied":
                return
            self._channel.is_proven = True
        yield from map(_task, rest)

    def _send_first(self, task: SendFile) -> Outcome:
        outcome: Outcome = self._ask(task).result()
        if outcome.status == "denied" and self._channel.new_login():
            outcome = self._ask(task).result()
        if outcome.status == "denied":
            text = f"{self._name} refuses these credentials: {outcome.filename}: {outcome.error}"
            outcome = msgspec.structs.replace(outcome, error=text)
        return outcome

    def record(self, arrived: Sequence[tuple[Action, Outcome]]) -> None:
        """Do nothing: the index keeps its own records."""


def _task(action: Action) -> SendFile:
    file = file_of(action)
    return SendFile(file.filename, file.url, file.digests, file.size)
