"""Target environments: markers and tags of a Python on another machine."""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import product

from msgspec import Struct
from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from microrepo.formats.distribution.filenames import parse_candidate_name, parse_wheel_name
from microrepo.formats.specifiers import parse_requires_python
from microrepo.model import File, NormalizedName
from microrepo.standalone.server.names import INSTALLABLE_SDISTS, FileName


class Environment(Struct, frozen=True, dict=True):
    """One target: markers for dependencies, tags for files.

    Attributes:
        name: name given by the user.
        markers: all eleven PEP 508 markers.
        tags: compatible wheel tags (``cp312-cp312-linux_x86_64``), best first.
        local_versions: per project, the local version label (``cu128``) of the only releases that
            count here; "" for releases without one.
    """

    name: str
    markers: dict[str, str]
    tags: tuple[str, ...]
    local_versions: tuple[tuple[NormalizedName, str], ...] = ()

    @property
    def python(self) -> str:
        """The full version of its Python."""
        return self.markers["python_full_version"]

    @cached_property
    def _ranks(self) -> dict[str, int]:
        ranks: dict[str, int] = {}
        for rank, tag in enumerate(self.tags):
            ranks.setdefault(tag, rank)
        return ranks

    @cached_property
    def interpreters(self) -> frozenset[tuple[str, str]]:
        """Python and ABI of its tags, without the platform."""
        pairs = (tag.split("-", 2)[:2] for tag in self.tags)
        return frozenset((python, abi) for python, abi in pairs)

    @cached_property
    def _tag_ranks(self) -> dict[tuple[tuple[str, ...], ...], int | None]:
        return {}

    @cached_property
    def _pythons(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _applies(self) -> dict[tuple[str, str], bool]:
        return {}

    def applies(self, marker: str, extra: str = "") -> bool:
        """Return whether a marker is true here, for one extra; "" is always true."""
        if not marker:
            return True
        key = (marker, extra)
        known = self._applies.get(key)
        if known is None:
            known = self._applies[key] = self._evaluate(marker, extra)
        return known

    def _evaluate(self, marker: str, extra: str) -> bool:
        try:
            return _marker(marker).evaluate({**self.markers, "extra": extra})
        except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
            # An invalid marker must not drop a dependency.
            return True

    def rank(self, wheel: FileName) -> int | None:
        """Return how well a wheel's tags fit, 0 is best; None if they do not fit."""
        tags = wheel.pythons, wheel.abis, wheel.platforms
        known = self._tag_ranks.get(tags, -1)
        if known != -1:
            return known
        ranks = self._ranks
        found = [
            rank
            for python, abi, platform in product(*tags)
            if (rank := ranks.get(f"{python}-{abi}-{platform}")) is not None
        ]
        self._tag_ranks[tags] = best = min(found) if found else None
        return best

    def admits_interpreter(self, wheel: FileName) -> bool:
        """Return whether a wheel is for this Python on any platform."""
        return not self.interpreters.isdisjoint(product(wheel.pythons, wheel.abis))

    def admits_python(self, requires_python: str | None) -> bool:
        """Return whether a Requires-Python text allows this Python.

        An unreadable text allows every Python, as in pip.
        """
        if not requires_python:
            return True
        known = self._pythons.get(requires_python)
        if known is None:
            specifiers, _ = parse_requires_python(requires_python)
            known = (specifiers or SpecifierSet()).contains(self.python, prereleases=True)
            self._pythons[requires_python] = known
        return known

    def supports(self, file: File) -> int | None:
        """Return how well `file` fits, lower is better, sdists last; None if it does not fit.

        The listed Requires-Python and the file name decide: tags of wheels, formats of source
        distributions. Names that installers refuse do not fit.
        """
        if not self.admits_python(file.requires_python):
            return None
        wheel = parse_wheel_name(file.filename)
        rank = len(self.tags) if wheel is None else self.rank(wheel)
        # Most wheels are for other environments, and their tags are compared already.
        name = None if rank is None else parse_candidate_name(file.filename, file.version)
        if rank is None or name is None:
            return None
        if name.kind == "wheel":
            return rank
        return rank + _sdist_order(file) if file.package_type == "sdist" else None


@lru_cache(maxsize=65536)
def _marker(text: str) -> Marker:
    return Marker(text)


def _sdist_order(file: File) -> int:
    return next(n for n, suffix in enumerate(INSTALLABLE_SDISTS) if file.filename.endswith(suffix))
