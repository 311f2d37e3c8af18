"""Scan of files by a command of the user, before they get their names in the repository."""

from __future__ import annotations

import logging
import os
import subprocess
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from microrepo.client.transport.waiting import call_patiently
from microrepo.errors import ScanFailed, ScanRefused
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.stores.plain_files import (
    prepare_own_folder,
    read_plain_file,
    replace_file,
    write_plain_file,
)
from microrepo.transfer.outside_command import command_environment, run_command

_log = logging.getLogger(__name__)
_REFUSED = 1
_MAX_WORDS = 300
_MAX_OUTPUT_BYTES = 4096


class FileScanner(Struct, frozen=True):
    """Runs a command on files, and remembers which contents it refused.

    Attributes:
        command: its words; the path of the file follows.
        repository: its directory; refused files are moved to quarantine there.
    """

    command: tuple[str, ...]
    repository: str
    timeout_s: float = 600.0

    def check(self, path: str, filename: str, sha256: str | None, *, takes: bool = False) -> None:
        """Run the command on a file.

        Args:
            path: where the content is.
            filename: name that it will have.
            takes: move a refused file to quarantine.

        Raises:
            ScanFailed: the command could not be run, or ended in an unexpected way.
            ScanRefused: the command refused the file.
        """
        self.refuse_known(filename, sha256)
        environment = {**command_environment(os.environ), "MICROREPO_FILE": filename}
        try:
            done = call_patiently(
                lambda: run_command(
                    [*self.command, path], environment, self.timeout_s, _MAX_OUTPUT_BYTES
                )
            )
        except subprocess.TimeoutExpired:
            raise ScanFailed(filename, f"the scan took longer than {self.timeout_s:g} s") from None
        except (OSError, ValueError) as error:
            raise ScanFailed(filename, f"{self.command[0]}: cannot be run: {error}") from error
        words = _words_of(done.output)
        if done.code == _REFUSED:
            self._remember(sha256, words)
            if takes:
                self._put_aside(path, filename, words)
            raise ScanRefused(filename, words)
        if done.code != 0:
            raise ScanFailed(filename, f"the scan ended with code {done.code}: {words}")

    def refuse_known(self, filename: str, sha256: str | None) -> None:
        """Raise ScanRefused if the command has refused this content before."""
        if sha256:
            with suppress(OSError):
                raise ScanRefused(filename, _words_of(read_plain_file(self._verdict(sha256))))

    def _verdict(self, sha256: str) -> Path:
        return Path(self.repository, CONTROL_FOLDER, "refused", sha256)

    def _remember(self, sha256: str | None, words: str) -> None:
        if not sha256:
            return
        place = self._verdict(sha256)
        try:
            prepare_own_folder(place.parent)
            write_plain_file(place, f"{words}\n".encode())
        except OSError as error:
            _log.warning("%s: cannot be written: %s", place, error)

    def _put_aside(self, path: str, filename: str, words: str) -> None:
        aside = Path(self.repository, CONTROL_FOLDER, "quarantine", "scan")
        try:
            for folder in (aside.parent, aside):
                prepare_own_folder(folder)
            write_plain_file(aside / f"{filename}.reason", f"{words}\n".encode())
            replace_file(path, f"{aside}/{filename}")
        except OSError as error:
            _log.warning("%s: cannot be moved to quarantine: %s", filename, error)


def _words_of(output: bytes) -> str:
    """Return the end of a command's output as one line."""
    text = " ".join(output.decode("utf-8", "replace").split())
    return text[-_MAX_WORDS:] or "no reason given"
