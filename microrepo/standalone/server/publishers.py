"""Publishers: who published a file, as its provenance object says (PEP 740); nothing is verified."""

from __future__ import annotations

import json
from typing import Any

MAX_PROVENANCE_BYTES = 1 << 20
_MOST_PUBLISHERS = 5
_LONGEST = 200
_OWNERS = ("repository", "email", "project_id")
_JOBS = ("workflow", "workflow_filepath")


def publishers_in(document: bytes) -> tuple[str, ...]:
    """Return the publishers that a provenance object names, each in one line; () if it has none."""
    try:
        bundles = json.loads(document.decode("utf-8"))["attestation_bundles"]
        names = [_named(bundle["publisher"]) for bundle in bundles[:_MOST_PUBLISHERS]]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return ()
    return tuple(dict.fromkeys(name for name in names if name))


def _named(publisher: dict[str, Any]) -> str:
    kind, owner, job = (_first(publisher, keys) for keys in (("kind",), _OWNERS, _JOBS))
    return " ".join(filter(None, (kind, owner, f"({job})" if job else "")))


def _first(publisher: dict[str, Any], keys: tuple[str, ...]) -> str:
    found = next((publisher[key] for key in keys if publisher.get(key)), "")
    return found[:_LONGEST] if isinstance(found, str) else ""
