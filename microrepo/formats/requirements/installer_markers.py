"""Markers as pip and uv evaluate them.

In uv, an invalid comparison is true instead of a comparison of texts, and the release of the
platform is a text even if `packaging` reads it as a version.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, Specifier

_VARIABLES = (
    "python_version|python_full_version|implementation_version"
    "|platform_release|platform_version|extra"
)
_OPERATOR = "(<=?|>=?|==|!=|~=)"
# As `packaging` writes a marker.
_COMPARISON = re.compile(
    rf"\b({_VARIABLES}) {_OPERATOR} \"([^\"]*)\"|\"([^\"]*)\" {_OPERATOR} ({_VARIABLES})\b"
)
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TRUE, _FALSE = 'python_version >= "0"', 'python_version < "0"'


_MEMBERSHIP = re.compile(r"\"[^\"]*\" (not )?in (?:extras|dependency_groups)\b")
_SETS = re.compile(r";.*\bin\s+(?:extras|dependency_groups)\b")


def pip_stumbles(requirements: Iterable[str]) -> bool:
    """Return whether pip fails at one of a release's requirements.

    Lists of extras and groups are only allowed in lock files.
    """
    return any(_SETS.search(text) for text in requirements)


def uv_marker(marker: str, facts: Mapping[str, str]) -> str:
    """Return a marker in which `packaging` decides each comparison as uv does.

    Args:
        marker: as `packaging` writes it.
        facts: the markers of the environment.
    """
    marker = _MEMBERSHIP.sub(lambda found: _TRUE if found[1] else _FALSE, marker)
    if not _COMPARISON.search(marker):
        return marker
    return _read(marker, facts["platform_release"], facts["platform_version"])


@lru_cache(maxsize=65536)
def _read(marker: str, release: str, version: str) -> str:
    platform = {"platform_release": release, "platform_version": version}

    def read(found: re.Match[str]) -> str:
        variable, sign = found[1] or found[6], found[2] or found[5]
        value = found[3] if found[1] else found[4]
        if not found[1]:
            sign = _TURNED.get(sign, sign)
        if variable == "extra":
            return found[0] if sign in {"==", "!="} else _TRUE
        if variable in platform:
            if sign not in _ORDERS:
                return found[0]
            return _TRUE if _ORDERS[sign](platform[variable], value) else _FALSE
        try:
            Specifier(f"{sign}{value}")
        except InvalidSpecifier:
            return _TRUE
        return found[0]

    return _COMPARISON.sub(read, marker)
