"""Journal of an import: present from just before its first visible step until after its last.

Form and places are those of `microrepo.operations.switch.switch_journal`: either program completes
what the other began.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from typing import Any, NamedTuple

from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER, SWITCH_JOURNAL
from microrepo.standalone.importer.intake.import_records import read_entries, write_lines
from microrepo.standalone.importer.manifest import ManifestDigest
from microrepo.standalone.importer.manifest_entries import entry_line
from microrepo.standalone.importer.switch.import_plan import ImportPlan, plan_from, plan_values
from microrepo.standalone.importer.tree_exchange import remove_tree, sync_everything

_FORMAT = 1
_MANIFEST, _PLAN = "staging/switch/manifest.jsonl", "staging/switch/plan.json"
# Key of the state of microrepo, by which it notices what this program has imported.
STATE_KEY = "import"


class BegunImport(NamedTuple):
    """An import whose visible steps have begun.

    ``moves`` are files that get their places last, below the control directory: from, to.
    """

    name: str
    plan: ImportPlan
    moves: tuple[tuple[str, str], ...]


class ImportJournal:
    """The journal of one repository."""

    def __init__(self, repository: str) -> None:
        self._control = os.path.join(repository, CONTROL_FOLDER)
        self.path = os.path.join(self._control, SWITCH_JOURNAL)
        self.trees = os.path.join(self._control, "staging", "trees")
        self.manifest_path = os.path.join(self._control, _MANIFEST)

    def begin(
        self,
        plan: ImportPlan,
        target_path: str,
        current: dict[str, Any],
        moves: tuple[tuple[str, str], ...],
    ) -> BegunImport:
        """Write the plan and the journal durably.

        Args:
            target_path: the manifest of the selected part.
            current: what `imports/current.json` states afterwards.
            moves: see `BegunImport`.
        """
        folder = os.path.dirname(self.manifest_path)
        remove_tree(folder)
        os.makedirs(folder)
        digest = ManifestDigest()
        for entry in read_entries(target_path):
            digest.add(entry, entry_line(entry))
        os.replace(target_path, self.manifest_path)
        name = f"bundle {current['sequence']} ({current['snapshot'][:12]})"
        values = plan_values(
            plan,
            token=secrets.token_hex(16),
            kind="import",
            snapshot=digest.summary().snapshot,
            name=name,
            owner="person",
            # The state may lack what came before, so it is settled as a whole, not by this plan.
            meta={},
            moves=[list(move) for move in moves],
        )
        write_lines(os.path.join(self._control, _PLAN), [json.dumps(values).encode()])
        sync_everything(self._control)
        record = {
            "format": _FORMAT,
            "kind": "import",
            "name": name,
            "snapshot": values["snapshot"],
            "manifest": _MANIFEST,
            "plan": _PLAN,
        }
        write_lines(self.path, [json.dumps(record, indent=1).encode() + b"\n"])
        sync_everything(self._control)
        return BegunImport(name, plan, moves)

    def begun(self) -> BegunImport | None:
        """Return the import that has begun, but not ended; None without one.

        Raises:
            BundleError: it cannot be read, or this program cannot complete it.
        """
        try:
            with open(self.path, "rb") as stream:
                record = json.loads(stream.read().decode())
            if record["format"] != _FORMAT or record["kind"] != "import":
                raise BundleError(
                    f"{self.path}: a {record['kind']} has begun; complete it with microrepo first "
                    "(`microrepo index`)"
                )
            with open(os.path.join(self._control, record["plan"]), "rb") as stream:
                values = json.loads(stream.read().decode())
            moves = tuple((str(source), str(final)) for source, final in values["moves"])
            return BegunImport(str(values["name"]), plan_from(values), moves)
        except FileNotFoundError as error:
            if not os.path.exists(self.path):
                return None
            raise BundleError(f"{self.path}: cannot be completed: {error}") from None
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            if isinstance(error, BundleError):
                raise
            raise BundleError(f"{self.path}: cannot be read: {error}") from None

    def carry_out_moves(self, begun: BegunImport) -> None:
        """Move the records of the import to their places."""
        for source, final in begun.moves:
            target = os.path.join(self._control, final)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # moved before the kill
                os.replace(os.path.join(self._control, source), target)

    def end(self) -> None:
        """Delete the journal."""
        sync_everything(self._control)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def state_value(current: dict[str, Any]) -> str:
    """Return how the state of microrepo names an import."""
    return f"{current['origin']} {current['sequence']} {current['snapshot']}"
