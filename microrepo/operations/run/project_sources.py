"""The sources of one run: their lists, read when they are first needed, and whose a project is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from microrepo.client import Client
from microrepo.errors import MalformedResponse, NoProjectList, SourceError
from microrepo.model import NormalizedName
from microrepo.repositories.protocol import SourceSettings
from microrepo.repositories.sources.source_registry import open_source
from microrepo.selection.ownership import (
    Listed,
    Merged,
    ProjectOrigin,
    Reservations,
    merge_lists,
    normalized,
    owner_of,
)


class Sources:
    """Knows which source gives which project.

    With one source there is nothing to find out: every project is its, and no list is read for it.

    Args:
        settings: of the sources, in the order of their priority.
        client: makes a client for the questions of this process.
    """

    def __init__(self, settings: Sequence[SourceSettings], client: Callable[[], Client]) -> None:
        self.settings = tuple(settings)
        self._client = client
        self._reservations = Reservations([one.packages for one in self.settings])
        self._by_page = frozenset(n for n, one in enumerate(self.settings) if one.by_page)
        self._problems: dict[int, str] = {}
        self._lists: list[Collection[str] | None] | None = None
        self._merged: Merged | None = None
        self.list_problems: list[tuple[str, str]] = []  # (source, what is wrong with its list)
        self.list_serials: dict[str, int] = {}  # of the lists that were read, by source

    def name(self, number: int) -> str:
        """Return what messages and the state call a source."""
        return self.settings[number].name

    def names(self) -> frozenset[str]:
        """Return the names of all sources."""
        return frozenset(one.name for one in self.settings)

    def problem(self, number: int) -> str:
        """Return why the list of a source is not known."""
        return self._problems.get(number, f"{self.name(number)} does not list its projects")

    def unreached(self) -> Iterator[tuple[str, str]]:
        """Yield the sources whose lists could not be had, and why."""
        for number, why in sorted(self._problems.items()):
            yield self.name(number), why

    def owner(self, name: NormalizedName) -> ProjectOrigin:
        """Tell which source a project comes from; reads lists only if that depends on them."""
        if len(self.settings) == 1:
            return ProjectOrigin((0,))
        if self._merged is not None and self._merged.unknown is None:
            return self._owner_by_merged(name, self._merged)
        reserved = self._reservations.owner(name)
        if reserved is not None:
            return ProjectOrigin((reserved,))
        if self._lists is None:
            self._lists = self._read_names()
        return owner_of(name, self._reservations, self._lists, self._by_page)

    def _owner_by_merged(self, name: str, merged: Merged) -> ProjectOrigin:
        reserved = self._reservations.owner(name)
        return ProjectOrigin((merged.owner(name) if reserved is None else reserved,))

    def merged(self) -> Merged:
        """Return the lists of all sources as one; the caller may use them up.

        Raises:
            SourceError: there is one source, and its list cannot be had.
        """
        if len(self.settings) == 1:
            return Merged(self._listed(self.settings[0]), 0, {})
        lists: dict[int, Listed] = {}
        for number in range(len(self.settings)):
            listed = self._read(number)
            if listed is not None:
                lists[number] = listed
        if len(lists) < len(self.settings):
            self._lists = [
                frozenset(map(normalized, lists[number])) if number in lists else None
                for number in range(len(self.settings) - 1)
            ]
        self._merged = merge_lists(lists, len(self.settings), self._reservations)
        return self._merged

    def source_of(self) -> Callable[[str], str] | None:
        """Return what tells the name of the source of a project in the merged list.

        With one source it is None: a server that moves, or another mirror of the same index, is no
        reason to ask for everything again.
        """
        merged, names = self._merged, [one.name for one in self.settings]
        if merged is None:
            return None
        main, others = names[merged.main], merged.others
        return lambda name: names[others[name]] if name in others else main

    def _read_names(self) -> list[Collection[str] | None]:
        """Read the lists that can tell whose a name is: all but the last, if they are short."""
        found: list[Collection[str] | None] = []
        for number in range(len(self.settings) - 1):
            listed = {} if number in self._by_page else self._read(number)
            found.append(None if listed is None else frozenset(map(normalized, listed)))
        return found

    def _listed(self, source: SourceSettings) -> Listed:
        client = self._client()
        try:
            root = open_source(client, source).list_projects()
        finally:
            client.close()
        if root.serial is not None:
            self.list_serials[source.name] = root.serial
        if root.unreadable:
            words = (
                f"{root.unreadable} entries of its list of projects cannot be read, so no "
                "project counts as removed"
            )
            self.list_problems.append((source.name, words))
        return root.projects

    def _read(self, number: int) -> Listed | None:
        """Read the list of one source; None, with the problem noted, when it cannot be had."""
        source = self.settings[number]
        try:
            listed = self._listed(source)
            if not listed:
                raise MalformedResponse(source.name, "lists no projects")
        except NoProjectList as error:
            if source.packages:
                # Its projects are known by their names, and it is there to say so.
                return {}
            self._problems[number] = f"{error}; name its projects in `packages`"
        except SourceError as error:
            self._problems[number] = str(error)
        else:
            return listed
        return None
