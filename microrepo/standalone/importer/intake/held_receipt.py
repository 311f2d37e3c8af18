"""Receipt: what a repository holds, so that an export carries exactly what it lacks.

The form is that of `microrepo.operations.export.receipt`.
"""

from __future__ import annotations

import base64
import json
import os
import time

from microrepo.standalone.importer.intake.content_survey import ContentSurvey
from microrepo.standalone.importer.intake.import_records import ImportRecords, write_lines
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.intake.staging import file_sha256
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.standalone.server.advisories.advisory_index import ARCHIVE_PLACE, OSV_FOLDER

RECEIPT_KIND = "microrepo-receipt"
RECEIPT_FORMAT = 1


def write_receipt(path: str, survey: ContentSurvey, records: ImportRecords) -> int:
    """Write a receipt; return the number of files that it lists.

    Only files of the last import that are in place with their content count.

    Raises:
        BundleError: the record of the last import cannot be read.
        OSError: the receipt cannot be written.
    """
    current = records.current()
    selection = ReleaseSelection(current.select)
    is_in_place = survey.in_place()
    held: set[str] = set()
    failures: list[str] = []
    for entry in records.entries():
        if not isinstance(entry, ManifestFile) or not selection.takes(entry):
            continue
        if is_in_place(entry):
            held.add(entry.sha256)
        else:
            failures.append(f"{entry.filename}: missing or damaged")
    joined = b"".join(map(bytes.fromhex, sorted(held)))
    receipt = {
        "kind": RECEIPT_KIND,
        "format": RECEIPT_FORMAT,
        "origin": current.origin,
        "snapshot": current.snapshot,
        "sequence": current.sequence,
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "held": base64.b64encode(joined).decode("ascii"),
        "failures": failures,
        "advisories": file_sha256(
            os.path.join(os.path.dirname(records.folder), OSV_FOLDER, *ARCHIVE_PLACE)
        ),
    }
    write_lines(path, [json.dumps(receipt, indent=1).encode() + b"\n"])
    return len(held)
