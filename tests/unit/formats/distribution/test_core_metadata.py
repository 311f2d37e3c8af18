"""Metadata of twenty years is readable, and doubts are told."""

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.archives import SdistParts
from microrepo.formats.distribution.core_metadata import from_metadata
from microrepo.formats.distribution.sdist_metadata import (
    build_requires,
    from_sdist,
    parse_requires_txt,
)

HEAD = b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\n"


def test_a_whole_file():
    """All fields come through, requirements as they are written."""
    body = HEAD + (
        b"Summary: A demo\nRequires-Python: >=3.8\nProvides-Extra: Foo_Bar\n"
        b'Requires-Dist: a>=1; extra == "foo-bar"\nRequires-Dist: b @ https://x.example/b.zip\n'
        b"Description-Content-Type: text/markdown\n\n# Title\n\nRequires-Dist: not-this-one\n"
    )
    found = from_metadata(body, with_description=True)
    assert (found.name, found.version, found.summary) == ("Demo.Pkg", "1.0", "A demo")
    assert found.requires_dist == ('a>=1; extra == "foo-bar"', "b @ https://x.example/b.zip")
    assert found.requires_python == ">=3.8"
    assert found.provides_extra == ("foo-bar",)
    assert found.description == "# Title\n\nRequires-Dist: not-this-one"
    assert found.description_content_type == "text/markdown"
    assert (found.source, found.strict, found.notes) == ("metadata", True, ())
    assert from_metadata(body).description is None


@pytest.mark.parametrize(
    "body",
    [
        HEAD.replace(b"2.1", b"2.0"),
        HEAD.replace(b"\n", b"\r\n"),
        HEAD + b"no colon here\n",
        HEAD + b"License: one\n        two\n        three\n",
        HEAD.lower(),
        HEAD + b"Requires-Python: 3\n",
    ],
    ids=["2.0", "crlf", "junk", "folded", "lower case", "bare version"],
)
def test_lenient(body):
    """Old and odd files are read."""
    found = from_metadata(body)
    assert found.version == "1.0"


@pytest.mark.parametrize(
    "line", ["no colon", "a b: c", "Caf\u00e9: c", "\ufeffSummary: c", "Name : a"]
)
def test_a_line_that_is_no_header_ends_them(line):
    """As `email.parser` has it for pip, and uv likewise."""
    body = HEAD + f"Summary: a\n{line}\nRequires-Dist: b\n".encode()
    found = from_metadata(body, with_description=True)
    assert (found.summary, found.requires_dist) == ("a", ())
    assert found.description == f"{line}\nRequires-Dist: b"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("line", ["From x", "x_y!: 1", " folded", ": nothing"])
def test_odd_headers_do_not_end_them(line, end):
    """Installers pass over them, whatever ends the lines."""
    body = f"{HEAD.decode()}Summary: a\n{line}\nRequires-Dist: b\n\nRequires-Dist: c\n"
    assert from_metadata(body.replace("\n", end).encode()).requires_dist == ("b",)


def test_folded_description_header():
    """Metadata 1.x kept the description in a header, with bars."""
    body = HEAD + b"Description: one\n       |two\n        three\n"
    assert from_metadata(body, with_description=True).description == "one\ntwo\nthree"


def test_repaired_requirements_are_marked():
    """A repaired requirement makes the file one that newer pip refuses."""
    found = from_metadata(HEAD + b"Requires-Dist: a (>=1.0.*)\nRequires-Python: >=3.6.*\n")
    assert found.requires_dist == ("a>=1.0",)
    assert not found.strict
    assert len(found.notes) == 2
    assert from_metadata(HEAD + b"Requires-Python: >=3.6.*\n").strict


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"Name: a\n",
        b"Version: 1\n",
        HEAD + b"Requires-Dist: ??\n",
        b"\n" + HEAD,
        b"\r\n" + HEAD,
        b"\xef\xbb\xbf" + HEAD,
        b"no header\n" + HEAD,
        HEAD.replace(b"Name:", b"Name :"),
        HEAD + b"Summary: caf\xe9\n",
        HEAD + b"Requires-Dist: a>=1" + b"," * 200_000 + b"x\n",
        HEAD + b"Requires-Dist: a>=1\n" * 100_000,
    ],
)
def test_unusable(body):
    """Without name or version, or with a requirement that nobody understands, it is an error."""
    with pytest.raises(MalformedResponse):
        from_metadata(body)


PKG_22 = b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nRequires-Dist: a\n"
PKG_21 = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: a\n"
PKG_OLD = b"Metadata-Version: 1.1\nName: demo\nVersion: 1.0\n"
TOML = b'[project]\nname = "demo"\nversion = "1.0"\ndependencies = ["t"]\n'
TOML += b"[project.optional-dependencies]\nX = [\"u; os_name == 'nt'\"]\n"
PKG_26 = PKG_22.replace(b"2.2", b"2.6")
FLOOR_TOML = TOML.replace(b"[project]\n", b'[project]\ndynamic = ["dependencies"]\n', 1)
DYNAMIC_TOML = b'[project]\nname = "demo"\ndynamic = ["version", "dependencies"]\n'


