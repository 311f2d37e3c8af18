"""What a bill of materials takes from METADATA."""

from __future__ import annotations

import pytest

from microrepo.formats.sbom.components import Licence
from microrepo.formats.sbom.stated_facts import read_stated_facts


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (("License-Expression: mit or apache-2.0",), Licence("MIT OR Apache-2.0")),
        (("License-Expression: My own terms",), Licence(names=("My own terms",))),
        (
            ("License: BSD", "Classifier: License :: OSI Approved :: MIT License"),
            Licence(names=("MIT License",)),
        ),
        (("License: BSD",), Licence(names=("BSD",))),
        (("License: " + "a long text " * 20,), Licence()),
        (("License: UNKNOWN",), Licence()),
        (("Classifier: License :: OSI Approved", "License: BSD"), Licence(names=("BSD",))),
        ((), Licence()),
    ],
)
def test_the_licence_is_the_best_statement(lines: tuple[str, ...], licence: Licence) -> None:
    assert read_stated_facts("\n".join(("Name: Foo", *lines)).encode()).licence == licence


@pytest.mark.parametrize(
    ("line", "homepage"),
    [
        ("Home-page: https://foo.example/", "https://foo.example/"),
        ("Project-URL: Homepage, https://foo.example/", "https://foo.example/"),
        ("Project-URL: Funding, https://pay.example/", ""),
        ("Home-page: javascript:alert(1)", ""),
        ("Home-page: https://[::1", ""),
        ("Home-page: https://foo.example/a b", ""),
    ],
)
def test_the_home_page_is_a_web_page(line: str, homepage: str) -> None:
    assert read_stated_facts(f"Name: Foo\n{line}\n".encode()).homepage == homepage


def test_requirements_of_extras_and_unreadable_ones_are_left_out() -> None:
    lines = (
        "Requires-Dist: bar>=1",
        'Requires-Dist: win; sys_platform == "win32"',
        'Requires-Dist: opt; extra == "more"',
        "Requires-Dist: turned; 'more' == extra",
        "Requires-Dist: either; extra == 'more' or python_version < '9'",
        "Requires-Dist: ???",
    )
    found = read_stated_facts("\n".join(("Name: Foo", *lines)).encode())
    assert [one.name for one in found.requires] == ["bar", "win", "either"]
