"""Variables that set nothing because of a slip in their name."""

from __future__ import annotations

import pytest

from microrepo.config.declared_options import KEYS
from microrepo.config.variable_names import misspelt_variables


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MICROREPO_ENVIRONMENT", "MICROREPO_ENVIRONMENTS"),
        ("MICROREPO_PLATFROMS", "MICROREPO_PLATFORMS"),
        ("MICROREPO_packages", "MICROREPO_PACKAGES"),
        ("MICROREPO_CONFG", "MICROREPO_CONFIG"),
    ],
)
def test_a_slip_is_found(name: str, meant: str) -> None:
    assert list(misspelt_variables([name, "PATH"])) == [(name, meant)]


def test_other_variables_are_not_slips() -> None:
    names = [f"MICROREPO_{key.upper()}" for key in KEYS]
    names += ["MICROREPO_CONFIG", "MICROREPO_SOURCE_ACME_USERNAME", "MICROREPO_SOURCE_PASSWORD"]
    names += ["MICROREPO_RUN", "MICROREPO_REPORT", "MICROREPO_TEST_TOOLS", "OTHER_PACKAGE"]
    assert list(misspelt_variables(names)) == []
