"""Writer of lock files, atomically and only when they change."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.formats.requirements.pylock import TOOL, render_lock
from microrepo.formats.times import parse_time
from microrepo.model import File
from microrepo.selection.closure.lock_sets import LockedSet, Locks
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.resolution_records import Pin, Resolution
from microrepo.state import FileRow, State
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.hashing import hash_file
from microrepo.stores.plain_files import read_plain_file

_MARKERS = ("implementation_name", "platform_machine", "python_version", "sys_platform")


class Written(Struct, frozen=True):
    """Result of writing lock files.

    Attributes:
        paths: lock files that are up to date now.
        changed: number of files written.
        errors: path and reason of each file that could not be written.
    """

    paths: tuple[str, ...] = ()
    changed: int = 0
    errors: tuple[tuple[str, str], ...] = ()


def write_locks(
    lock_directory: Path, directory: FlatDirectory, state: State, locks: Locks
) -> Written:
    """Write the lock files of the sets whose files are all present.

    A lock file stays as it was if a goal in it cannot be met now.

    Args:
        lock_directory: directory of the lock files; created if missing.
        directory: directory that the paths in them lead to.
        state: source of sizes and digests.
        locks: the sets, see `selection.resolver.lock_sets.plan_locks`.
    """
    paths: list[str] = []
    errors: list[tuple[str, str]] = []
    kept: list[str] = []
    changed = 0
    for one in locks.sets:
        path = lock_directory / one.filename
        if one.lacks and path.exists():
            kept.append(str(path))
            continue
        try:
            body = render_lock(_lock_of(one, lock_directory, directory, state))
            changed += _write(path, body)
        except OSError as error:
            errors.append((str(path), f"cannot be written: {error.strerror or error}"))
        except UnicodeEncodeError:
            errors.append((str(path), "cannot be written: a path is not valid UTF-8"))
        else:
            paths.append(str(path))
    return Written((*paths, *kept), changed, tuple(errors))


def warnings_of(locks: Locks, reported: Collection[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield warnings about bare requirements with separate lock files, and about goals in none.

    Args:
        reported: goals and environments already reported as unmet.
    """
    for apart in locks.apart:
        why = "; ".join(apart.reasons)
        yield (
            f"lock: the bare requirements cannot be installed together in {apart.environment}, so "
            f"each has its own lock file ({why}). Put requirements that belong together in a "
            "requirements file."
        )
    for failure in locks.unmet:
        if (failure.goal.name, failure.environment) not in reported:
            what = f"{failure.goal.name} for {failure.environment}"
            yield f"lock: {what} cannot be met and is not in a lock file"


def _write(path: Path, body: bytes) -> bool:
    """Write a file unless it is up to date; return whether it was written."""
    try:
        if read_plain_file(path) == body:
            return False
    except OSError:
        pass
    write_atomically(path, body, public_mode())
    return True


def _lock_of(one: LockedSet, place: Path, directory: FlatDirectory, state: State) -> Pylock:
    resolution = one.resolution
    names = {file.filename for pin in resolution.pins for file in pin.files}
    rows = state.files_named(names)
    base = Path(os.path.relpath(os.path.realpath(directory.path), os.path.realpath(place)))
    needs = _dependencies(resolution)
    return Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(_marker(one.environment))],
        requires_python=SpecifierSet(_requires_python(one.environment)) or None,
        created_by=TOOL,
        packages=[
            _package(pin, needs.get(pin.key, ()), lambda file: _place(file, base, directory, rows))
            for pin in resolution.pins
        ],
        tool={TOOL: {"environment": one.environment.name, "goals": list(one.goals)}},
    )


def _package(
    pin: Pin, dependencies: Sequence[str], place: Callable[[File], dict[str, Any]]
) -> Package:
    wheels = [file for file in pin.files if parse_wheel_name(file.filename) is not None]
    sdists = [file for file in pin.files if file not in wheels]
    return Package(
        name=pin.project,
        version=Version(pin.version),
        requires_python=_pythons_of(pin),
        dependencies=[{"name": name} for name in dependencies] or None,
        wheels=[PackageWheel(**place(file)) for file in wheels] or None,
        sdist=PackageSdist(**place(sdists[0])) if sdists else None,
        tool={TOOL: {"url": pin.url}} if pin.url else None,
    )


def _pythons_of(pin: Pin) -> SpecifierSet | None:
    """Return the Requires-Python that all files of a release share, if it is readable."""
    texts = {file.requires_python or "" for file in pin.files}
    try:
        return (SpecifierSet(texts.pop()) if len(texts) == 1 else None) or None
    except InvalidSpecifier:
        return None


def _place(
    file: File, base: Path, directory: FlatDirectory, rows: Mapping[str, FileRow]
) -> dict[str, Any]:
    path = directory.file(file.filename)
    row = rows.get(file.filename)
    sha256 = (row.digests.sha256 if row else None) or hash_file(path).sha256 or ""
    size = row.size if row and row.size is not None else path.stat().st_size
    return {
        "path": (base / file.filename).as_posix(),
        "size": size,
        "hashes": {"sha256": sha256},
        "upload_time": parse_time(file.upload_time) if file.upload_time else None,
    }


def _dependencies(resolution: Resolution) -> dict[str, list[str]]:
    """Return, by release, the names of the releases it requires, sorted."""
    found: dict[str, list[str]] = {}
    for pin in resolution.pins:  # sorted by name
        for parent in dict.fromkeys(edge.parent for edge in pin.edges):
            if parent and parent != pin.key:
                found.setdefault(parent, []).append(pin.project)
    return found


def _marker(environment: Environment) -> str:
    """Return the marker that installers can check for an environment."""
    known = {key: environment.markers[key] for key in _MARKERS}
    return " and ".join(
        f"{key} == '{value}'"
        for key, value in known.items()
        if value and value.isprintable() and not set(value) & set("'\"")
    )


def _requires_python(environment: Environment) -> str:
    release = environment.markers["python_version"]
    return f">={release}" if Version(environment.python) >= Version(release) else ""
