"""Policy: the settings that choose files, as one frozen record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from microrepo.config.schema import ALL, RUNNING_PYTHON, Config, Size
from microrepo.config.sizes import parse_days, parse_size, parse_versions
from microrepo.errors import ConfigError
from microrepo.formats.advisories.known_advisories import KnownAdvisories
from microrepo.formats.distribution.filenames import KNOWN_EXTENSIONS, PACKAGE_TYPES
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.times import normalize_time
from microrepo.formats.version_numbers import is_pin
from microrepo.model import PROVENANCE_FACTS, Cause, NormalizedName
from microrepo.selection.environments.platform_patterns import check_platforms, parse_platforms
from microrepo.selection.environments.presets import parse_environments
from microrepo.selection.environments.python_versions import (
    PythonFilter,
    check_python_words,
    checked_python,
    parse_python_words,
)
from microrepo.selection.rules.metadata_rules import FieldRule, facts_needed, parse_rules
from microrepo.selection.rules.patterns import (
    NOTHING,
    Patterns,
    checked_regex,
    parse_labels,
    parse_patterns,
)
from microrepo.selection.rules.plugin_rules import LoadedRule
from microrepo.selection.trust.downgrades import TrustRules
from microrepo.suggestions import nearest

_TYPE_ALIASES = {"wheel": "bdist_wheel", "egg": "bdist_egg", "wininst": "bdist_wininst"}

__all__ = [
    "Policy",
    "Rejection",
    "build_policy",
    "by_project",
    "check_words",
    "fingerprint_for",
]

# Why something is skipped: the rule, and its detail.
Rejection = tuple[Cause, str]
# Increase it when the rules change their meaning, so that repositories are checked again.
_RULES_VERSION = 4


class Policy(Struct, frozen=True, omit_defaults=True):
    """The rules that choose files; absent limits are None.

    Attributes:
        requested: per project, specifiers of which a version must match one ("" for any); None for
            every project.
        excluded: projects and releases to skip, whatever the other rules say.
        allowed: projects and releases to keep; None for all.
        metadata: rules on a project's metadata.
        pythons_are_default: the target is the running Python, by default.
        newest: number of releases to keep per Python.
        newest_by: ``version`` or ``time``.
        prereleases: keep pre-releases; None = where nothing else of a project fits.
        keep_stable: always count the newest stable release among the newest.
        uploaded_before: normalised time.
        prune: selects nothing, but when pruning is turned on, every project must be checked.
        variants: patterns of the labels of variant wheels to keep.
        budget_bytes: limit on the total size with eviction. A single project cannot break it, but
            when it is raised, every project must be checked.
        third_party: rules of other distributions.
        held: releases in the repository that advisories are about, whose fixes are exempt from
            `min_age_days`.
        advisories: what is known about projects, for `vulnerabilities` and `malware`; None if only
            the records of projects have advisories.
        held_names: projects with files in the repository; None: no name is confusable.
    """

    package_types: tuple[str, ...] | None = None
    extensions: tuple[str, ...] | None = None
    pythons: PythonFilter | None = None
    pythons_are_default: bool = False
    platforms: tuple[str, ...] | None = None
    variants: tuple[str, ...] = ()
    requested: dict[NormalizedName, tuple[str, ...]] | None = None
    excluded: Patterns = NOTHING
    allowed: Patterns | None = None
    metadata: tuple[FieldRule, ...] = ()
    max_project_bytes: int | None = None
    min_versions: int | None = None
    max_versions: int | None = None
    allow_releases: tuple[str, ...] = ()
    exclude_releases: tuple[str, ...] = ()
    allow_files: tuple[str, ...] = ()
    exclude_files: tuple[str, ...] = ()
    exclude_platforms: tuple[str, ...] = ()
    requires_python: tuple[str, ...] = ()
    vulnerabilities: str = "ignore"
    malware: str = "refuse"
    ignored_advisories: tuple[str, ...] = ()
    advisories: KnownAdvisories | None = None
    newest: int | None = 1
    newest_by: str = "version"
    keep_stable: bool = False
    prereleases: bool | None = False
    yanked: bool = False
    max_file_bytes: int | None = None
    uploaded_before: str | None = None
    min_age_days: float = 0
    min_age_exempt: Patterns = NOTHING
    min_age_unknown: str = "refuse"
    exempts_fixes: bool = True
    held: dict[NormalizedName, tuple[str, ...]] = {}
    require_digests: bool = True
    prune: bool = True
    budget_bytes: int | None = None
    trust: TrustRules = TrustRules()
    trust_exceptions: Patterns = NOTHING
    confusable_names: str = "report"
    trusted_names: Patterns = NOTHING
    held_names: frozenset[str] | None = None
    third_party: tuple[LoadedRule, ...] = ()

    def fingerprint(self) -> str:
        """Return a digest of all rules except the requests and what differs between projects."""
        bare = msgspec.structs.replace(self.without_findings(), requested=None, third_party=())
        others = [rule.identity for rule in self.third_party]
        values = [_RULES_VERSION, bare, *others, *(["advisories"] if self.advisories else [])]
        encoded = msgspec.json.encode(values, order="deterministic")
        return hashlib.sha256(encoded).hexdigest()[:16]

    def without_findings(self) -> Policy:
        """Return the rules without what is known only in a run."""
        return msgspec.structs.replace(self, advisories=None, held={}, held_names=None)

    def excludes_project(self, name: NormalizedName) -> str | None:
        """Return the pattern that excludes the whole project, or None."""
        return self.excluded.project(name)

    def leaves_out(self, name: NormalizedName) -> bool:
        """Return whether a project is skipped as a whole, so that it need not be requested."""
        return self.excluded.project(name) is not None or not self.may_pass(name)

    def may_pass(self, name: NormalizedName) -> bool:
        """Return whether `allow` allows any release of a project."""
        allowed = self.allowed
        if allowed is None or name in allowed.releases or allowed.project(name) is not None:
            return True
        return any(is_pin(text) for text in (self.requested or {}).get(name, ()))

    @property
    def asks_advisories(self) -> bool:
        """Whether advisories are needed that only the source of a project has."""
        return self.vulnerabilities != "ignore" and self.advisories is None

    @property
    def refuses_vulnerable(self) -> bool:
        """Whether a release with known vulnerabilities is refused."""
        return self.vulnerabilities in {"refuse", "quarantine"}

    @property
    def facts_needed(self) -> int:
        """The facts that these rules need in records, see `model.FACTS`."""
        return max(facts_needed(self.metadata), PROVENANCE_FACTS if self.trust else 0)


def build_policy(
    config: Config,
    requirements: Iterable[Requirement] | None,
    third_party: tuple[LoadedRule, ...] = (),
) -> Policy:
    """Return the policy of a configuration.

    Args:
        requirements: the requests; None for everything.
        third_party: the rules that `rules` names, loaded.

    Raises:
        ConfigError: an exclusion is invalid.
    """
    check_words(config)
    python_words = config.python_versions
    return Policy(
        package_types=_words(config.package_types, _TYPE_ALIASES),
        extensions=_words(config.extensions, {}),
        pythons=parse_python_words(python_words) if isinstance(python_words, list) else None,
        pythons_are_default=python_words == RUNNING_PYTHON,
        platforms=(
            None if isinstance(config.platforms, str) else parse_platforms(config.platforms)
        ),
        requested=None if requirements is None else by_project(requirements),
        excluded=parse_patterns(config.exclude, "exclude"),
        allowed=parse_patterns(config.allow, "allow") if config.allow else None,
        metadata=parse_rules(config.metadata),
        max_project_bytes=_bytes(config.max_project_size, "max_project_size"),
        min_versions=config.min_versions,
        max_versions=config.max_versions,
        allow_releases=_regexes(config.allow_releases, "allow_releases"),
        exclude_releases=_regexes(config.exclude_releases, "exclude_releases"),
        allow_files=_regexes(config.allow_files, "allow_files"),
        exclude_files=_regexes(config.exclude_files, "exclude_files"),
        variants=parse_labels(config.variants, "variants"),
        exclude_platforms=parse_platforms(config.exclude_platforms),
        requires_python=tuple(sorted({checked_python(text) for text in config.requires_python})),
        vulnerabilities=config.vulnerabilities,
        malware=config.malware,
        ignored_advisories=tuple(sorted(set(config.ignore_advisories))),
        newest_by=config.newest_by,
        keep_stable=config.keep_stable,
        min_age_unknown=config.min_age_unknown,
        exempts_fixes=config.min_age_security_exempt,
        min_age_exempt=parse_patterns(config.min_age_exempt, "min_age_exempt"),
        budget_bytes=(
            _bytes(config.max_total_size, "max_total_size")
            if config.over_budget == "evict"
            else None
        ),
        trust=TrustRules(
            config.trust_policy == "no-downgrade",
            config.trust_lookback_days,
            verify=config.provenance == "verify",
            keep=config.provenance != "off",
        ),
        trust_exceptions=parse_patterns(config.trust_exceptions, "trust_exceptions"),
        confusable_names=config.confusable_names,
        trusted_names=parse_patterns(config.trusted_names, "trusted_names"),
        third_party=third_party,
        newest=parse_versions(config.versions, "versions"),
        prereleases=config.prereleases,
        yanked=config.yanked,
        max_file_bytes=_bytes(config.max_file_size, "max_file_size"),
        uploaded_before=normalize_time(config.uploaded_before),
        min_age_days=parse_days(config.min_age_days, "min_age_days"),
        require_digests=config.require_digests,
        prune=config.prune,
    )


def check_words(config: Config) -> None:
    """Raise for the first word of a setting that names nothing.

    Raises:
        ConfigError: with a suggestion. An unknown type or extension is one only where a known one
            comes near.
    """
    if isinstance(config.python_versions, list):
        check_python_words(config.python_versions)
    if isinstance(config.platforms, list):
        check_platforms(config.platforms, "platforms")
    check_platforms(config.exclude_platforms, "exclude_platforms")
    parse_environments(config.environments or ())
    for key, known, value in (
        ("package_types", {*PACKAGE_TYPES, *_TYPE_ALIASES}, config.package_types),
        ("extensions", KNOWN_EXTENSIONS, config.extensions),
    ):
        for word in _words(value, {}) or ():
            near = None if word in known else nearest(word, sorted(known))
            if near is not None:
                raise ConfigError(f"$.{key}: {word!r} is not known; did you mean {near!r}?")


def _words(value: list[str] | str, aliases: dict[str, str]) -> tuple[str, ...] | None:
    if value == ALL or isinstance(value, str):
        return None
    words = (item.strip().lstrip(".") for item in value)
    return tuple(sorted({aliases.get(word, word) for word in words}))


def by_project(requirements: Iterable[Requirement]) -> dict[NormalizedName, tuple[str, ...]]:
    """Return, per project, the specifiers of which a version must match one, "" for any."""
    wanted: dict[NormalizedName, dict[str, None]] = {}
    for requirement in requirements:
        wanted.setdefault(requirement.project, {})[requirement.specifiers] = None
    return {name: tuple(sorted(specs)) for name, specs in sorted(wanted.items())}


def _bytes(size: Size | None, key: str) -> int | None:
    return None if size is None else parse_size(size, f"$.{key}")


def _regexes(texts: list[str], key: str) -> tuple[str, ...]:
    return tuple(sorted({checked_regex(text, key) for text in texts}))


def fingerprint_for(name: NormalizedName, base: str, policy: Policy) -> str:
    """Return the digest of the rules for one project.

    Args:
        base: `policy.fingerprint()`, computed once.
    """
    requested = (policy.requested or {}).get(name, ("",))
    advised = policy.advisories.digest(name) if policy.advisories is not None else ""
    own = [*(() if requested == ("",) else (" | ".join(requested),)), *filter(None, [advised])]
    return " ".join([base, *own])
