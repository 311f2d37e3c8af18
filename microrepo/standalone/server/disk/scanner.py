"""Scanner: project pages of a directory without static pages, made from its files."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from microrepo.standalone.server.archive_metadata import read_core_metadata
from microrepo.standalone.server.disk.file_digests import FileDigests
from microrepo.standalone.server.disk.files import inside, read_file, rfc3339, signature
from microrepo.standalone.server.metadata import MAX_METADATA_BYTES, parse_core_metadata
from microrepo.standalone.server.names import PROVENANCE_SUFFIX, is_servable, parse_filename
from microrepo.standalone.server.records import FileEntry, ProjectPage

if TYPE_CHECKING:
    from microrepo.standalone.server.disk.files import Checks, Signature

# What a request may hash before it answers: 0.1 s or so. Larger files are hashed in the background
# and their digests stand in the page from then on.
PAGE_HASH_BYTES = 64 << 20


# A directory changed this shortly before it was read may change again without a new time stamp.
SETTLE_NS = 2_000_000_000


class Listing(NamedTuple):
    """The flat directory as read at one time: file names per project, and the sidecars."""

    signature: Signature
    settled: bool
    projects: dict[str, list[str]]
    sidecars: set[str]


class Found(NamedTuple):
    """A project's page, with the checks under which it stays true.

    ``settled`` is False while a digest is missing or the directory may still be changing.
    """

    page: ProjectPage
    checks: Checks
    settled: bool = True


class Scanner:
    """Makes pages from the files of a directory; remembers what it read."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._listing: Listing | None = None
        self._scan_again_s = 0.0
        self._digests = FileDigests()
        self._pythons: dict[str, tuple[Signature, str]] = {}

    def listing(self) -> Listing:
        """Return the directory's content, read again if it has changed.

        A huge directory under change is read for at most half of the time.
        """
        with self._lock:
            known, now = self._listing, signature(self._root)
            if known and known.signature == now and known.settled:
                return known
            started_s = time.monotonic()
            if known is None or started_s > self._scan_again_s:
                self._listing = known = self._scan(now)
                ended_s = time.monotonic()
                self._scan_again_s = 2 * ended_s - started_s
            return known

    def _scan(self, now: Signature) -> Listing:
        changed_ns = now[2] if now else 0
        settled = abs(time.time_ns() - changed_ns) > SETTLE_NS
        projects: dict[str, list[str]] = {}
        sidecars = set()
        with os.scandir(self._root) as entries:
            for entry in entries:
                name = entry.name
                if not is_servable(name) or not self._is_below(entry):
                    continue
                parsed = parse_filename(name)
                if parsed:
                    projects.setdefault(parsed.name, []).append(name)
                elif name.endswith((".metadata", PROVENANCE_SUFFIX)):
                    sidecars.add(name)
        self._forget_others(projects)
        return Listing(now, settled, projects, sidecars)

    def _is_below(self, entry: os.DirEntry[str]) -> bool:
        try:
            found = entry.is_file()
        except OSError:  # a symlink to itself
            return False
        return found and (not entry.is_symlink() or inside(self._root, entry.path) != "")

    def _forget_others(self, projects: dict[str, list[str]]) -> None:
        count = sum(map(len, projects.values()))
        if len(self._pythons) > 2 * count + 100:
            paths = {
                os.path.join(self._root, name) for names in projects.values() for name in names
            }
            self._digests.keep_only(paths)
            for path in self._pythons.keys() - paths:
                self._pythons.pop(path, None)

    def project(self, name: str, hash_bytes: int | None = PAGE_HASH_BYTES) -> Found | None:
        """Return a project's page, or None if no file belongs to it.

        At most `hash_bytes` of files are hashed before it returns, the others in the background;
        None computes no digests.
        """
        listing = self.listing()
        entries, settled = [], listing.settled
        checks: list[tuple[str, Signature]] = [(self._root, listing.signature)]
        for filename in listing.projects.get(name, ()):
            path = os.path.join(self._root, filename)
            found = signature(path)
            if found is None:
                continue
            checks.append((path, found))
            digest = self._digests.known(path, found)
            if hash_bytes is not None and not digest:
                digest = self._digests.compute(path, found) if found[1] <= hash_bytes else ""
                hash_bytes -= found[1] if digest else 0
            settled = settled and bool(digest)
            if hash_bytes is not None and not digest:
                self._digests.compute_later(path, found)
            has_sidecar = filename + ".metadata" in listing.sidecars
            entry = self._entry(filename, found, digest, has_sidecar)
            provenance = filename + PROVENANCE_SUFFIX
            if provenance in listing.sidecars:
                entry = entry._replace(provenance=provenance)
            entries.append(entry)
        return Found(ProjectPage(name, tuple(entries)), tuple(checks), settled) if entries else None

    def _entry(self, filename: str, found: Signature, digest: str, has_sidecar: bool) -> FileEntry:
        path = os.path.join(self._root, filename)
        sidecar = read_file(path + ".metadata", MAX_METADATA_BYTES) if has_sidecar else b""
        metadata: bool | dict[str, str] = False
        if sidecar:
            metadata = {"sha256": hashlib.sha256(sidecar).hexdigest()}
        size, changed_ns = (found[1], found[2]) if found else (0, 0)
        return FileEntry(
            filename=filename,
            url="",
            hashes={"sha256": digest} if digest else {},
            size=size,
            upload_time=rfc3339(changed_ns),
            requires_python=self._requires_python(path, found, sidecar),
            core_metadata=metadata,
        )

    def _requires_python(self, path: str, found: Signature, sidecar: bytes) -> str:
        known = self._pythons.get(path)
        if known is None or known[0] != found:
            fields = parse_core_metadata(sidecar or read_core_metadata(path))
            known = (found, fields.get("requires-python", [""])[0])
            self._pythons[path] = known
        return known[1]
