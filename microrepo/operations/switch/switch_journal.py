"""Journal of a switch: present from just before the first visible step until after the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from microrepo.errors import RepositoryError
from microrepo.operations.switch.switch_plan import (
    Entry,
    SwitchKind,
    SwitchPlan,
    decode_plan,
    encode_plan,
)
from microrepo.standalone.importer.manifest import ManifestError, ManifestReader, write_manifest
from microrepo.standalone.importer.tree_exchange import remove_tree
from microrepo.stores.atomic_write import Replacement, public_mode, write_atomically
from microrepo.stores.durability import sync_path
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.plain_files import read_plain_file

_FORMAT = 1
_MANIFEST, _PLAN = "staging/switch/manifest.jsonl", "staging/switch/plan.json"


class SwitchRecord(Struct, frozen=True):
    """The content of `switch.json`; paths are relative to the control directory."""

    format: int
    kind: SwitchKind
    name: str
    snapshot: str
    manifest: str
    plan: str


class SwitchJournal:
    """The journal of one repository, and what is staged for its switch.

    Attributes:
        objects: directory of staged, verified contents, named by their SHA-256.
        trees: directory of staged page trees.
    """

    def __init__(self, directory: FlatDirectory) -> None:
        self._control = directory.control
        self.path = directory.switch_file
        staging = directory.control / "staging"
        self.objects = staging / "objects"
        self.trees = staging / "trees"
        self._switch = staging / "switch"

    def clear(self) -> None:
        """Delete what a switch that never began has left, except staged contents."""
        for path in (self._switch, self.trees):
            remove_tree(str(path))
        for path in (self._switch, self.objects):
            path.mkdir(parents=True, exist_ok=True)

    def write_target(self, entries: Iterable[Entry], **facts: object) -> str:
        """Write the target's manifest; return its id."""
        with Replacement(self._control / _MANIFEST) as manifest:
            summary = write_manifest(manifest.stream.write, entries, **facts)
            manifest.put_in_place()
        return summary.snapshot

    def begin(self, plan: SwitchPlan) -> None:
        """Write the plan and the journal durably; from now on the switch is completed."""
        with Replacement(self._control / _PLAN) as file:
            file.stream.write(encode_plan(plan))
            file.put_in_place()
        for path in (self._switch, self._switch.parent, self.objects):
            sync_path(path)
        record = SwitchRecord(_FORMAT, plan.kind, plan.name, plan.snapshot, _MANIFEST, _PLAN)
        content = msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
        write_atomically(self.path, content, public_mode(), follow=False)

    def plan(self) -> SwitchPlan | None:
        """Return the plan of a switch that began but has not ended, None without one.

        Raises:
            RepositoryError: the journal or the plan cannot be read.
        """
        try:
            content = read_plain_file(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RepositoryError(self.path, f"cannot be read: {error.strerror}") from error
        try:
            record = msgspec.json.decode(content, type=SwitchRecord)
            if record.format != _FORMAT:
                raise RepositoryError(
                    self.path, f"has format {record.format}, written by a newer microrepo; use that"
                )
            return decode_plan(read_plain_file(self._control / record.plan))
        except (OSError, msgspec.MsgspecError) as error:
            raise RepositoryError(
                self.path,
                f"the switch that began cannot be completed: {error}. Delete this file, then "
                "restore a snapshot, or run `microrepo index`.",
            ) from error

    def target(self) -> Iterator[Entry]:
        """Yield the entries of the target.

        Raises:
            RepositoryError: the manifest cannot be read.
        """
        path = self._control / _MANIFEST
        try:
            with path.open("rb") as stream:
                yield from ManifestReader(stream.readline).entries()
        except (OSError, ManifestError) as error:
            raise RepositoryError(path, f"cannot be read: {error}") from error

    def end(self, contents: Iterable[str]) -> None:
        """Delete the journal, then what was staged for it.

        Args:
            contents: SHA-256 of the staged contents that were used.
        """
        self.path.unlink(missing_ok=True)
        sync_path(self._control)
        for path in (self._switch, self.trees):
            remove_tree(str(path))
        for sha256 in contents:
            (self.objects / sha256).unlink(missing_ok=True)
