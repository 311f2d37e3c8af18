"""Contents of a directory, with claims of its state, pages, documents and `.hash` files.

Any program may have filled the directory. A claim about a file's content stays valid until the file
is replaced by the claimed content, so that damage never counts as a new file.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.batching import batched
from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import STORED_DOCUMENT
from microrepo.formats.distribution.filenames import package_type_of, split_release, unsafe_filename
from microrepo.formats.index.pypi_json import parse_document
from microrepo.formats.index.simple_api import parse_project
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.plan import same_content
from microrepo.state import FileRow, State
from microrepo.state.file_rows import unrecorded_row
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.flat_directory import FlatDirectory, OnDisk
from microrepo.stores.plain_files import read_plain_file

_log = logging.getLogger(__name__)
_NAMES_AT_ONCE = 500
_PROJECTS_KEPT = 100
_TREE = ("simple", "json", "pypi")
_LONGEST_HASH = 1000
_JSON, _HTML = "application/vnd.pypi.simple.v1+json", "text/html"
_PAGES = (("index.v1_json", _JSON), ("index.v1_html", _HTML), ("index.html", _HTML))
_ALGORITHMS = {"sha256": "sha256", "md5": "md5", "blake2b_256": "blake2b_256"}
# The files of a project are adjacent.
_canonical = lru_cache(maxsize=1024)(canonicalize_name)


class Claim(Struct, frozen=True, gc=False):
    """A claim about a file's content.

    Attributes:
        digests: claimed digests.
        where: origin of the claim: ``its state``, ``its page``, ...
        size, mtime_ns: of the file when the claim was true; None and 0 if unknown.
        project: project of the file; "" if only its name shows it.
        file: further claims.
    """

    digests: Digests
    where: str
    size: int | None = None
    mtime_ns: int = 0
    project: str = ""
    file: File | None = None

    def holds_for(self, disk: OnDisk) -> bool:
        """Return whether a file is as it was when the claim was true."""
        return disk.matches(self)


def parse_name(filename: str) -> tuple[NormalizedName, str] | None:
    """Return project and version from a distribution's file name, None for other names."""
    if package_type_of(filename) is None or unsafe_filename(filename):
        return None
    release = split_release(filename)
    return None if release is None else (_canonical(release[0]), release[1])


def state_claims(state: State, projects: Collection[str] | None = None) -> dict[str, Claim]:
    """Return the claims of a state about files of some (or all) projects, by name."""
    claims = {}
    facts: dict[str, File] = {}
    names = list(projects) if projects is not None else None
    for found in state.publication.found(names):
        # The correct size of a damaged file may be unknown.
        size = found.file.size if found.mtime_ns == DAMAGED_MTIME_NS else found.size
        claims[found.filename] = Claim(
            found.file.digests, "its state", size, found.mtime_ns, found.project, found.file
        )
    rows = [row for row in state.files(names) if row.present]
    for batch in batched(sorted({row.project for row in rows}), _NAMES_AT_ONCE):
        for record in state.documents(batch).values():
            facts.update((file.filename, file) for file in record.files)
    for row in rows:
        earlier = claims.get(row.filename)
        file = facts.get(row.filename) or (earlier.file if earlier is not None else None)
        claims[row.filename] = Claim(
            row.digests, "its state", row.size, row.mtime_ns, row.project, file
        )
    return claims


def page_claims(directory: FlatDirectory, project: NormalizedName) -> dict[str, Claim]:
    """Return the claims of a directory's pages about a project's files, by name."""
    claims: dict[str, Claim] = {}
    for where, record in _records(directory, project):
        for file in record.files:
            if file.digests.strongest() is not None:
                claims.setdefault(file.filename, Claim(file.digests, where, file.size, file=file))
    return claims


def _records(directory: FlatDirectory, name: NormalizedName) -> Iterator[tuple[str, Project]]:
    for read, where in ((read_page, "its page"), (read_document, "its document")):
        try:
            record = read(directory.path, name)
        except (OSError, MalformedResponse) as error:
            _log.info("%s: %s is not used: %s", name, where, error)
            continue
        if record is not None:
            yield where, record


def read_page(root: Path, name: NormalizedName) -> Project | None:
    """Return a project's record from its page in a static tree, None without a page.

    Raises:
        MalformedResponse: the page cannot be read.
        OSError: the file cannot be read.
    """
    for folder in (root / "simple" / name, root / "simple" / name[0] / name):
        for filename, kind in _PAGES:
            path = folder / filename
            if path.is_file() and path.stat().st_size <= STORED_DOCUMENT.size_bytes:
                url = path.resolve().as_uri()
                return parse_project(read_plain_file(path), kind, url, name, bound=STORED_DOCUMENT)
    return None


def read_document(root: Path, name: NormalizedName) -> Project | None:
    """Return a project's record from its document in a static tree, None without files.

    Raises:
        MalformedResponse: the document cannot be read.
        OSError: the file cannot be read.
    """
    for path in (root / "json" / name, root / "pypi" / name / "json"):
        if path.is_file() and path.stat().st_size <= STORED_DOCUMENT.size_bytes:
            parsed = parse_document(read_plain_file(path), name, bound=STORED_DOCUMENT)
            return parsed.project if parsed.has_files else None
    return None