@pytest.mark.parametrize(
    ("pkg_info", "requires_txt", "pyproject", "requires", "source"),
    [
        (PKG_22, None, None, ("a",), "sdist"),
        (PKG_22, b"b\n", TOML, ("a",), "sdist"),
        (PKG_22 + b"Dynamic: License\n", None, None, ("a",), "sdist"),
        (PKG_22 + b"Dynamic: Requires-Dist\n", None, None, ("a",), "guess"),
        (PKG_22 + b"Dynamic: requires-python\n", b"b\n", None, ("a",), "guess"),
        (PKG_21, None, None, ("a",), "guess"),
        (PKG_21, None, TOML, ("t", "u ; (os_name == 'nt') and extra == \"x\""), "sdist"),
        (PKG_OLD, b"b>=1\n[c]\nd\n", None, ("b>=1", 'd ; extra == "c"'), "guess"),
        (PKG_OLD, b"b\n", DYNAMIC_TOML, ("b",), "guess"),
        (PKG_OLD, None, None, (), "guess"),
        # Metadata 2.6: what a dynamic field has is the least; a build may add to it (PEP 808).
        (PKG_26 + b"Dynamic: Requires-Dist\n", b"b\n", FLOOR_TOML, ("a",), "guess"),
        (PKG_26 + b"Dynamic: Keywords\n", None, FLOOR_TOML, ("a",), "sdist"),
        (None, None, FLOOR_TOML, ("t", "u ; (os_name == 'nt') and extra == \"x\""), "guess"),
        (None, None, TOML, ("t", "u ; (os_name == 'nt') and extra == \"x\""), "sdist"),
    ],
)
def test_sdists(pkg_info, requires_txt, pyproject, requires, source):
    """What is static is certain, what a build could change is a guess."""
    found = from_sdist(SdistParts(pkg_info, requires_txt, pyproject))
    assert found.requires_dist == requires
    assert found.source == source
    assert bool(found.notes) == (source == "guess")


def test_an_sdist_without_a_name():
    """Its file name says the release, installers build it; without one nothing can be known."""
    found = from_sdist(SdistParts(None, b"a\n", None), "demo-1.0.tar.gz")
    assert (found.name, found.version, found.requires_dist) == ("demo", "1.0", ("a",))
    assert (found.source, found.notes[0]) == ("guess", "has no PKG-INFO in its top directory")
    with pytest.raises(MalformedResponse):
        from_sdist(SdistParts(None, b"a\n", None))


@pytest.mark.parametrize(
    "parts",
    [
        SdistParts(PKG_OLD, b"[x:os_name=='" + b"a" * 1_000_000 + b"']\n" + b"f\n" * 20_000),
        SdistParts(PKG_OLD, b"[x:os_name=='" + b"a" * 3000 + b"']\n" + b"f\n" * 20_000),
        SdistParts(PKG_OLD, b"f\n" * 1_000_000),
        SdistParts(
            None,
            None,
            b'[project]\nname="a"\nversion="1"\n[project.optional-dependencies]\n'
            + b"x" * 3000
            + b" = ["
            + b'"f",' * 20_000
            + b"]\n",
        ),
    ],
    ids=["one condition", "many lines", "many requirements", "a long extra"],
)
def test_what_multiplies_is_refused(parts):
    """A few hundred bytes must not become gigabytes."""
    with pytest.raises(MalformedResponse):
        from_sdist(parts, "demo-1.0.tar.gz")


@pytest.mark.parametrize(
    "toml", [b"a." * 64_000 + b"b=1\n", b"[" + b"a." * 250_000 + b"a]\n", b"x" * (2 << 20)]
)
def test_a_pyproject_that_costs_too_much_is_passed_over(toml):
    """Readers of TOML need quadratic time for the parts of a key."""
    assert from_sdist(SdistParts(PKG_22, None, toml)).requires_dist == ("a",)


def test_requires_txt_sections():
    """Sections of requires.txt turn into markers."""
    requires, extras = parse_requires_txt(
        b"plain>=1\n\n[:python_version < '3']\nfutures\n# comment\n[Big_Extra]\nx; os_name == 'nt'\n"
        b"y @ https://files.example/y.zip\n[test:sys_platform == 'win32']\nz\n"
    )
    assert requires == (
        "plain>=1",
        "futures ; (python_version < '3')",
        "x ; (os_name == 'nt') and extra == \"big-extra\"",
        'y @ https://files.example/y.zip ; extra == "big-extra"',
        "z ; (sys_platform == 'win32') and extra == \"test\"",
    )
    assert extras == ("big-extra", "test")


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        (None, ("setuptools>=40.8.0", "wheel")),
        (b"[project]\nname='x'\n", ("setuptools>=40.8.0", "wheel")),
        (b"not toml [", ("setuptools>=40.8.0", "wheel")),
        (b'[build-system]\nrequires = ["flit_core>=3"]\n', ("flit_core>=3",)),
        (b'[build-system]\nrequires = ["Setuptools>61"]\n', ("Setuptools>61", "wheel")),
        (b'[build-system]\nrequires = ["wheel", "setuptools"]\n', ("wheel", "setuptools")),
        (b"[build-system]\nrequires = []\n", ()),
    ],
)
def test_build_requires(pyproject, expected):
    """Without a word about it, setuptools builds; old pips want `wheel` beside it."""
    assert build_requires(pyproject) == expected
