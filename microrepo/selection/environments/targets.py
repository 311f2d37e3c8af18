"""Target environments of a closure: named ones, or listed Pythons on listed platforms.

The target is never guessed: an unknown word is an error, with a suggestion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microrepo.errors import ConfigError
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.environment_block import Block
from microrepo.selection.environments.platform_patterns import (
    check_platforms,
    excluded_by,
    first_match,
    parse_platforms,
)
from microrepo.selection.environments.presets import (
    USUAL_PLATFORMS,
    environment_from_listed_python,
    environment_from_preset,
    parse_environments,
)
from microrepo.selection.environments.python_versions import (
    PythonTarget,
    check_python_words,
    parse_python_words,
)

Words = Sequence[str] | str | None


def target_environments(
    environments: Mapping[str, object] | Sequence[str],
    python_versions: Words,
    platforms: Words,
    exclude_platforms: Sequence[str],
    host: Block,
) -> tuple[Environment, ...]:
    """Return the environments that dependencies are resolved for.

    Args:
        environments: the named ones; without any, the other arguments count.
        python_versions: the listed Pythons; None or only generic words: the running one.
        platforms: patterns of platforms to keep; a text means all, so the running one.
        exclude_platforms: patterns of platforms to exclude.
        host: the block of the running Python.

    Raises:
        ConfigError: a word is unknown, or the settings contradict each other.
    """
    words = [] if isinstance(platforms, str) else [word.strip().lower() for word in platforms or ()]
    check_platforms(words, "platforms")
    check_platforms(exclude_platforms, "exclude_platforms")
    if not isinstance(python_versions, str):
        check_python_words(python_versions or ())
    patterns = parse_platforms(words)
    if environments:
        found = parse_environments(environments)
        if isinstance(python_versions, str) or list(python_versions or ()) != [
            host["python_version"]
        ]:  # a list of only the running Python is the default, which nobody had to write
            refuse_unlisted_pythons(found, python_versions)
    else:
        names = _listed_pythons(python_versions, host)
        found = tuple(
            environment
            for platform in _platforms(_meant(words, patterns), host)
            for environment in _on_platform(names, platform, host)
        )
    _refuse_contradictions(found, patterns, parse_platforms(exclude_platforms))
    return found


def running_environment(host: Block) -> Environment:
    """Return the environment of the running Python."""
    return environment_from_listed_python(str(host["python_version"]), host)


def named_environments(
    names: Sequence[str], known: Sequence[Environment]
) -> tuple[Environment, ...]:
    """Return environments by name, or presets.

    Raises:
        ConfigError: a name is unknown.
    """
    by_name = {environment.name: environment for environment in known}
    return tuple(by_name.get(name) or environment_from_preset(name, name) for name in names)


def _listed_pythons(words: Words, host: Block) -> list[str]:
    if isinstance(words, str):
        raise ConfigError(
            f'$.python_versions: "{words}" names no Python version to resolve dependencies for; '
            'list them (["3.12"]), set `environments`, or turn `dependencies` off'
        )
    targets = parse_python_words(list(words or ())).targets
    for target in targets:
        if target.major != 3:
            raise ConfigError(
                f"$.python_versions: dependencies cannot be resolved for Python {target}; "
                "describe the target with `microrepo env`, or turn `dependencies` off"
            )
    return [_preset_python(target) for target in targets] or [str(host["python_version"])]


def _preset_python(target: PythonTarget) -> str:
    return str(target).replace("pp3.", "pp3")


def _platforms(patterns: Sequence[str], host: Block) -> list[str]:
    """Return the platforms for patterns, "" for the host's."""
    named = [pattern for pattern in patterns if pattern != "any"]
    if not named:
        return [""]
    here = running_environment(host)
    own = {tag.rpartition("-")[2] for tag in here.tags} - {"any"}
    found: dict[str, None] = {}
    for pattern in named:
        if any(first_match(tag, (pattern,)) for tag in own):
            found[""] = None
        elif _is_preset(pattern):
            found[pattern] = None
        else:
            usual = [name for name in USUAL_PLATFORMS if first_match(name, (pattern,))]
            found.update(dict.fromkeys(usual or _by_machine(pattern)))
    return list(found)


def _meant(words: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return patterns without musl, if only the word `linux` added it."""
    if "linux" not in words:
        return list(patterns)
    return [one for one in patterns if not one.startswith("musllinux") or one in words]


def _is_preset(platform: str) -> bool:
    try:
        environment_from_preset("", f"cp312-{platform}")
    except ConfigError:
        return False
    return True


def _by_machine(pattern: str) -> list[str]:
    """Return the usual platforms for a pattern of older or newer tags.

    Raises:
        ConfigError: no known platform has such tags.
    """
    family, _, machine = pattern.partition("_")
    kinds = {"manylinux": "manylinux", "linux": "manylinux", "musllinux": "musllinux"}
    kinds["macosx"] = "macosx"
    kind = next((known for key, known in kinds.items() if family.startswith(key)), None)
    universal = machine.endswith(("universal2", "universal", "intel"))
    found = [
        name
        for name in USUAL_PLATFORMS
        if kind is not None
        and name.startswith(kind)
        and (universal or pattern.endswith(name.split("_", 3)[-1]))
    ]
    if not found:
        raise ConfigError(
            f"$.platforms: no environment is known for {pattern!r}; name it in `environments`"
        )
    return found


def _on_platform(pythons: Sequence[str], platform: str, host: Block) -> tuple[Environment, ...]:
    if not platform:
        return tuple(environment_from_listed_python(text, host) for text in pythons)
    return tuple(
        environment_from_preset(name, name)
        for name in (f"{_short(text)}-{platform}" for text in pythons)
    )


def _short(python: str) -> str:
    """Return the tag of a Python: ``cp312`` for ``3.12``."""
    return python if python[0].isalpha() else f"cp{python.replace('.', '')}"


def _refuse_contradictions(
    environments: Sequence[Environment], patterns: tuple[str, ...], excluded: tuple[str, ...]
) -> None:
    for environment in environments:
        own = {tag.rpartition("-")[2] for tag in environment.tags} - {"any"}
        if (
            patterns
            and set(patterns) != {"any"}
            and not any(first_match(tag, patterns) for tag in own)
        ):
            raise ConfigError(
                f"$.platforms: allows no wheel for the environment {environment.name}; add its "
                f"platform ({_newest(environment)}), or remove `platforms`"
            )
        if excluded and own and all(excluded_by((tag,), excluded) for tag in own):
            raise ConfigError(
                f"$.exclude_platforms: excludes all wheels for the environment {environment.name}"
            )


def refuse_unlisted_pythons(environments: Sequence[Environment], words: Words) -> None:
    """Raise ConfigError if an environment has a Python that a list of Pythons lacks."""
    if isinstance(words, str):
        return
    targets = parse_python_words(list(words or ())).targets
    listed = {(one.implementation, f"{one.major}.{one.minor}") for one in targets}
    for environment in environments:
        python = environment.tags[0][:2], environment.markers["python_version"]
        if listed and python not in listed:
            raise ConfigError(
                f"$.python_versions: lacks {python[1]}, the Python of the environment "
                f"{environment.name}; add it, or remove `python_versions`"
            )


def _newest(environment: Environment) -> str:
    return environment.tags[0].rpartition("-")[2]
