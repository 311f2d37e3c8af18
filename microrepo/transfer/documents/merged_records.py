"""Merge of the records that several sources have of one project. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from microrepo.model import File, Project

# By how much a status keeps installers from a project (PEP 792); the most severe one counts.
_SEVERITY = {"active": 0, "archived": 1, "deprecated": 2, "quarantined": 3}


def merge_records(found: Sequence[tuple[str, Project]], *, lacks_status: bool = False) -> Project:
    """Return one record with the files of all.

    Of files with one name, that of the first source counts. If their content differs, the record
    names them among what cannot be used. A serial counts only at its own source, so there is none.

    Args:
        found: names of sources with their records, the most trusted first; at least one.
        lacks_status: a status could not be read, so the known one stays valid.
    """
    projects = [project for _, project in found]
    described = next((one for one in projects if one.info.version is not None), projects[0])
    gravest = max(projects, key=lambda one: _SEVERITY.get(one.status, 1))
    files, conflicts = _merge_files(found)
    return msgspec.structs.replace(
        described,
        display_name=projects[0].display_name,
        serial=None,
        status=gravest.status,
        status_reason=gravest.status_reason,
        files=files,
        versions=tuple(dict.fromkeys(text for one in projects for text in one.versions)),
        rejected=(*(text for one in projects for text in one.rejected), *conflicts),
        facts=min(one.facts for one in projects),
        silent_on_python=any(one.silent_on_python for one in projects),
        silent_on_status=lacks_status or all(one.silent_on_status for one in projects),
        silent_on_provenance=any(one.silent_on_provenance for one in projects),
    )


def _merge_files(found: Sequence[tuple[str, Project]]) -> tuple[tuple[File, ...], list[str]]:
    """Return the files of all records, and a line about each whose content differs."""
    files: dict[str, File] = {}
    conflicts: list[str] = []
    for source, project in found:
        for file in project.files:
            first = files.setdefault(file.filename, file)
            if first is file:
                files[file.filename] = msgspec.structs.replace(file, source=source)
            elif _differ(first, file):
                conflicts.append(
                    f"{file.filename}: {source} has other content under this name than "
                    f"{first.source}, which is used"
                )
    return tuple(files.values()), conflicts


def _differ(one: File, other: File) -> bool:
    """Return whether the contents of two files are known to differ."""
    pairs = [
        (mine, theirs)
        for key in one.digests.__struct_fields__
        if (mine := getattr(one.digests, key)) and (theirs := getattr(other.digests, key))
    ]
    if not pairs:
        return one.size is not None and other.size is not None and one.size != other.size
    return any(mine != theirs for mine, theirs in pairs)
