"""Writing of a bundle: its volumes, as files of a directory or as one stream."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from microrepo.config.sizes import format_size
from microrepo.errors import ConfigError, NoSpace, RepositoryError
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.export.bundle_content import BundleContent
from microrepo.operations.export.bundle_plan import Slice, planned_bytes
from microrepo.operations.export.sent_manifests import PackedManifest
from microrepo.operations.export.signing import Signer
from microrepo.operations.export.volume_writer import StoredList, VolumeWriter, list_contents
from microrepo.standalone.importer.bundle_header import BundleHeader
from microrepo.stores.atomic_write import Replacement
from microrepo.stores.disk_errors import disk_words

Write = Callable[[bytes], object]
_UNFINISHED = re.compile(r"\.microrepo-\d+-[0-9a-f]{12}(?:\.\d+-of-\d+)?\.tar\.\d+")


class PlannedBundle(Struct, frozen=True):
    """A bundle that is about to be written.

    Attributes:
        header: of its first volume.
        volumes: what each volume contains.
        content: opens the content.
        signer: None for a bundle without a signature.
    """

    header: BundleHeader
    manifest: PackedManifest
    volumes: Sequence[Sequence[Slice]]
    content: BundleContent
    signer: Signer | None
    work: WorkContext

    def stream(self, write: Write) -> tuple[str, ...]:
        """Write the only volume to a stream; return its name."""
        self.work.reporter.expect_bytes(planned_bytes(self.volumes))
        self._write_volume(1, write)
        return ("-",)

    def store(self, out: Path) -> tuple[str, ...]:
        """Write all volumes; return their paths. None is left behind if one fails.

        Args:
            out: a directory, or the file of the only volume (``.tar``).

        Raises:
            ConfigError: there is more than one volume for a file.
            DigestMismatch: a file is damaged.
            NoSpace: they do not fit.
            RepositoryError: they cannot be written.
        """
        self.work.reporter.expect_bytes(planned_bytes(self.volumes))
        folder, names = self._places(out)
        self._check_space(folder)
        written: list[Path] = []
        try:
            for number, name in enumerate(names, 1):
                path = folder / name
                with _explained(path), Replacement(path) as replacement:
                    self._write_volume(number, replacement.stream.write)
                    replacement.put_in_place()
                written.append(path)
        except BaseException:
            for path in written:
                with suppress(OSError):
                    path.unlink()
            raise
        return tuple(map(str, written))

    def _places(self, out: Path) -> tuple[Path, list[str]]:
        """Return the directory and the names of the volumes."""
        is_file = out.suffix == ".tar" and not out.is_dir()
        if is_file and len(self.volumes) > 1:
            raise ConfigError(f"--split: {out} is one file; name a directory for volumes")
        folder = out.parent if is_file else out
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _delete_unfinished(folder)
        if is_file:
            return folder, [out.name]
        numbers = range(1, len(self.volumes) + 1)
        return folder, [self.header._replace(volume=number).name for number in numbers]

    def _check_space(self, folder: Path) -> None:
        needed = planned_bytes(self.volumes) + len(self.manifest.content)
        with _explained(folder):
            free = shutil.disk_usage(folder).free
        if free < needed:
            raise NoSpace(
                f"{folder}: the bundle needs {format_size(needed)}, {format_size(free)} are free"
            )

    def _write_volume(self, number: int, write: Write) -> None:
        volume = self.volumes[number - 1]
        contents = list_contents(volume, self.content.open)
        header = self.header._replace(volume=number, contents=contents.described())
        manifest = StoredList(self.manifest.content) if number == 1 else None
        writer = VolumeWriter(write)
        writer.begin(header, self.signer, manifest, contents)
        for part in writer.add_slices(volume, self.content.open):
            self.work.check()
            self.work.reporter.add_bytes(part.count_bytes)
        writer.end()


def _delete_unfinished(folder: Path) -> None:
    """Delete volumes that a killed export has left incomplete, under hidden names."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the medium into RepositoryError."""
    try:
        yield
    except OSError as error:
        words = disk_words(error, path)
        if error.errno == errno.EFBIG:
            words += "; the medium holds no files of this size, use --split 4GB"
        raise RepositoryError(path, f"cannot be written: {words}") from error
