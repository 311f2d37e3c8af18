"""Names that differ only in case: on some file systems (FAT, exFAT, macOS) they are one file."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator

from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject


def ignores_case(repository: str) -> bool:
    """Return whether a repository is on a file system that ignores case; nothing is written.

    Its control folder, which each import makes first, is looked up under another spelling.
    """
    other = CONTROL_FOLDER.upper()
    try:
        return os.path.samefile(
            os.path.join(repository, CONTROL_FOLDER), os.path.join(repository, other)
        )
    except OSError:
        return False


def folded(name: str) -> str:
    """Return what a file system that ignores case compares of a name."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def case_twins(
    entries: Iterable[ManifestProject | ManifestFile],
) -> Iterator[tuple[str, str]]:
    """Yield pairs of file names of one project that differ only in case.

    Args:
        entries: in the order of a manifest.
    """
    project = ""
    known: dict[str, str] = {}
    for entry in entries:
        if entry.project != project:
            project = entry.project
            known.clear()
        if isinstance(entry, ManifestFile):
            first = known.setdefault(folded(entry.filename), entry.filename)
            if first != entry.filename:
                yield first, entry.filename


def renamed_files(
    repository: str,
    leaving: Iterable[str],
    target: Iterable[ManifestProject | ManifestFile],
) -> set[str]:
    """Return the files to delete that are also files of the target, under another spelling.

    Args:
        leaving: names of the files to delete.
        target: entries of the target.
    """
    spellings = {folded(name): name for name in leaving}
    found = set()
    for entry in target if spellings else ():
        if isinstance(entry, ManifestFile):
            name = spellings.get(folded(entry.filename), entry.filename)
            if name != entry.filename and _are_one(repository, name, entry.filename):
                found.add(name)
    return found


def _are_one(repository: str, name: str, other: str) -> bool:
    try:
        return os.path.samefile(os.path.join(repository, name), os.path.join(repository, other))
    except OSError:
        return False