def hash_claim(path: Path) -> Digests:
    """Return the claim of a `.hash` file beside a distribution."""
    try:
        with Path(f"{path}.hash").open(encoding="ascii") as stream:
            text = stream.read(_LONGEST_HASH).strip()
    except (OSError, UnicodeDecodeError):
        return Digests()
    algorithm, _, value = text.partition("=")
    known = _ALGORITHMS.get(algorithm.lower().replace("-", "_"))
    return Digests(**{known: value.strip().lower()}) if known and value else Digests()


class DirectoryContents:
    """Claims about the files of one directory.

    Args:
        stated: claims of its state, see `state_claims`.
        names: all names in the directory; None if they were not read.
    """

    def __init__(
        self,
        directory: FlatDirectory,
        stated: Mapping[str, Claim],
        names: Collection[str] | None = None,
    ) -> None:
        self._directory = directory
        self._names = names
        self.stated = stated
        self._paged: dict[NormalizedName, dict[str, Claim]] = {}

    @cached_property
    def _has_tree(self) -> bool:  # else nobody looks for pages, project by project
        return any((self._directory.path / name).exists() for name in _TREE)

    def claim(self, filename: str, project: NormalizedName) -> Claim | None:
        """Return the claim about a file: of the state, else of pages, else of `.hash`."""
        found = self.stated.get(filename)
        if found is not None and found.digests.strongest() is not None:
            return found
        if project not in self._paged and self._has_tree:
            if len(self._paged) >= _PROJECTS_KEPT:
                self._paged.clear()
            self._paged[project] = page_claims(self._directory, project)
        paged = self._paged[project].get(filename) if self._has_tree else None
        if paged is not None:
            return paged
        if self._names is not None and f"{filename}.hash" not in self._names:
            return found
        digests = hash_claim(self._directory.file(filename))
        return found if digests.strongest() is None else Claim(digests, "its .hash file")


def damaged_found(filename: str, project: NormalizedName, claim: Claim, size: int) -> FoundRow:
    """Return the row that marks a file as damaged until it has the claimed content.

    Args:
        size: size on disk, in bytes.
    """
    version = (parse_name(filename) or (project, ""))[1]
    file = claim.file or File(filename, "", version, package_type_of(filename) or "")
    file = msgspec.structs.replace(file, url="", digests=claim.digests, size=claim.size)
    return FoundRow(filename, project, size, DAMAGED_MTIME_NS, project, file)


def contradiction(claim: Claim | None, found: Digests) -> str:
    """Return how a file's content differs from a claim; "" if it does not."""
    if claim is None or same_content(claim.digests, found) is not False:
        return ""
    algorithm, value = shared_digest(claim.digests, found)
    return f"damaged: its {algorithm} is {getattr(found, algorithm)}, {claim.where} says {value}"


def shared_digest(said: Digests, found: Digests) -> tuple[str, str]:
    """Return the algorithm to compare two sets of digests, and the first set's digest."""
    for algorithm in Digests.__struct_fields__:
        value = getattr(said, algorithm)
        if value and getattr(found, algorithm):
            return algorithm, value
    return "", ""


class Unrecorded(Struct, frozen=True):
    """A distribution in a directory without a row in the state.

    Attributes:
        row: a row for the state.
        file: its record.
    """

    row: FileRow
    file: File


def unrecorded(
    directory: FlatDirectory, state: State, disk: Mapping[str, OnDisk], *, listed: bool = False
) -> Iterator[Unrecorded]:
    """Yield the distributions of a directory without a row in the state.

    Their rows have the digests of found rows, pages, documents or `.hash` files, and a time of 0 if
    the content was never compared with them.

    Args:
        state: state of the directory, or an empty one.
        disk: the contents of the directory.
        listed: also yield files with a row that no source has listed.
    """
    named = sorted((parsed[0], name, parsed[1]) for name in disk if (parsed := parse_name(name)))
    for batch in batched(named, _NAMES_AT_ONCE):
        recorded = {
            name
            for name, row in state.files_named(n for _, n, _ in batch).items()
            if row.present and (row.is_ours or not listed)
        }
        projects = {project for project, _, _ in batch}
        stated = {
            name: claim
            for name, claim in state_claims(state, projects).items()
            if name not in recorded
        }
        contents = DirectoryContents(directory, stated)
        for project, filename, version in batch:
            if filename not in recorded:
                claim = contents.claim(filename, project)
                yield _unrecorded(filename, project, version, disk[filename], claim)


def _unrecorded(
    filename: str, project: NormalizedName, version: str, disk: OnDisk, claim: Claim | None
) -> Unrecorded:
    known = claim.file if claim is not None else None
    digests = claim.digests if claim is not None else Digests()
    size = disk.size_bytes if claim is None or claim.size is None else claim.size
    file = File(
        filename,
        known.url if known else "",
        known.version if known else version,
        package_type_of(filename) or "",
        digests,
        size,
        known.requires_python if known else None,
        known.upload_time if known else None,
        yanked=known.yanked if known else False,
        yanked_reason=known.yanked_reason if known else None,
    )
    mtime_ns = disk.mtime_ns if claim is None else claim.mtime_ns
    row = unrecorded_row(file, project, mtime_ns)
    # The file exists, but its correct size may be unknown.
    said = disk.size_bytes if claim is None else claim.size
    return Unrecorded(row, msgspec.structs.replace(file, size=said))
