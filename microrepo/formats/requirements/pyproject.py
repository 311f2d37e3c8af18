"""Requirements of a project: its `pyproject.toml` (PEP 621, PEP 735, PEP 518)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.dependency_groups import CyclicDependencyGroup, DependencyGroupResolver
from packaging.errors import ExceptionGroup
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.requirements.requirement_set import ALL, RequirementSet, stated_in
from microrepo.formats.toml import read_table, strings_of, table_of

_POETRY = (
    "dependencies are written for Poetry ([tool.poetry]), which microrepo does not read; "
    "run `poetry export` (a requirements file), or move them to [project]"
)


def parse_pyproject(
    body: bytes,
    name: str,
    *,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    alone: bool = False,
) -> RequirementSet:
    """Return a project's dependencies, and those of its extras and dependency groups on request.

    Args:
        alone: only those of the groups.

    Raises:
        ConfigError: an extra or a group does not exist, a requirement cannot be read, or only a
            build can determine the dependencies.
    """
    table = read_table(body, name)
    project = table_of(table.get("project"))
    poetry = table_of(table_of(table.get("tool")).get("poetry"))
    dynamic = strings_of(project.get("dynamic"))
    if poetry.keys() & {"dependencies", "dev-dependencies", "group"} and (
        not project or "dependencies" in dynamic
    ):
        raise ConfigError(f"{name}: {_POETRY}")
    if not alone:
        _refuse_dynamic(dynamic, name, extras)
    found = () if alone else _dependencies(project, name, extras)
    for group in _chosen(groups, table_of(table.get("dependency-groups")), name, "group"):
        found = (*found, *_group(table_of(table.get("dependency-groups")), group, name))
    python = project.get("requires-python")
    notes = []
    if not (project or groups):
        notes.append(f"{name}: has no [project] table, so it requires nothing")
    return RequirementSet(
        tuple(dict.fromkeys(found)),
        requires_python=python if isinstance(python, str) else "",
        build_requirements=stated_in(
            name, strings_of(table_of(table.get("build-system")).get("requires"))
        ),
        notes=tuple(notes),
    )


def _refuse_dynamic(dynamic: Sequence[str], name: str, extras: Sequence[str]) -> None:
    """Raise ConfigError if a build determines what is asked for."""
    asked = ("dependencies", "optional-dependencies") if extras else ("dependencies",)
    for field in asked:
        if field in dynamic:
            raise ConfigError(
                f"{name}: {field} is dynamic; only a build can determine it. Write the "
                "dependencies to a requirements file (`uv pip compile` does), or use only "
                "dependency groups: --only-group NAME"
            )


def _dependencies(
    project: Mapping[str, object], place: str, extras: Sequence[str]
) -> tuple[Requirement, ...]:
    """Return dependencies; a requirement on the project itself stands for its extras."""
    own = canonicalize_name(str(project.get("name", "")))
    optional = table_of(project.get("optional-dependencies"))
    names: dict[str, str] = {canonicalize_name(extra): extra for extra in optional}
    queue = [*stated_in(place, strings_of(project.get("dependencies")))]
    for extra in _chosen(extras, optional, place, "extra"):
        queue += stated_in(place, strings_of(optional[extra]))
    found: list[Requirement] = []
    seen: set[str] = set()
    for requirement in queue:
        if requirement.project != own:
            found.append(requirement)
            continue
        for extra in requirement.extras:
            if extra in names and extra not in seen:
                seen.add(extra)
                queue += stated_in(place, strings_of(optional[names[extra]]))
    return tuple(found)


def _chosen(wanted: Sequence[str], known: Mapping[str, object], place: str, kind: str) -> list[str]:
    if ALL in wanted:
        return list(known)
    names = {canonicalize_name(name): name for name in known}
    for name in wanted:
        if canonicalize_name(name) not in names:
            listed = ", ".join(sorted(known)) or "none"
            raise ConfigError(f"{place}: no {kind} {name!r} (it has: {listed})")
    return [names[canonicalize_name(name)] for name in wanted]


def _group(groups: Mapping[str, object], group: str, place: str) -> tuple[Requirement, ...]:
    try:
        resolver = DependencyGroupResolver(groups)  # type: ignore[arg-type]
        texts = [str(requirement) for requirement in resolver.resolve(group)]
    except ExceptionGroup as errors:
        why = "; ".join(_why(error) for error in errors.exceptions)
        raise ConfigError(f"{place}: dependency group {group!r}: {why}") from errors
    return stated_in(place, texts)


def _why(error: Exception) -> str:
    if isinstance(error, CyclicDependencyGroup):
        return f"group {error.group!r} includes itself"
    return str(error).partition("\n")[0]
