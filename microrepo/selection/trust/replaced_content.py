"""Content that a source replaced: another file under the name of one that was verified earlier.

An index such as PyPI never does that; where it happens, a release was published again, or somebody
took over the index, the project or the connection. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from microrepo.model import BY_STRENGTH, Digests, File, Project


class HeldContent(Struct, frozen=True):
    """A file of a repository whose content was verified when it arrived.

    Attributes:
        url: where it came from.
        size_bytes: None if it is unknown.
    """

    filename: str
    digests: Digests
    url: str = ""
    size_bytes: int | None = None


class ReplacedFile(Struct, frozen=True):
    """A file for which a source lists other content than the held one."""

    held: HeldContent
    listed: File

    def __str__(self) -> str:
        algorithm, before, now = _differing(self.held.digests, self.listed.digests) or ("", "", "")
        return f"{algorithm} {before} before, {now} now"


def replaced_files(project: Project, held: Mapping[str, HeldContent]) -> tuple[ReplacedFile, ...]:
    """Return the held files for which a record lists other content.

    Without a digest of the same kind on both sides, a file does not count.

    Args:
        held: by name, the held files of the project.
    """
    return tuple(
        ReplacedFile(held[file.filename], file)
        for file in project.files
        if file.filename in held
        and _differing(held[file.filename].digests, file.digests) is not None
    )


def with_held_content(
    project: Project, known: Project | None, replaced: tuple[ReplacedFile, ...]
) -> Project:
    """Return a record that lists the held files as they were, and everything else as it is now.

    Args:
        known: the previous record, if there is one.
    """
    files = {one.held.filename: _as_held(one, known) for one in replaced}
    kept = tuple(files.get(file.filename, file) for file in project.files)
    return msgspec.structs.replace(project, files=kept)


def _as_held(one: ReplacedFile, known: Project | None) -> File:
    held = one.held
    for file in known.files if known is not None else ():
        if file.filename == held.filename and _differing(held.digests, file.digests) is None:
            return file
    return msgspec.structs.replace(
        one.listed,
        url=held.url or one.listed.url,
        digests=held.digests,
        size=held.size_bytes,
        core_metadata=False,
        core_metadata_sha256=None,
        provenance=None,
        evidence=None,
    )


def _differing(before: Digests, now: Digests) -> tuple[str, str, str] | None:
    """Return the strongest algorithm that both have, and its values if they differ."""
    for algorithm in BY_STRENGTH:
        left, right = getattr(before, algorithm), getattr(now, algorithm)
        if left and right:
            return None if left == right else (algorithm, left, right)
    return None
