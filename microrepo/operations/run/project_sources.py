"""Sources of a run: their lists, read on first use, and the source of each project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from microrepo.client import Client
from microrepo.errors import MalformedResponse, NoProjectList, SourceError
from microrepo.formats.index.simple_api import Root
from microrepo.model import NormalizedName
from microrepo.repositories.protocol import SourceSettings, name_of_merged
from microrepo.repositories.sources.source_registry import open_source
from microrepo.selection.ownership import Merged, merge_lists, owner_of
from microrepo.selection.reservations import Listed, ProjectOrigin, Reservations, normalized


class Sources:
    """Maps projects to sources.

    With a single source no list is read: every project comes from it.

    Args:
        settings: of the sources, in the order of their priority.
        client: makes a client for requests of this process.
    """

    def __init__(self, settings: Sequence[SourceSettings], client: Callable[[], Client]) -> None:
        self.settings = tuple(settings)
        self._client = client
        self._reservations = Reservations(
            [one.packages for one in self.settings],
            [one.merged for one in self.settings],
            {number: one.refused for number, one in enumerate(self.settings) if one.refused},
        )
        self._by_page = frozenset(n for n, one in enumerate(self.settings) if one.by_page)
        self._problems: dict[int, str] = {}
        self._lists: list[Collection[str] | None] | None = None
        self._merged: Merged | None = None
        self.list_problems: list[tuple[str, str]] = []  # by source, the problem with its list
        self.list_serials: dict[str, int] = {}  # serials of the lists, by source
        self.list_validator: str | None = None  # of the list of a single source

    def name(self, number: int) -> str:
        """Return the name of a source in messages and the state."""
        return self.settings[number].name

    def origin_name(self, numbers: Sequence[int]) -> str:
        """Return the name of the sources that a project comes from, as in the state."""
        return name_of_merged(self.name(number) for number in numbers)

    def names(self) -> frozenset[str]:
        """Return the names of all sources."""
        return frozenset(one.name for one in self.settings)

    def problem(self, number: int) -> str:
        """Return why the list of a source is unknown."""
        return self._problems.get(number, f"{self.name(number)} does not list its projects")

    def doubt(self, number: int) -> str:
        """Return that a source with an unknown list may have a project."""
        return f"{self.name(number)} may have it: {self.problem(number)}"

    def unreached(self) -> Iterator[tuple[str, str]]:
        """Yield the sources whose lists cannot be read, and why."""
        for number, why in sorted(self._problems.items()):
            yield self.name(number), why

    def owner(self, name: NormalizedName) -> ProjectOrigin:
        """Return the source of a project, reading lists only if necessary."""
        if len(self.settings) == 1:
            return self._reservations.allowed(name, ProjectOrigin((0,)))
        if self._merged is not None and self._merged.unknown is None:
            return self._owner_by_merged(name, self._merged)
        decided = self._reservations.origin(name)
        if decided is not None:
            return decided
        if self._lists is None:
            self._lists = self._read_names()
        return owner_of(name, self._reservations, self._lists, self._by_page)

    def _owner_by_merged(self, name: str, merged: Merged) -> ProjectOrigin:
        origin = self._reservations.origin(name)
        return origin or self._reservations.allowed(name, ProjectOrigin(merged.owners(name)))

    def merged(self, validator: str | None = None) -> Merged:
        """Return the merged list of all sources; the caller may empty it.

        Args:
            validator: of the list of a single source, if that need not be read again.

        Raises:
            SourceError: the list of the single source cannot be read.
        """
        if len(self.settings) == 1:
            root = self._listed(self.settings[0], validator)
            self.list_validator = root.validator
            listed = self._reservations.without_refused(0, root.projects)
            return Merged(listed, 0, {}, is_unchanged=root.is_unchanged)
        lists: dict[int, Listed] = {}
        for number in range(len(self.settings)):
            names = self._read(number)
            if names is not None:
                lists[number] = self._reservations.without_refused(number, names)
        if len(lists) < len(self.settings):
            self._lists = [
                frozenset(map(normalized, lists[number])) if number in lists else None
                for number in range(len(self.settings) - 1)
            ]
        self._merged = merge_lists(lists, len(self.settings), self._reservations)
        return self._merged

    def source_of(self) -> Callable[[str], str] | None:
        """Return a function from a project in the merged list to the name of its source.

        With a single source it is None: if a server moves, or another mirror of the index is used,
        nothing is requested again.
        """
        merged = self._merged
        if merged is None:
            return None
        main, others = self.name(merged.main), {n: self.name(m) for n, m in merged.others.items()}
        others |= {name: self.origin_name(numbers) for name, numbers in merged.shared.items()}
        return lambda name: others.get(name, main)

    def _read_names(self) -> list[Collection[str] | None]:
        """Read the lists that decide about names: all but the last, if they are short."""
        found: list[Collection[str] | None] = []
        for number in range(len(self.settings) - 1):
            listed = {} if number in self._by_page else self._read(number)
            found.append(None if listed is None else frozenset(map(normalized, listed)))
        return found

    def _listed(self, source: SourceSettings, validator: str | None = None) -> Root:
        client = self._client()
        try:
            root = open_source(client, source).list_projects(validator)
        finally:
            client.close()
        if not root.is_unchanged:
            expect_projects(source, root)
        if root.serial is not None:
            self.list_serials[source.name] = root.serial
        if root.unreadable:
            words = (
                f"{root.unreadable} entries of its list of projects cannot be read, so no "
                "project counts as removed"
            )
            self.list_problems.append((source.name, words))
        return root

    def _read(self, number: int) -> Listed | None:
        """Read the list of one source; record the problem and return None if that fails."""
        source = self.settings[number]
        try:
            listed = self._listed(source).projects
        except NoProjectList as error:
            if source.packages or source.merged:
                # It responds, and the settings name its projects.
                return {}
            self._problems[number] = f"{error}; name its projects in `packages`"
        except SourceError as error:
            self._problems[number] = str(error)
        else:
            return listed
        return None


def expect_projects(source: SourceSettings, root: Root) -> None:
    """Raise MalformedResponse if a source has no projects.

    Accepting that would empty a repository, and a wrong path or a file system that is not mounted is
    more likely.
    """
    if not root.projects:
        is_directory = source.kind == "directory"
        why = "contains no distributions" if is_directory else "lists no projects"
        raise MalformedResponse(source.name, why)
