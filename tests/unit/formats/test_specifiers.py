"""Old packages' specifiers are read by their plain meaning, and the repair is told."""

import pytest

from microrepo.formats.specifiers import (
    lenient_requirement,
    parse_requires_python,
    parse_specifiers,
)
from microrepo.formats.version_numbers import parse_version, version_order
from microrepo.selection.environments.python_versions import lenient_specifiers


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=3.6.*", "3.6.0", "3.5.9"),
        (">3.6.*", "3.7.0", "3.6.9"),
        ("<=3.9.*", "3.9.18", "3.10.0"),
        ("<3.9.*", "3.8.9", "3.9.0"),
        ("~=3.4.*", "3.8.0", "3.3.0"),
        ("!=3.0*", "3.1.0", "3.0.2"),
        (">=2.7,!=3.0.x,<4", "3.1.0", "3.0.1"),
        (">=1.9<2.0", "1.9.5", "2.0"),
        (">=1.9 <2.0", "1.9.5", "2.0"),
        (">='3.6'", "3.6.0", "3.5.0"),
        (">=3.6;", "3.6.0", "3.5.0"),
        ("=>3.6", "3.6.0", "3.5.0"),
        ("=<3.6", "3.6", "3.7"),
        ("=3.6", "3.6", "3.7"),
        ("(>=3.6)", "3.6.0", "3.5.0"),
        (">=3.", "3.0", "2.9"),
    ],
)
def test_repairs(text, inside, outside):
    """Each repair keeps what its author meant, and is noted."""
    specifiers, note = parse_specifiers(text)
    assert specifiers.contains(inside)
    assert not specifiers.contains(outside)
    assert note
    assert text in note


@pytest.mark.parametrize(
    "text", [">=3.6", "", ">=2.7, !=3.0.*", "==1.0+local", "===weird", ">=2.0,", "~=1.4.2"]
)
def test_what_is_right_is_left_alone(text):
    """No note, no change."""
    assert parse_specifiers(text)[1] is None


@pytest.mark.parametrize("text", ["three", "3.6", ">dev", ">=3.6 or so"])
def test_beyond_repair(text):
    """A requirement must not be guessed at; a Requires-Python admits everything then."""
    with pytest.raises(ValueError, match="not a version specifier"):
        parse_specifiers(text)
    specifiers, note = parse_requires_python(text)
    assert specifiers is None
    assert "ignored" in str(note)


@pytest.mark.parametrize(
    ("text", "name", "specifier", "extras", "marker"),
    [
        ("foo (>=1.0.*)", "foo", ">=1.0", set(), None),
        ("foo>=1.9<2.0 ; python_version < '3'", "foo", "<2.0,>=1.9", set(), 'python_version < "3"'),
        ("foo[a,b]>=1,", "foo", ">=1", {"a", "b"}, None),
        ("foo>=1;", "foo", ">=1", set(), None),
        ("Foo.Bar =>1", "Foo.Bar", ">=1", set(), None),
    ],
)
def test_requirements(text, name, specifier, extras, marker):
    """Specifiers inside requirements are repaired, names, extras and markers kept."""
    requirement = lenient_requirement(text).requirement
    assert requirement.name == name
    assert str(requirement.specifier) == specifier
    assert requirement.extras == extras
    assert (str(requirement.marker) if requirement.marker else None) == marker


@pytest.mark.parametrize("text", ["", "-x", "foo bar", "foo>=", "foo;nonsense", "[x]", "foo @"])
def test_no_requirements(text):
    """What has no plain meaning is refused."""
    with pytest.raises(ValueError, match="not a requirement"):
        lenient_requirement(text)


@pytest.mark.parametrize("digits", [600, 5000, 1_000_000])
def test_numbers_that_cannot_be_converted_are_no_versions(digits: int) -> None:
    assert parse_version("9" * digits) is None
    assert version_order("9" * digits) < version_order("0")
    assert lenient_specifiers("==" + "9" * max(digits, 5000)) is None
