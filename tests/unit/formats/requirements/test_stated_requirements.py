"""Which requirements of a release can apply to it, or to one of its extras."""

from __future__ import annotations

import pytest

from microrepo.formats.requirements.stated_requirements import StatedRequirements

TEXTS = (
    "plain",
    'of-x; extra == "x"',
    'either; extra == "x" or python_version < "9"',
    'both; extra == "x" and python_version < "9"',
    'turned; "x" == extra',
)


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ("", {"plain", "turned", "either"}),
        ("x", {"of-x", "either", "both", "turned"}),
        ("y", {"turned"}),
    ],
)
def test_a_side_without_an_extra_counts_for_the_release(extra: str, names: set[str]) -> None:
    found = StatedRequirements(TEXTS).about(extra)
    assert {str(one.project) for one in found} == names
