"""Markers that pip and uv decide differently."""

from __future__ import annotations

import pytest
from packaging.markers import Marker

from microrepo.formats.requirements.installer_markers import pip_stumbles, uv_marker

FACTS = {"platform_release": "6.18-x", "platform_version": "#1 SMP", "python_version": "3.11"}


@pytest.mark.parametrize(
    ("text", "pip", "uv"),
    [
        ("python_version < '3.*'", False, True),
        ("python_version < 'three'", False, True),
        ("python_version < ''", False, True),
        ("'three' > python_version", False, True),
        ("extra > 'a'", False, True),
        ("platform_release >= '1'", False, True),
        ("platform_release < '1'", False, False),
        ("'1' <= platform_release", False, True),
        ("python_version < '3.*' and os_name == 'none'", False, False),
        ("python_version < '3' or os_name == 'none'", False, False),
        ("python_version in '2.7 3.11'", True, True),
        ("extra == 'a'", False, False),
        ("'x' in extras", None, False),
        ("'x' not in extras", None, True),
    ],
)
def test_comparisons_without_sense(text: str, pip: bool | None, uv: bool) -> None:
    environment = {**FACTS, "python_full_version": "3.11.2", "extra": "", "os_name": "posix"}
    marker = str(Marker(text))
    if pip is not None:  # else it fails
        assert Marker(marker).evaluate(environment) is pip
    assert Marker(uv_marker(marker, FACTS)).evaluate(environment) is uv
    assert pip == uv or uv_marker(marker, FACTS) != marker


@pytest.mark.parametrize(
    ("text", "stumbles"),
    [
        ("a; 'x' in extras", True),
        ("a; 'x' not in dependency_groups", True),
        ("extras>=1", False),
        ("a; extra == 'extras-of-a'", False),
        ("a[extras]", False),
    ],
)
def test_where_pip_stumbles(text: str, stumbles: bool) -> None:
    assert pip_stumbles([text]) is stumbles
