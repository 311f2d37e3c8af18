"""Age of the repository, for pages for people: when it was last brought up to date.

The file is written by runs that bring the repository up to date, if the settings limit its age.
"""

from __future__ import annotations

import json
from typing import NamedTuple

FRESHNESS_FILE = "freshness.json"
MAX_FRESHNESS_BYTES = 4096


class Freshness(NamedTuple):
    """When the repository was last brought up to date, and how old that may get."""

    updated_s: float
    max_age_s: float

    def is_stale(self, now_s: float) -> bool:
        """Return whether the repository is too old."""
        return now_s - self.updated_s > self.max_age_s


def freshness_content(freshness: Freshness) -> bytes:
    """Return the content of the file."""
    return json.dumps(freshness._asdict()).encode("ascii") + b"\n"


def parse_freshness(content: bytes) -> Freshness | None:
    """Return the freshness in the content of the file; None if it is missing or damaged."""
    try:
        values = json.loads(content.decode("ascii"))
        return Freshness(float(values["updated_s"]), float(values["max_age_s"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def stale_notice(content: bytes, now_s: float) -> str:
    """Return what pages for people say about the age of a repository; "" while it is fresh."""
    found = parse_freshness(content)
    if found is None or not found.is_stale(now_s):
        return ""
    hours = int((now_s - found.updated_s) / 3600)
    age = f"{hours // 24:,} days" if hours >= 48 else f"{hours} hours"
    return f"This repository was last updated {age} ago. Newer releases may exist."
