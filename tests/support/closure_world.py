"""A small index as data, and the facts a closure asks of it, handed out as they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from microrepo.formats.distribution.core_metadata import CoreMetadata, from_metadata
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import Cause, Decision, File, NormalizedName
from microrepo.selection.closure.closure import Closure
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Candidates, Facts, Needs
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.resolution_records import GoalFailure, Resolution


class World:
    """An index: ``{project: {version: release}}``; a project of None does not exist.

    A release is a list of requirements, or a table with `requires`, `extras`, `python`, `yanked`,
    `files` (wheel tags, ``sdist`` or whole file names; default: one universal wheel), `rejected`
    (name of a `Cause`), `metadata_error`, `build`, `source`.
    """

    def __init__(self, index: Mapping[str, Mapping[str, Any] | None]) -> None:
        self.projects: dict[NormalizedName, Candidates | None] = {}
        self.metadata: dict[str, CoreMetadata | str] = {}
        for name, releases in index.items():
            found = None if releases is None else self._candidates(name, releases)
            self.projects[canonicalize_name(name)] = found

    def _candidates(self, name: str, releases: Mapping[str, Any]) -> Candidates:
        files: list[File] = []
        rejected: list[Decision] = []
        for version, release in releases.items():
            table = release if isinstance(release, dict) else {"requires": release}
            for tag in table.get("files", ["py3-none-any"]):
                file = _file(name, version, tag, table)
                self.metadata[file.filename] = _metadata(name, version, table)
                if "rejected" in table:
                    cause = Cause[table["rejected"]]
                    rejected.append(Decision(file, keep=False, cause=cause))
                else:
                    files.append(file)
        return Candidates(tuple(files), tuple(rejected))

    def facts(self) -> Facts:
        """Everything there is, at once."""
        return Facts(self.projects, self.metadata)

    def answer(self, needs: Needs, facts: Facts) -> None:
        """Add what is asked for to the facts."""
        facts.add(
            projects={name: self.projects.get(name) for name in needs.projects},
            metadata={need.filename: self.metadata[need.filename] for need in needs.metadata},
            urls=dict.fromkeys(needs.urls, "not reachable"),
        )


def _file(name: str, version: str, tag: str, table: Mapping[str, Any]) -> File:
    escaped = canonicalize_name(name).replace("-", "_")
    if tag == "sdist":
        filename, package_type = f"{escaped}-{version}.tar.gz", "sdist"
    else:
        filename, package_type = f"{escaped}-{version}-{tag}.whl", "bdist_wheel"
    return File(
        filename=filename,
        url=f"https://files.example/{filename}",
        version=version,
        package_type=package_type,
        requires_python=table.get("python"),
        yanked=bool(table.get("yanked", False)),
    )


def _metadata(name: str, version: str, table: Mapping[str, Any]) -> CoreMetadata | str:
    if "metadata_error" in table:
        return str(table["metadata_error"])
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {text}" for text in table.get("requires", ())]
    lines += [f"Provides-Extra: {extra}" for extra in table.get("extras", ())]
    python = table.get("metadata_python", table.get("python"))
    lines += [f"Requires-Python: {python}"] if python else []
    found = from_metadata("\n".join(lines).encode())
    if "build" not in table and "source" not in table:
        return found
    fields = {field: getattr(found, field) for field in found.__struct_fields__}
    build = tuple(table["build"]) if "build" in table else None
    return CoreMetadata(
        **{**fields, "build_requires": build, "source": table.get("source", "metadata")}
    )


def close(
    world: World,
    goals: Sequence[Goal],
    environments: Sequence[Environment],
    options: ResolveOptions | None = None,
    *,
    build_requirements: bool = False,
) -> Closure:
    """Run a closure that starts knowing nothing, to its end."""
    facts = Facts()
    closure = Closure(
        goals,
        environments,
        facts,
        options or ResolveOptions(),
        build_requirements=build_requirements,
    )
    for _ in range(1000):
        needs = closure.step()
        if not needs:
            return closure
        world.answer(needs, facts)
    raise AssertionError("the closure never ends")


def goal(name: str, texts: Sequence[str], constraints: Sequence[str] = (), **more: Any) -> Goal:
    """Make a goal of requirements as people write them."""
    return Goal(name, parse_requirements(texts), parse_requirements(constraints), **more)


def versions(answer: Resolution | GoalFailure | Needs) -> dict[str, str]:
    """Return the chosen version of each project."""
    assert isinstance(answer, Resolution), answer
    return {pin.project: pin.version for pin in answer.pins}
