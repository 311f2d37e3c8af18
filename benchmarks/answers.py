"""Compare what a run left on disk with the right answers: every file's SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DISTRIBUTION_ENDINGS = (".whl", ".tar.gz", ".zip", ".egg", ".exe", ".tar.bz2", ".tgz")
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """Counts over distribution files; sidecars and state are not counted."""

    right: int
    wrong: int
    missing: int
    extra: int

    @property
    def perfect(self) -> bool:
        """Whether exactly the expected files are there."""
        return not (self.wrong or self.missing or self.extra)

    def __str__(self) -> str:
        return f"{self.right} right, {self.wrong}/{self.missing}/{self.extra} wrong/missing/extra"


def load(tree: Path, version: str) -> dict[str, Any]:
    """Return the expected files of that version of the index, by file name."""
    files: dict[str, Any] = json.loads((tree / "answers.json").read_bytes())[version]["files"]
    return files


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def distributions(directory: Path, *, deep: bool = False) -> list[Path]:
    """Return the distribution files in a flat directory, or (deep) anywhere below it."""
    found = directory.rglob("*") if deep else directory.glob("*")
    return [path for path in found if path.name.endswith(DISTRIBUTION_ENDINGS) and path.is_file()]


def check(expected: dict[str, Any], found: Iterable[Path]) -> Verdict:
    """Hash every expected file among `found` and count the rest."""
    present = {path.name: path for path in found}
    known = [name for name in expected if name in present]
    with ThreadPoolExecutor(2) as pool:
        digests = pool.map(sha256_of, (present[name] for name in known))
        right = sum(
            digest == expected[name]["sha256"] for name, digest in zip(known, digests, strict=True)
        )
    return Verdict(
        right=right,
        wrong=len(known) - right,
        missing=len(expected) - len(known),
        extra=len(present) - len(known),
    )
