"""Examination of an adopted tree's files against the tree's own records."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.formats.distribution.filenames import package_type_of
from microrepo.model import Digests, File
from microrepo.publish.project.found_files import DescribeFile, describe, is_distribution
from microrepo.repositories.directory_contents import Claim, contradiction
from microrepo.repositories.foreign.tree_layouts import Candidate
from microrepo.stores.hashing import hash_file

_READ_BYTES = 1 << 20
_OPENERS: Mapping[str, Callable[..., object]] = {
    ".gz": gzip.open, ".tgz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open
}  # fmt: skip


class Examined(Struct, frozen=True, gc=False):
    """Result of reading a file.

    Attributes:
        file: its record with digests; None if it must not be adopted.
        problem: why it must not be adopted.
    """

    candidate: Candidate
    file: File | None = None
    problem: str = ""


def examine(candidate: Candidate, listed: File | None, claim: Claim | None) -> Examined:
    """Read one file and compare it with the tree's record.

    Args:
        listed: the tree's record of the file, if any.
        claim: other statements about its content.

    Returns:
        The file with its SHA-256 (and the digest that the tree records); or the problem: content
        that differs from the tree's record or, without a record, a truncated archive.
    """
    claimed = claim.digests if claim is not None else Digests()
    expected = listed.digests.completed_by(claimed) if listed else claimed
    strongest = expected.strongest()
    path = Path(candidate.path)
    try:
        if listed is None:
            file, problem = _describe(candidate, path)
            # No installer reads .msi or .exe files, so their integrity is not checked.
            is_readable = is_distribution(candidate.filename)
            if strongest is None and is_readable and (problem or (problem := _broken(path))):
                return Examined(candidate, problem=f"damaged: {problem}")
        else:
            file = listed
        wanted = {"sha256"} | ({strongest[0]} if strongest else set())
        missing = tuple(sorted(wanted - _known(file, listed)))
        digests = (hash_file(path, missing) if missing else Digests()).completed_by(
            _own(file, listed)
        )
    except OSError as error:
        return Examined(candidate, problem=f"cannot be read: {error.strerror or error}")
    where = claim.where if claim is not None else "its tree"
    problem = contradiction(Claim(expected, where), digests)
    if problem:
        return Examined(candidate, problem=problem)
    file = msgspec.structs.replace(
        file, digests=expected.completed_by(digests), size=candidate.size_bytes
    )
    return Examined(candidate, file)


def _own(file: File, listed: File | None) -> Digests:
    """Return digests that were computed earlier."""
    return file.digests if listed is None else Digests()


def _known(file: File, listed: File | None) -> set[str]:
    return {name for name in Digests.__struct_fields__ if getattr(_own(file, listed), name)}


def _describe(candidate: Candidate, path: Path) -> tuple[File, str]:
    """Return a file's metadata, and the problem if it cannot be read."""
    about = describe(DescribeFile(str(path.parent), path.name))
    if about.row is not None:
        return about.row.file, ""
    package_type = package_type_of(candidate.filename) or "unknown"
    bare = File(candidate.filename, "", candidate.version, package_type)
    return bare, about.problem


def _broken(path: Path) -> str:
    """Return the problem of a compressed archive, read to its end; "" if it is intact."""
    opener = _OPENERS.get(path.suffix)
    if opener is None:
        return ""
    try:
        with opener(path) as stream:  # type: ignore[attr-defined]
            while stream.read(_READ_BYTES):
                pass
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        return str(error)
    except OSError as error:
        if error.errno is not None:
            raise
        return str(error)  # the message of bz2
    return ""


def one_of_each(
    examined: Iterable[Examined], is_target: Callable[[Candidate], bool]
) -> tuple[list[Examined], list[tuple[str, str]]]:
    """Choose one file per name.

    Args:
        examined: intact files; names can occur several times.
        is_target: returns whether a file is already in place.

    Returns:
        The files to adopt; and names with different content, with the reason that none is adopted.
    """
    by_name: dict[str, list[Examined]] = {}
    for one in examined:
        by_name.setdefault(one.candidate.filename, []).append(one)
    chosen, conflicts = [], []
    for filename, twins in sorted(by_name.items()):
        contents = {one.file.digests.sha256 for one in twins if one.file}
        if len(contents) > 1:
            conflicts.append((filename, _places(twins)))
            continue
        in_place = [one for one in twins if is_target(one.candidate)] if len(twins) > 1 else []
        chosen.append((in_place or twins)[0])
    return chosen, conflicts


def _places(twins: Sequence[Examined]) -> str:
    shown = ", ".join(one.candidate.path for one in twins[:4])
    more = f" and {len(twins) - 4} more" if len(twins) > 4 else ""
    return f"found in several places with different content, adopted from none: {shown}{more}"


def by_project(found: Iterable[Candidate], at_least: int) -> Iterator[list[Candidate]]:
    """Split sorted files into batches of about this size, each project in one batch."""
    batch: list[Candidate] = []
    for one in found:
        if len(batch) >= at_least and batch[-1].project != one.project:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch
