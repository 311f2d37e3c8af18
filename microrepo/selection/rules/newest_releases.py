"""Counters of the newest releases with a usable file, for each Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microrepo.selection.environments.python_versions import PythonTarget
from microrepo.selection.rules.policy import Policy


class NewestCounter:
    """Counter of releases with a usable file, per Python."""

    def __init__(self, policy: Policy, limit: int | None) -> None:
        pythons = policy.pythons
        self._targets: tuple[PythonTarget | None, ...] = (
            pythons.targets if pythons is not None and pythons.targets else (None,)
        )
        self._limit = limit
        self.is_unlimited = limit is None
        self._met: Counter[PythonTarget | None] = Counter()
        self._reserved: dict[PythonTarget | None, str] = {}
        self._current = ""

    def start(self, text: str) -> None:
        """Start the release with the version `text`."""
        self._current = text

    def reserve(self, places: dict[PythonTarget | None, str]) -> None:
        """Reserve a place for one release per Python, wherever it is in the order."""
        self._reserved = places

    def wants(self, target: PythonTarget | None) -> bool:
        """Return whether the current release counts for a Python."""
        if self._limit is None:
            return True
        reserved = self._reserved.get(target)
        if reserved is None or reserved == self._current:
            return self._met[target] < self._limit
        return self._met[target] < self._limit - 1

    def is_full(self) -> bool:
        """Return whether every Python has its newest releases."""
        return (
            not self.is_unlimited and not self._reserved and not any(map(self.wants, self._targets))
        )

    def add(self, targets: Iterable[PythonTarget | None]) -> None:
        """Count the current release for the Pythons that can use it."""
        if self.is_unlimited:
            return
        self._met.update(set(targets))
        for target in targets:
            if self._reserved.get(target) == self._current:
                del self._reserved[target]


class FirstOfEach(NewestCounter):
    """First release with a usable file, per Python."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy, 1)
        self.found: dict[PythonTarget | None, str] = {}

    def add(self, targets: Iterable[PythonTarget | None]) -> None:
        """Note the current release for the Pythons that can use it."""
        super().add(targets)
        self.found.update(dict.fromkeys(targets, self._current))
