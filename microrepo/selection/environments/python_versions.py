"""Match of files and Pythons by names, labels and requires-python.

For a wheel its name decides (PyPUG "Platform compatibility tags"); PyPI's `python_version` label counts only if the name has no tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from microrepo.errors import ConfigError
from microrepo.formats.distribution.filenames import egg_python, parse_wheel_name
from microrepo.formats.specifiers import MAX_REQUIREMENT_CHARS
from microrepo.formats.version_numbers import parse_version
from microrepo.model import File

_WORD = re.compile(r"(?P<kind>cp|pp|py)?(?P<major>[23])(?:\.?(?P<minor>0|[1-9][0-9]?))?(?P<t>t)?\Z")
_STAR_BEHIND_ORDER = re.compile(r"([<>]=?|~=)\s*([\d.]+?)\.\*")
_INSIDE = re.compile(r"(?<![\d.])([23])\.(\d{1,2})(?!\d)")
_NEWEST_PATCH = 99
# Higher minor versions count as mistakes.
NEWEST_MINOR = 20
_LAST_MINOR = {2: 7, 3: NEWEST_MINOR}
# Free-threaded builds exist since Python 3.13, for CPython only.
_FIRST_FREE_THREADED = 13


class PythonTarget(Struct, frozen=True, gc=False):
    """A target Python: CPython (`cp`) or PyPy (`pp`), possibly free-threaded."""

    implementation: str
    major: int
    minor: int
    free_threaded: bool = False

    def __str__(self) -> str:
        """Return the usual short name, such as ``3.11``, ``3.13t`` or ``pp3.10``."""
        prefix = "pp" if self.implementation == "pp" else ""
        return f"{prefix}{self.major}.{self.minor}{'t' if self.free_threaded else ''}"


class PythonFilter(Struct, frozen=True, gc=False):
    """The `python_versions` setting, parsed.

    Attributes:
        targets: the Pythons named in the list.
        labels: the generic words (`py3`, `any`, `source`); they select only if no Python is named.
        unknown: other words.
    """

    targets: tuple[PythonTarget, ...] = ()
    labels: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def check_python_words(words: Iterable[str]) -> None:
    """Raise ConfigError for the first unknown word of a `python_versions` list.

    Raises:
        ConfigError: with a suggestion.
    """
    for word in parse_python_words(list(words)).unknown:
        raise ConfigError(f"$.python_versions: {word!r} is not a Python version{_suggestion(word)}")


def _suggestion(word: str) -> str:
    if "-" in word.strip()[1:]:
        return "; name a Python with its platform in `environments`"
    pypy = "pp" if word.strip().lower().startswith(("pypy", "pp")) else ""
    if re.fullmatch(r"(cp|pp|py)?3\.?[0-9]{1,2}t", word.strip().lower()):
        return "; free-threaded builds exist since CPython 3.13: write 3.13t or cp313t"
    found = [
        f"{pypy}{major}.{minor}"
        for major, minor in _INSIDE.findall(word)
        if not parse_python_words([f"{pypy}{major}.{minor}"]).unknown
    ]
    if not found:
        return "; write 3.12 or cp312"
    if len(found) > 1:
        return f"; write them as a list: {', '.join(found)}"
    what = "each version that is meant, such as" if word.strip()[:1] in {*"<>=!~"} else "only"
    return f"; write {what} {found[0]}"


def parse_python_words(words: list[str]) -> PythonFilter:
    """Parse a `python_versions` list; return unknown words instead of refusing them."""
    targets: dict[PythonTarget, None] = {}
    labels: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for raw in words:
        word = raw.strip().lower()
        match = _WORD.match(word)
        if match and (
            int(match["minor"] or 0) > _LAST_MINOR[int(match["major"])]
            or (match["t"] and not can_be_free_threaded(match["kind"], match["minor"]))
        ):
            unknown[raw] = None
        elif match and match["minor"]:
            implementation = "pp" if match["kind"] == "pp" else "cp"
            target = PythonTarget(
                implementation, int(match["major"]), int(match["minor"]), bool(match["t"])
            )
            targets[target] = None
        elif match and match["kind"] in {None, "py"} and not match["t"]:
            labels[f"py{match['major']}"] = None
        elif word in {"any", "source", "py2.py3", "py3.py2"}:
            labels["py2.py3" if word == "py3.py2" else word] = None
        else:
            unknown[raw] = None
    return PythonFilter(tuple(targets), tuple(labels), tuple(unknown))


def can_be_free_threaded(implementation: str | None, minor: str | None) -> bool:
    """Return whether Python 3 of this minor version has free-threaded builds."""
    return implementation != "pp" and int(minor or 0) >= _FIRST_FREE_THREADED


@lru_cache(maxsize=256)
def _tag_pairs(target: PythonTarget) -> frozenset[tuple[str, str]]:
    major, minor = target.major, target.minor
    pairs = {(f"py{major}", "none")}
    pairs |= {(f"py{major}{older}", "none") for older in range(minor + 1)}
    own = f"{target.implementation}{major}{minor}"
    pairs.add((own, "none"))
    if target.implementation == "pp":
        return frozenset(pairs)
    if target.free_threaded:
        pairs |= {(own, f"{own}t")}
        pairs |= {(f"cp3{older}", "abi3t") for older in range(2, minor + 1)}
        return frozenset(pairs)
    # CPython 3.8 dropped the flags for its allocator and wide characters.
    flagged = ("", "m", "mu", "u") if (major, minor) < (3, 8) else ("",)
    pairs |= {(own, own + flags) for flags in flagged}
    if major == 3:
        pairs |= {(f"cp3{older}", "abi3") for older in range(2, minor + 1)}
    return frozenset(pairs)


@lru_cache(maxsize=65536)
def wheel_fits(
    python_tags: tuple[str, ...], abi_tags: tuple[str, ...], target: PythonTarget
) -> bool:
    """Return whether `target` can use a wheel with these tags on any platform."""
    pairs = _tag_pairs(target)
    for python in python_tags:
        for abi in abi_tags:
            if (python, abi) in pairs:
                return True
            if target.implementation == "pp" and python == f"pp{target.major}{target.minor}":
                return abi.startswith("pypy")
    return False


def fits(file: File, target: PythonTarget) -> bool:
    """Return whether `target` can use `file`, ignoring requires-python."""
    wheel = parse_wheel_name(file.filename)
    if wheel is not None:
        return wheel_fits(wheel.pythons, wheel.abis, target)
    if file.package_type == "sdist":
        return True
    label = egg_python(file.filename) or file.python_version
    if not label:
        return True
    named = parse_python_words(label.split(".py") if ".py" in label else [label])
    if named.targets:
        return any((t.major, t.minor) == (target.major, target.minor) for t in named.targets)
    return True


def labels_of(file: File) -> frozenset[str]:
    """Return the generic words that select `file`."""
    wheel = parse_wheel_name(file.filename)
    if wheel is not None:
        universal = {"py2", "py3"} <= set(wheel.pythons)
        return frozenset(wheel.pythons) | (
            frozenset({"py2.py3", "any"}) if universal else frozenset()
        )
    if file.package_type == "sdist":
        return frozenset({"source"})
    return frozenset({egg_python(file.filename) or file.python_version or "any"})


@lru_cache(maxsize=8192)
def requires_python_admits(requires_python: str, target: PythonTarget) -> bool:
    """Return whether some patch release of `target` satisfies `requires_python`.

    An unreadable specifier constrains nothing, as in pip.
    """
    specifiers = lenient_specifiers(requires_python)
    if specifiers is None:
        return True
    stem = f"{target.major}.{target.minor}"
    patches = (0, _NEWEST_PATCH, *range(1, 31))
    return any(specifiers.contains(f"{stem}.{patch}", prereleases=True) for patch in patches)


@lru_cache(maxsize=8192)
def some_version_admitted(requires_python: str, versions: tuple[str, ...]) -> bool:
    """Return whether `requires_python` allows one of some Pythons.

    Args:
        requires_python: as listed; an unreadable text constrains nothing.
        versions: ``3.12`` for any of its patch releases, ``3.12.4`` for one.
    """
    specifiers = lenient_specifiers(requires_python)
    if specifiers is None:
        return True
    for text in versions:
        major, minor, *patch = Version(text).release
        if patch:
            admitted = specifiers.contains(text, prereleases=True)
        else:
            admitted = requires_python_admits(requires_python, PythonTarget("cp", major, minor))
        if admitted:
            return True
    return False


@lru_cache(maxsize=8192)
def lenient_specifiers(text: str) -> SpecifierSet | None:
    """Parse a specifier set, repairing the malformed form of old packages (``>=3.6.*``)."""
    if len(text) > MAX_REQUIREMENT_CHARS:
        return None
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        pass
    try:
        return SpecifierSet(_STAR_BEHIND_ORDER.sub(r"\1\2", text))
    except InvalidSpecifier:
        return None


def checked_python(text: str) -> str:
    """Return a version of the setting `requires_python`, normalised.

    Raises:
        ConfigError: it is not the version of a Python.
    """
    version = parse_version(text.strip())
    if version is None or len(version.release) < 2:
        raise ConfigError(
            f"requires_python: {text!r} is not a Python version such as '3.9' or '3.12.4'"
        )
    return str(version)
