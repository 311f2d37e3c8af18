"""Changes in the flat directory: staged files get their names, and files are deleted.

Every step can be done again after a kill.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable

from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.intake.content_survey import (
    SIDECAR_SUFFIX,
    ContentSurvey,
    file_status,
)
from microrepo.standalone.importer.intake.staging import Staging, file_sha256
from microrepo.standalone.importer.switch.import_plan import ImportPlan, LeavingFile, PlannedFile
from microrepo.standalone.server.archive_metadata import read_core_metadata
from microrepo.standalone.server.metadata import MAX_METADATA_BYTES
from microrepo.standalone.server.names import PROVENANCE_SUFFIX


class FileChanges:
    """Changes the files of one repository.

    Args:
        survey: knows its directory.
        staging: has the new contents.

    Attributes:
        set_aside: files that were moved to quarantine.
        deleted: number of deleted files.
    """

    def __init__(self, survey: ContentSurvey, staging: Staging) -> None:
        self._survey = survey
        self._staging = staging
        self._control = os.path.join(survey.repository, CONTROL_FOLDER)
        self.set_aside: list[str] = []
        self.deleted = 0

    def stage_protected(self, plan: ImportPlan) -> None:
        """Stage what the bundle does not carry, because a snapshot protects it; settle times.

        Raises:
            BundleError: content is gone.
        """
        for file in plan.placed:
            staged = self._staging.object_path(file.sha256)
            if not os.path.exists(staged):
                self._link(self._survey.object_path(file.sha256), staged)
            if file.upload_ns is not None and os.stat(staged).st_nlink == 1:
                os.utime(staged, ns=(file.upload_ns, file.upload_ns))

    def put(self, files: Iterable[PlannedFile]) -> None:
        """Give staged contents their names, with a sidecar beside each wheel.

        Raises:
            BundleError: a staged content is gone.
            OSError: a file cannot be put in place.
        """
        for file in files:
            path = self._survey.path(file.filename)
            staged = self._staging.object_path(file.sha256)
            if not self._is_in_place(file, path, staged):
                self._make_way(file, path)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path + PROVENANCE_SUFFIX)
                if not os.path.exists(staged):
                    raise BundleError(f"{staged}: is gone; import the bundle again")
                self._link(staged, path)
            if file.filename.endswith(".whl"):
                self._put_sidecar(path, file.metadata_sha256)

    def delete(self, files: Iterable[LeavingFile]) -> None:
        """Delete files and their sidecars, unless others have their names by now."""
        for file in files:
            path = self._survey.path(file.filename)
            status = file_status(path)
            if status is None or (status.st_size, status.st_mtime_ns) != file.disk:
                continue
            for name in (path + SIDECAR_SUFFIX, path + PROVENANCE_SUFFIX, path):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)
            self.deleted += 1

    def _is_in_place(self, file: PlannedFile, path: str, staged: str) -> bool:
        with contextlib.suppress(OSError):
            if os.path.samefile(path, staged):
                return True
        status = file_status(path)
        if status is None or status.st_size != file.size_bytes:
            return False
        return file_sha256(path) == file.sha256

    def _make_way(self, file: PlannedFile, path: str) -> None:
        """Move a file that no import has put there to quarantine."""
        status = file_status(path)
        if status is None and not os.path.lexists(path):
            return
        found = None if status is None else (status.st_size, status.st_mtime_ns)
        if not file.aside and found == file.replaces and found is not None:
            return  # it is replaced
        folder = os.path.join(self._control, "quarantine", file.project)
        os.makedirs(folder, exist_ok=True)
        target = os.path.join(folder, file.filename)
        reason = "another content has its name in the bundle\n"
        with open(target + ".reason", "w", encoding="utf-8") as stream:
            stream.write(reason)
        os.replace(path, target)
        self.set_aside.append(file.filename)

    def _put_sidecar(self, path: str, sha256: str) -> None:
        """Write the metadata beside a wheel: from the bundle, else from the wheel itself.

        A sidecar has the time of its wheel, which says what it belongs to.
        """
        mtime_ns = os.stat(path).st_mtime_ns
        target = path + SIDECAR_SUFFIX
        present = file_status(target)
        is_for_it = present is not None and present.st_mtime_ns == mtime_ns
        if sha256 and is_for_it and file_sha256(target) == sha256:
            return
        content = b""
        with contextlib.suppress(OSError), open(self._staging.object_path(sha256), "rb") as stream:
            content = stream.read() if sha256 else b""
        if not content:
            content = read_core_metadata(path)
            if len(content) >= MAX_METADATA_BYTES:
                content = b""  # cut off
        if not content:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            return
        temporary = self._temporary()
        with open(temporary, "wb") as stream:
            stream.write(content)
        os.utime(temporary, ns=(mtime_ns, mtime_ns))
        os.replace(temporary, target)

    def _link(self, source: str, target: str) -> None:
        """Give content another name, atomically."""
        temporary = self._temporary()
        try:
            os.link(source, temporary)
        except OSError:
            if not os.path.exists(source):
                raise BundleError(f"{source}: is gone; import the bundle again") from None
            try:
                shutil.copy2(source, temporary)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        os.replace(temporary, target)
        # If both names were links to one file, the rename has done nothing.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)

    def _temporary(self) -> str:
        folder = os.path.join(self._control, "partial")
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, f"{secrets.token_hex(8)}.switch")
