"""A life for a `FakeIndex`: what owners and the index itself do, one change after another."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.support.index import FakeIndex, IndexProject, Status
from tests.support.packages import BuiltFile, build_sdist, build_wheel

_LARGEST_BYTES = 3_000
_SPELLINGS: tuple[Callable[[int], str], ...] = (
    lambda number: f"p-{number}",
    lambda number: f"P.{number}",
    lambda number: f"p_{number}",
    lambda number: f"P-{number}",
)


class Life:
    """Changes an index at random, the same way for the same seed.

    Attributes:
        changed: the projects that were ever changed, as the caller wants to know; add to it or
            clear it at will. A name is in it before its change can be seen.
        counts: how many changes of each kind there were.
    """

    def __init__(self, index: FakeIndex, seed: object) -> None:
        self._index = index
        self._random = random.Random(str(seed))
        self._born = 0
        self._versions: dict[str, int] = {}
        self.changed: set[str] = set()
        self.counts: dict[str, int] = {}

    def populate(self, projects: int) -> None:
        """Add so many projects of one or two releases."""
        for _ in range(projects):
            self._create()

    def step(self) -> str:
        """Make one change; return its kind."""
        kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
        while True:
            kind = self._random.choices(kinds, weights)[0]
            if getattr(self, f"_{kind}")():
                self.counts[kind] = self.counts.get(kind, 0) + 1
                return kind

    def release(self, name: str) -> None:
        """Publish the next version of a project: a wheel, or a wheel and an sdist."""
        self.changed.add(name)
        project = self._index.projects[name]
        # A name that a file once had is never given again, as on PyPI.
        number = self._versions[name] = self._versions.get(name, 0) + 1
        for file in self._files(name, f"{number}.0"):
            self._index.add(project.display_name, file)

    def names(self) -> list[str]:
        """Return the names of the projects that are there and not quarantined."""
        return [p.name for p in self._index.projects.values() if p.status != "quarantined"]

    # --- the kinds of changes: each tells whether it could be made --------------------------------

    def _create(self) -> bool:
        number = self._born
        self._born += 1
        name = f"p-{number}"
        self.changed.add(name)
        self._index.add_project(self._random.choice(_SPELLINGS)(number))
        for _ in range(self._random.choice((1, 2))):
            self.release(name)
        return True

    def _create_again(self) -> bool:
        gone = [n for n in range(self._born) if f"p-{n}" not in self._index.projects]
        if not gone:
            return False
        number = self._random.choice(gone)
        self.changed.add(f"p-{number}")
        self._index.add_project(self._random.choice(_SPELLINGS)(number))
        self.release(f"p-{number}")
        return True

    def _release(self) -> bool:
        self.release(self._random.choice(self.names()))
        return True

    def _yank(self) -> bool:
        return self._on_some_release(
            lambda name, version: self._index.yank(name, version, self._random.choice((True, "x")))
        )

    def _take_yank_back(self) -> bool:
        yanked = [
            (project.name, file.version)
            for project in self._index.projects.values()
            for file in project.files
            if file.yanked is not False
        ]
        if not yanked:
            return False
        name, version = self._random.choice(yanked)
        self.changed.add(name)
        self._index.yank(name, version, reason=False)
        return True

    def _remove_release(self) -> bool:
        return self._on_some_release(self._index.remove_release)

    def _remove_file(self) -> bool:
        project = self._some(lambda project: bool(project.files))
        if project is None:
            return False
        self.changed.add(project.name)
        self._index.remove_file(project.name, self._random.choice(project.files).filename)
        return True

    def _remove_project(self) -> bool:
        name = self._random.choice(list(self._index.projects))
        self.changed.add(name)
        self._index.remove_project(name)
        return True

    def _rename(self) -> bool:
        name = self._random.choice(self.names())
        self.changed.add(name)
        self._index.rename(self._random.choice(_SPELLINGS)(int(name.removeprefix("p-"))))
        return True

    def _touch(self) -> bool:
        name = self._random.choice(self.names())
        self.changed.add(name)
        self._index.touch(name)
        return True

    def _mark(self) -> bool:
        marks: tuple[Status, ...] = ("active", "archived", "deprecated")
        return self._set_status(self._random.choice(self.names()), self._random.choice(marks))

    def _quarantine(self) -> bool:
        return self._set_status(self._random.choice(self.names()), "quarantined")

    def _lift_quarantine(self) -> bool:
        project = self._some(lambda project: project.status == "quarantined")
        return project is not None and self._set_status(project.name, "active")

    # --- what they share --------------------------------------------------------------------------

    def _set_status(self, name: str, status: Status) -> bool:
        self.changed.add(name)
        self._index.set_status(name, status)
        return True

    def _on_some_release(self, change: Callable[[str, str], None]) -> bool:
        project = self._some(lambda project: bool(project.releases))
        if project is None:
            return False
        self.changed.add(project.name)
        change(project.name, self._random.choice(sorted(project.releases)))
        return True

    def _some(self, fits: Callable[[IndexProject], bool]) -> IndexProject | None:
        fitting = [project for project in self._index.projects.values() if fits(project)]
        return self._random.choice(fitting) if fitting else None

    def _files(self, name: str, version: str) -> list[BuiltFile]:
        size = self._random.randint(0, _LARGEST_BYTES)
        requires_python = self._random.choice((None, ">=3.8"))
        wheel = build_wheel(name, version, payload_size=size, requires_python=requires_python)
        if self._random.random() < 0.7:
            return [wheel]
        # Built at the length of this number, so that no version has the same content twice.
        return [wheel, build_sdist(name, version, payload_size=size)]


_WEIGHTS = {
    "release": 50,
    "touch": 8,
    "create": 7,
    "create_again": 2,
    "yank": 10,
    "take_yank_back": 4,
    "remove_release": 6,
    "remove_file": 3,
    "remove_project": 3,
    "rename": 4,
    "mark": 2,
    "quarantine": 3,
    "lift_quarantine": 2,
}
