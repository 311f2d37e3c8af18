"""Layouts of other mirror programs: recognition, and their distributions.

Only names are read here; `tree_records` reads the trees' records of their files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import RepositoryError
from microrepo.formats.distribution.filenames import package_type_of, split_release, unsafe_filename
from microrepo.model import Digests, NormalizedName

BANDERSNATCH, OLD_BANDERSNATCH = "bandersnatch", "bandersnatch 1.x"
MORGAN, MINIREPO, DIRECTORY = "Morgan", "minirepo", "a directory of distributions"
DEVPI = "devpi"

_VERSION_START = re.compile(r"-v?\d", re.ASCII)
_HEX_2 = re.compile(r"[0-9a-f]{2}")
_BY_DIGEST = re.compile(r"(?:^|/)([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})$")


class Layout(Struct, frozen=True):
    """A recognised tree.

    Attributes:
        name: the program that filled it, one of the constants above.
        path: the tree.
        web: the part that bandersnatch serves; for other programs the tree itself.
        files: the directory with the distributions.
        evidence: names that identify the layout.
        is_mirror: the program downloaded its files from an index.
    """

    name: str
    path: Path
    web: Path
    files: Path
    evidence: tuple[str, ...]
    is_mirror: bool = True


class Candidate(Struct, frozen=True, gc=False, order=True):
    """One distribution in a tree, with its size in bytes and modification time."""

    project: NormalizedName
    filename: str
    version: str
    path: str
    size_bytes: int
    mtime_ns: int

    def digests_of_path(self) -> Digests:
        """Return the digests in a path: PyPI's directories are named by digest."""
        found = _BY_DIGEST.search(os.path.dirname(self.path))  # noqa: PTH120 - of millions
        return Digests(blake2b_256="".join(found.groups())) if found else Digests()


def recognise(path: Path) -> Layout:
    """Return the layout of a tree.

    Args:
        path: the directory; for bandersnatch its `web` works too.

    Raises:
        RepositoryError: not a directory, unreadable, or without distributions.
    """
    if not path.is_dir():
        raise RepositoryError(path, "is not a directory; name the tree to adopt")
    try:
        for look in (_bandersnatch, _morgan, _minirepo, _plain):
            layout = look(path)
            if layout is not None:
                return layout
    except OSError as error:
        raise RepositoryError(
            error.filename or path, f"cannot be read: {error.strerror}"
        ) from error
    raise RepositoryError(
        path,
        "contains no distributions: neither web/packages/ (bandersnatch), nor <project>/<file> "
        "(Morgan), nor any wheel or sdist",
    )


def _bandersnatch(path: Path) -> Layout | None:
    web = path / "web" if (path / "web" / "packages").is_dir() else path
    packages = web / "packages"
    if not packages.is_dir() or not ((web / "simple").is_dir() or (path / "status").is_file()):
        return None
    at = "web/" if web != path else ""
    folders = [entry.name for entry in os.scandir(packages) if Path(entry.path).is_dir()]
    by_digest = [name for name in folders if _HEX_2.fullmatch(name)]
    others = [name for name in folders if name not in by_digest]
    evidence = []
    if by_digest:
        evidence.append(f"{at}packages/{min(by_digest)}/..: folders named by digest")
    if others:
        evidence.append(f"{at}packages/{min(others)}/..: folders named by Python and letter")
    evidence += [
        f"{at}{name}/" for name in ("json", "pypi", "simple", "serversig") if (web / name).is_dir()
    ]
    for name in ("status", "generation", "todo"):
        if (path / name).is_file():
            text = (path / name).read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]
            evidence.append(f"{name}: {text[:40].strip()!a}")
    name = OLD_BANDERSNATCH if others and not by_digest else BANDERSNATCH
    return Layout(name, path, web, packages, tuple(evidence))


def _morgan(path: Path) -> Layout | None:
    evidence = ["morgan.ini"] if (path / "morgan.ini").is_file() else []
    for folder in sorted(entry.name for entry in os.scandir(path) if _is_project_folder(entry)):
        for entry in os.scandir(path / folder):
            if _is_distribution(entry.name) and Path(f"{entry.path}.hash").is_file():
                shown = f"{folder}/{entry.name} with a .hash beside it"
                return Layout(MORGAN, path, path, path, (*evidence, shown))
    return None


def _is_project_folder(entry: os.DirEntry[str]) -> bool:
    return Path(entry.path).is_dir() and not entry.name.startswith(".")


def _minirepo(path: Path) -> Layout | None:
    if not (path / "packages.json").is_file():
        return None
    first = _first(path)
    if first is None:
        return None
    return Layout(MINIREPO, path, path, path, ("packages.json", f"{first} beside it"))


def _plain(path: Path) -> Layout | None:
    first = _first(path)
    if first is None:
        for candidate in candidates(Layout(DIRECTORY, path, path, path, ()), None):
            first = os.path.relpath(candidate.path, path)
            break
    if first is None:
        return None
    name = DEVPI if (path / "+files").is_dir() else DIRECTORY
    return Layout(name, path, path, path, (f"{first}: a distribution",), is_mirror=False)


def _first(path: Path) -> str | None:
    names = (
        e.name for e in os.scandir(path) if _is_distribution(e.name) and Path(e.path).is_file()
    )
    return min(names, default=None)


def _is_distribution(filename: str) -> bool:
    return package_type_of(filename) is not None and split_release(filename) is not None


def candidates(
    layout: Layout,
    repository: Path | None,
    skipped: Callable[[str, str], None] = lambda _path, _why: None,
) -> Iterator[Candidate]:
    """Yield every distribution of a tree, directory by directory.

    Symbolic links to files are followed, those to directories are not; hidden directories are
    skipped.

    Args:
        repository: directory in the tree to skip: the target of the adoption.
        skipped: receives files that look like distributions but cannot be adopted, and why.
    """
    waiting = [str(layout.files)]
    left_out = None if repository is None else os.path.realpath(repository)
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            skipped(folder, f"cannot be read: {error.strerror}")
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                is_ours = left_out is not None and os.path.realpath(entry.path) == left_out
                if not entry.name.startswith(".") and not is_ours:
                    waiting.append(entry.path)
                continue
            found = _candidate(entry, skipped)
            if found is not None:
                yield found


def _candidate(entry: os.DirEntry[str], skipped: Callable[[str, str], None]) -> Candidate | None:
    filename = entry.name
    if package_type_of(filename) is None or filename.startswith("."):
        return None
    unsafe = unsafe_filename(filename)
    if unsafe and _VERSION_START.search(filename):
        skipped(entry.path, f"skipped: {unsafe} in its name")
        return None
    release = split_release(filename)
    if release is None:
        return None  # any archive, or a program
    try:
        if not Path(entry.path).is_file():
            return None
        status = entry.stat()
    except OSError as error:
        skipped(entry.path, f"cannot be read: {error.strerror}")
        return None
    return Candidate(
        canonicalize_name(release[0]),
        filename,
        release[1],
        entry.path,
        status.st_size,
        status.st_mtime_ns,
    )
