"""Versions: validity and order by PEP 440, and an order for everything else."""

from __future__ import annotations

import re
from typing import Any

MAX_VERSION_LENGTH = 200


_VERSION = re.compile(
    r"""\s*v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d*))?
    (?:-(?P<post_dash>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_n>\d*))?
    (?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


_PRE_RANK = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


_PIECES = re.compile(r"(\d+)|([A-Za-z]+)", re.ASCII)


def _match_version(text: str) -> re.Match[str] | None:
    # Python refuses to convert thousands of digits, and nobody writes such a version.
    return _VERSION.fullmatch(text) if len(text) <= MAX_VERSION_LENGTH else None


def is_version(text: str) -> bool:
    """Return whether `text` is a valid version (PEP 440)."""
    return _match_version(text) is not None


def is_prerelease(text: str) -> bool:
    """Return whether a version is an alpha, beta, candidate or development release."""
    match = _match_version(text)
    return match is not None and (match["pre"] or match["dev"]) is not None


def version_key(text: str) -> tuple[Any, ...]:
    """Return a key that sorts versions by PEP 440, after invalid ones in natural order."""
    match = _match_version(text)
    if match is None:
        return (0, natural_key(text[:MAX_VERSION_LENGTH].lower()), text)
    part = match.groupdict()
    release = [int(number) for number in part["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    post = part["post_dash"] or part["post_n"] or ("0" if part["post"] else "-1")
    if part["pre"]:
        pre = (0, _PRE_RANK[part["pre"].lower()], int(part["pre_n"] or 0))
    else:
        # A development release of a final one comes before that final one's alphas.
        pre = (-1 if part["dev"] and post == "-1" else 1, 0, 0)
    dev = (0, int(part["dev_n"] or 0)) if part["dev"] else (1, 0)
    # Each part of a local version is a number or, even if it begins with one, a word.
    words = re.findall(r"[a-z0-9]+", (part["local"] or "").lower())
    local = tuple((1, int(word), "") if word.isdigit() else (0, 0, word) for word in words)
    return (1, int(part["epoch"] or 0), tuple(release), pre, int(post), dev, local)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts texts with numbers in them by number."""
    found = _PIECES.findall(text)
    return tuple((1, int(digits), "") if digits else (0, 0, word) for digits, word in found)
