"""Acceptance of chosen files: why pip or uv would not install one, although its metadata suits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_checks import check_members, check_wheel
from microrepo.plan import same_content
from microrepo.publish.project.sidecar_check import damaged_sidecars
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.admission import admission_of
from microrepo.selection.resolver.goal_records import Goal
from microrepo.selection.resolver.resolution_records import Resolution
from microrepo.state import State
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.hashing import hash_file, update_from

_DAMAGED = "damaged, and installers choose it; run `microrepo verify --repair`"
# What pip accepts in `--hash`; uv also accepts md5 and blake2b.
_HASHES = frozenset({"sha256", "sha384", "sha512"})


class Acceptance:
    """Looks at the files that were chosen, each once.

    Args:
        state: of the repository; a file that is as recorded there is not read through.
        directory: where the files lie.
        any_hash: also take ``--hash`` algorithms that pip does not.
    """

    def __init__(self, state: State, directory: FlatDirectory, *, any_hash: bool = False) -> None:
        self._any_hash = any_hash
        self._state = state
        self._directory = directory
        self._known: dict[str, str] = {}

    def faults(self, found: Resolution, environment: Environment) -> Iterator[str]:
        """Yield why installers refuse what a resolution chose."""
        admission = admission_of(found.goal, environment)
        hashes, urls = dict(admission.hashes), dict(admission.urls)
        urls.update((one.project, one.url) for one in found.goal.requirements if one.url)
        if not self._any_hash:
            yield from _hash_faults(found.goal)
        for pin in found.pins:
            name = pin.metadata_file
            why = self._refused(name)
            if not why and pin.project in hashes:
                why = self._undigested(name, hashes[pin.project])
            elif not why and (hashes or found.goal.requires_hashes) and pin.project not in urls:
                why = "has no --hash; pip requires one because another requirement has one"
            if why:
                yield f"{name}: {why}"

    def _refused(self, filename: str) -> str:
        """Return why installers refuse a file for its content, "" when they do not."""
        if filename not in self._known:
            try:
                self._known[filename] = self._fault(filename)
            except MalformedResponse as error:
                self._known[filename] = str(error.args[-1])
            except OSError as error:
                self._known[filename] = f"cannot be read: {error.strerror}"
        return self._known[filename]

    def _fault(self, filename: str) -> str:
        path = self._directory.file(filename)
        row = self._state.files_named([filename]).get(filename)
        disk = self._directory.stat(filename)
        strongest = row.digests.strongest() if row is not None else None
        if row is not None and (
            row.mtime_ns == DAMAGED_MTIME_NS or (disk and row.size not in {None, disk.size_bytes})
        ):
            return _DAMAGED
        if row is not None and strongest is not None and not (disk and disk.matches(row)):
            algorithm, value = strongest
            if same_content(row.digests, hash_file(path, (algorithm,))) is False:
                return f"damaged: its {algorithm} is not {value}, as recorded"
        if not filename.endswith(".whl"):
            return ""
        with path.open("rb") as stream:
            check_wheel(stream, filename)
            if strongest is None:
                check_members(stream, filename)
        for _, why in damaged_sidecars(self._state, self._directory, [filename]):
            return f"its .metadata file is {why}"
        return ""

    def _undigested(self, filename: str, allowed: frozenset[str]) -> str:
        """Return why a file has none of the digests that are asked for, "" when it has one."""
        for algorithm in sorted({one.partition(":")[0] for one in allowed}):
            hasher = hashlib.new(algorithm, usedforsecurity=False)
            try:
                update_from(self._directory.file(filename), hasher.update)
            except OSError as error:
                return f"cannot be read: {error.strerror}"
            if f"{algorithm}:{hasher.hexdigest()}" in allowed:
                return ""
        return "has none of the digests that --hash asks for"


def _hash_faults(goal: Goal) -> Iterator[str]:
    """Yield the algorithms that pip does not read, whatever their markers say."""
    for one in (*goal.requirements, *goal.constraints):
        for algorithm in sorted({text.partition(":")[0] for text in one.hashes} - _HASHES):
            yield f"{one.label}: pip does not accept {algorithm} in --hash, only {', '.join(sorted(_HASHES))}"
