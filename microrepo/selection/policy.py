"""What a repository shall hold: the settings that choose files, as one frozen record."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.config.schema import ALL, Config
from microrepo.config.sizes import parse_size, parse_versions
from microrepo.errors import ConfigError
from microrepo.formats.filenames import KNOWN_EXTENSIONS, PACKAGE_TYPES
from microrepo.formats.times import normalize_time
from microrepo.model import NormalizedName
from microrepo.selection.pythons import PythonFilter, parse_python_words

_TYPE_ALIASES = {"wheel": "bdist_wheel", "egg": "bdist_egg", "wininst": "bdist_wininst"}
# Raised when the rules change their meaning, so that repositories are looked at anew.
_RULES_VERSION = 1


class Policy(Struct, frozen=True):
    """The rules that choose files; absent limits are None.

    Attributes:
        requested: per project the specifiers of which one must admit a version ("" = any);
            None = every project.
        excluded_names: globs over normalised names.
        excluded_releases: per project the specifiers of releases to leave out.
        newest: how many releases to keep for each Python.
        uploaded_before: normalised time.
        prune: chooses nothing, but who turns pruning on again wants every project looked at.
    """

    package_types: tuple[str, ...] | None = None
    extensions: tuple[str, ...] | None = None
    pythons: PythonFilter | None = None
    platforms: tuple[str, ...] | None = None
    requested: dict[NormalizedName, tuple[str, ...]] | None = None
    excluded_names: tuple[str, ...] = ()
    excluded_releases: dict[NormalizedName, tuple[str, ...]] = {}
    newest: int | None = 1
    prereleases: bool = False
    yanked: bool = False
    max_file_bytes: int | None = None
    uploaded_before: str | None = None
    min_age_days: float = 0
    require_digests: bool = True
    prune: bool = True

    def fingerprint(self) -> str:
        """Return a digest of all rules but the requests; it changes whenever one of them does."""
        bare = msgspec.structs.replace(self, requested=None)
        encoded = msgspec.json.encode([_RULES_VERSION, bare], order="deterministic")
        return hashlib.sha256(encoded).hexdigest()[:16]

    def excludes_project(self, name: NormalizedName) -> str | None:
        """Return the pattern that leaves the whole project out, None when none does."""
        for pattern in self.excluded_names:
            if name == pattern or fnmatch.fnmatchcase(name, pattern):
                return pattern
        return None


def build_policy(config: Config, requirements: Iterable[str] | None) -> Policy:
    """Make the policy of a configuration.

    Args:
        config: complete settings.
        requirements: PEP 508 strings of what is wanted, files already read; None = everything.

    Raises:
        ConfigError: a requirement or an exclusion cannot be read.
    """
    names, releases = _parse_excludes(config.exclude)
    python_words = config.python_versions
    return Policy(
        package_types=_words(config.package_types, _TYPE_ALIASES),
        extensions=_words(config.extensions, {}),
        pythons=parse_python_words(python_words) if isinstance(python_words, list) else None,
        platforms=_words(config.platforms, {}),
        requested=None if requirements is None else parse_requested(requirements),
        excluded_names=names,
        excluded_releases=releases,
        newest=parse_versions(config.versions, "versions"),
        prereleases=config.prereleases,
        yanked=config.yanked,
        max_file_bytes=(
            None
            if config.max_file_size is None
            else parse_size(config.max_file_size, "max_file_size")
        ),
        uploaded_before=normalize_time(config.uploaded_before),
        min_age_days=config.min_age_days,
        require_digests=config.require_digests,
        prune=config.prune,
    )


def _words(value: list[str] | str, aliases: dict[str, str]) -> tuple[str, ...] | None:
    if value == ALL or isinstance(value, str):
        return None
    words = (item.strip().lstrip(".") for item in value)
    return tuple(sorted({aliases.get(word, word) for word in words}))


def parse_requested(requirements: Iterable[str]) -> dict[NormalizedName, tuple[str, ...]]:
    """Group requirement strings by project: the specifiers of each, "" for any version.

    Raises:
        ConfigError: not a PEP 508 requirement.
    """
    wanted: dict[NormalizedName, dict[str, None]] = {}
    for text in requirements:
        requirement = parse_requirement(text)
        specifiers = wanted.setdefault(canonicalize_name(requirement.name), {})
        specifiers[str(requirement.specifier)] = None
    return {name: tuple(sorted(specs)) for name, specs in sorted(wanted.items())}


def parse_requirement(text: str) -> Requirement:
    """Read one PEP 508 requirement.

    Raises:
        ConfigError: the text is none; it says where reading stopped.
    """
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        first_line = str(error).partition("\n")[0]
        raise ConfigError(f"{text!r} is not a requirement such as 'flask>=2': {first_line}") from (
            error
        )


def _parse_excludes(
    entries: list[str],
) -> tuple[tuple[str, ...], dict[NormalizedName, tuple[str, ...]]]:
    names: list[str] = []
    releases: dict[NormalizedName, list[str]] = {}
    for entry in entries:
        text = entry.strip()
        if any(char in text for char in "*?[") and not any(char in text for char in "<>=!~"):
            names.append(text.lower().replace("_", "-").replace(".", "-"))
            continue
        requirement = parse_requirement(text)
        name = canonicalize_name(requirement.name)
        if requirement.specifier:
            releases.setdefault(name, []).append(str(requirement.specifier))
        else:
            names.append(name)
    return tuple(sorted(names)), {key: tuple(sorted(specs)) for key, specs in releases.items()}


def fingerprint_for(name: NormalizedName, base: str, policy: Policy) -> str:
    """Return the digest of the rules as they concern one project.

    Args:
        name: the project.
        base: `policy.fingerprint()`, made once.
        policy: the rules.
    """
    requested = (policy.requested or {}).get(name, ("",))
    return base if requested == ("",) else f"{base} {' | '.join(requested)}"


def filter_warnings(policy: Policy) -> list[str]:
    """Return a line for each word in the three filter lists that no file has had so far.

    They are kept all the same: people may list formats of tomorrow.
    """
    types, extensions = policy.package_types or (), policy.extensions or ()
    pythons = policy.pythons.unknown if policy.pythons else ()
    return [
        *(
            f"package_types: {word!r} is no package type known so far"
            for word in types
            if word not in PACKAGE_TYPES
        ),
        *(
            f"extensions: {word!r} is no file ending known so far"
            for word in extensions
            if word not in KNOWN_EXTENSIONS
        ),
        *(f"python_versions: {word!r} names no Python known so far" for word in pythons),
    ]


@lru_cache(maxsize=4096)
def specifier_set(text: str) -> SpecifierSet:
    """Return the parsed form of a specifier text that was checked before."""
    return SpecifierSet(text)


@lru_cache(maxsize=65536)
def parse_version(text: str) -> Version | None:
    """Return the PEP 440 version of `text`, None for a legacy one."""
    try:
        return Version(text)
    except ValueError:
        return None
