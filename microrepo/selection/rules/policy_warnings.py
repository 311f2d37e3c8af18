"""Warnings about a policy: unknown words, and requests that other rules exclude."""

from __future__ import annotations

from collections.abc import Iterator

from microrepo.formats.distribution.filenames import KNOWN_EXTENSIONS, PACKAGE_TYPES
from microrepo.formats.version_numbers import is_pin, parse_version
from microrepo.selection.rules.policy import Policy


def filter_warnings(policy: Policy) -> list[str]:
    """Return warnings of unknown types and extensions, and of requests that other rules exclude.

    Unknown words are kept, since they may be future formats.
    """
    types, extensions = policy.package_types or (), policy.extensions or ()
    return [
        *(
            f"package_types: {word!r} is not a known package type"
            for word in types
            if word not in PACKAGE_TYPES
        ),
        *(
            f"extensions: {word!r} is not a known file extension"
            for word in extensions
            if word not in KNOWN_EXTENSIONS
        ),
        *_contradictions(policy),
    ]


def _contradictions(policy: Policy) -> Iterator[str]:
    """Yield a text for each request that `exclude` or `allow` leaves nothing of."""
    for name, requested in (policy.requested or {}).items():
        entry = policy.excludes_project(name)
        if entry is not None:
            yield f"exclude: {entry!r} excludes {name}, which is requested; remove one of the two"
        elif not policy.may_pass(name):
            yield f"allow: no entry allows {name}, which is requested; add it, or remove the request"
        else:
            for pin in filter(is_pin, requested):
                entry = policy.excluded.release(name, parse_version(pin.strip("=")))
                if entry is not None:
                    yield (
                        f"exclude: {entry!r} excludes {name}{pin}, which is requested; "
                        "remove one of the two"
                    )
