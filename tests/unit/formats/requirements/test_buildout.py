"""Pins of a buildout."""

from __future__ import annotations

import pytest

from microrepo.errors import ConfigError
from microrepo.formats.requirements.buildout import parse_versions


def test_pins() -> None:
    text = "[versions]\nZope.Interface = 4.0\n# comment\nfoo=1.0\nfoo = 1.1\nopen =\n"
    assert parse_versions(text, "x") == ("Zope.Interface==4.0", "foo==1.1")
    named = "[buildout]\nversions = my\nextends =\n  a.cfg\n[my]\nfoo = ${x:y}\n"
    assert parse_versions(named, "x") == ("foo==${x:y}",)


@pytest.mark.parametrize("text", ["", "[other]\nfoo = 1\n", "foo = 1\n", "[versions\n"])
def test_no_pins(text: str) -> None:
    with pytest.raises(ConfigError, match=r"x\.cfg"):
        parse_versions(text, "x.cfg")
