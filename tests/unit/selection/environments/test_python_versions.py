"""Which files a Python can use, as far as names, labels and requires-python tell."""

from __future__ import annotations

import pytest
from packaging import tags

from microrepo.model import File
from microrepo.selection.environments.presets import USUAL_PLATFORMS, environment_from_preset
from microrepo.selection.environments.python_versions import (
    PythonFilter,
    PythonTarget,
    fits,
    labels_of,
    lenient_specifiers,
    parse_python_words,
    requires_python_admits,
    wheel_fits,
)

CPYTHONS = [f"cp3{minor}" for minor in range(8, 17)] + ["cp313t", "cp314t", "cp315t", "cp316t"]
# Interpreters and ABIs of wheels; the ABI of another Python, and flags that are gone, among them.
ALL_PAIRS = [
    (interpreter, abi)
    for interpreter in ("py2", "py3", *(f"{kind}3{n}" for kind in ("py", "cp") for n in range(20)))
    for abi in ("none", "abi3", "abi3t", "cp38m", "cp311mu", *CPYTHONS, "cp317", "cp317t")
]
OLD_README_LIST = ["2.7", "any", "cp27", "py2", "py2.py3", "py27", "source"]


def target(word: str) -> PythonTarget:
    (found,) = parse_python_words([word]).targets
    return found


def file_named(filename: str, package_type: str | None = None, label: str | None = None) -> File:
    guessed = "bdist_wheel" if filename.endswith(".whl") else "sdist"
    return File(
        filename, "https://f.example/x", "1.0", package_type or guessed, python_version=label
    )


# --- the words of the setting -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("3.11", PythonTarget("cp", 3, 11)),
        ("cp311", PythonTarget("cp", 3, 11)),
        ("CP311", PythonTarget("cp", 3, 11)),
        ("py311", PythonTarget("cp", 3, 11)),
        (" 3.9 ", PythonTarget("cp", 3, 9)),
        ("cp39", PythonTarget("cp", 3, 9)),
        ("2.7", PythonTarget("cp", 2, 7)),
        ("3.13t", PythonTarget("cp", 3, 13, free_threaded=True)),
        ("cp313t", PythonTarget("cp", 3, 13, free_threaded=True)),
        ("pp310", PythonTarget("pp", 3, 10)),
    ],
)
def test_word_for_a_python(word: str, expected: PythonTarget) -> None:
    assert parse_python_words([word]) == PythonFilter(targets=(expected,))


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("py3", "py3"),
        ("3", "py3"),
        ("py2", "py2"),
        ("py2.py3", "py2.py3"),
        ("py3.py2", "py2.py3"),
        ("any", "any"),
        ("source", "source"),
        ("Any", "any"),
    ],
)
def test_generic_word(word: str, label: str) -> None:
    assert parse_python_words([word]) == PythonFilter(labels=(label,))


@pytest.mark.parametrize(
    "word",
    [
        *("4.0", "cp", "cp3", "pp3", "3t", "ip27", "jython", "3.", "3.123", "", "3.11rc1"),
        *("٣.11", "3.\u0661\u0661", "3.9t", "cp312t", "pp313t", "3.08", "3.011", "py3.12.1"),
    ],
)
def test_unknown_word_is_returned_as_written(word: str) -> None:
    assert parse_python_words([word]) == PythonFilter(unknown=(word,))


def test_the_same_python_twice_counts_once() -> None:
    assert parse_python_words(["3.11", "cp311", "py311"]).targets == (PythonTarget("cp", 3, 11),)


def test_list_of_the_old_readme() -> None:
    assert parse_python_words(OLD_README_LIST) == PythonFilter(
        targets=(PythonTarget("cp", 2, 7),), labels=("any", "py2", "py2.py3", "source")
    )


@pytest.mark.parametrize(
    ("word", "text"), [("cp311", "3.11"), ("cp313t", "3.13t"), ("pp310", "pp3.10"), ("2.7", "2.7")]
)
def test_name_of_a_python(word: str, text: str) -> None:
    assert str(target(word)) == text


# --- wheels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "word", "expected"),
    [
        pytest.param("py3-none-any", "3.11", True, id="py3"),
        pytest.param("py2.py3-none-any", "3.11", True, id="py2.py3 for 3"),
        pytest.param("py2.py3-none-any", "2.7", True, id="py2.py3 for 2"),
        pytest.param("py2-none-any", "3.11", False, id="py2 for 3"),
        pytest.param("py3-none-any", "2.7", False, id="py3 for 2"),
        pytest.param("py38-none-any", "3.11", True, id="older py"),
        pytest.param("py312-none-any", "3.11", False, id="newer py"),
        pytest.param("cp311-cp311-win_amd64", "3.11", True, id="its own"),
        pytest.param("cp310-cp310-win_amd64", "3.11", False, id="older cp"),
        pytest.param("cp312-cp312-win_amd64", "3.11", False, id="newer cp"),
        pytest.param("cp311-none-win_amd64", "3.11", True, id="its own, no ABI"),
        pytest.param("cp38-abi3-win_amd64", "3.12", True, id="abi3 of 3.8 for 3.12"),
        pytest.param("cp38-abi3-win_amd64", "3.8", True, id="abi3 of 3.8 for 3.8"),
        pytest.param("cp38-abi3-win_amd64", "3.7", False, id="abi3 of 3.8 for 3.7"),
        pytest.param("cp313-cp313t-win_amd64", "3.13", False, id="cp313t for cp313"),
        pytest.param("cp313-cp313-win_amd64", "3.13t", False, id="cp313 for cp313t"),
        pytest.param("cp313-cp313t-win_amd64", "3.13t", True, id="cp313t for cp313t"),
        pytest.param("cp38-abi3-win_amd64", "3.13t", False, id="abi3 for cp313t"),
        pytest.param("py3-none-any", "3.13t", True, id="py3 for cp313t"),
        pytest.param("cp315-abi3t-win_amd64", "3.16t", True, id="abi3t of 3.15 for cp316t"),
        pytest.param("cp315-abi3.abi3t-win_amd64", "3.16", True, id="abi3.abi3t for cp316"),
        pytest.param("cp315-abi3t-win_amd64", "3.16", False, id="abi3t for cp316"),
        pytest.param("cp316-abi3t-win_amd64", "3.15t", False, id="newer abi3t"),
        pytest.param("cp36-cp36m-linux_x86_64", "3.6", True, id="pymalloc"),
        pytest.param("cp27-cp27mu-linux_x86_64", "2.7", True, id="wide Unicode"),
        pytest.param("cp37.cp38.cp39-abi3-win32", "3.11", True, id="several tags"),
        pytest.param("cp310.cp311-cp310.cp311-win32", "3.11", True, id="crossed tags"),
        pytest.param("pp310-pypy310_pp73-win_amd64", "3.10", False, id="PyPy for CPython"),
        pytest.param("pp310-pypy310_pp73-win_amd64", "pp310", True, id="PyPy for PyPy"),
        pytest.param("pp39-pypy39_pp73-win_amd64", "pp310", False, id="older PyPy"),
        pytest.param("cp310-cp310-win_amd64", "pp310", False, id="CPython for PyPy"),
        pytest.param("cp38-abi3-win_amd64", "pp310", False, id="abi3 for PyPy"),
        pytest.param("py3-none-win_amd64", "pp310", True, id="py3 for PyPy"),
        pytest.param("ip27-none-any", "2.7", False, id="another implementation"),
    ],
)
def test_wheel_fits_by_its_name(tags: str, word: str, expected: bool) -> None:
    assert fits(file_named(f"foo-1.0-{tags}.whl"), target(word)) is expected


@pytest.mark.parametrize("platform", USUAL_PLATFORMS)
@pytest.mark.parametrize("word", CPYTHONS)
def test_rules_and_presets_take_the_same_wheels_as_packaging(word: str, platform: str) -> None:
    """Interpreter and ABI of each wheel that `packaging` accepts, and no other; abi3t included."""
    python = target(word)
    own = tags.cpython_tags((3, python.minor), [word], [platform])
    common = tags.compatible_tags((3, python.minor), f"cp3{python.minor}", [platform])
    expected = {(tag.interpreter, tag.abi) for tag in (*own, *common)}
    assert environment_from_preset("x", f"{word}-{platform}").interpreters == expected
    accepted = {
        (interpreter, abi)
        for interpreter, abi in ALL_PAIRS
        if wheel_fits((interpreter,), (abi,), python)
    }
    assert accepted == expected


def test_label_of_a_wheel_counts_for_nothing() -> None:
    wheel = file_named("foo-1.0-cp310-cp310-win32.whl", label="cp311")
    assert not fits(wheel, target("3.11"))


# --- other files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "package_type", "label", "expected"),
    [
        pytest.param("foo-1.0.tar.gz", "sdist", "source", True, id="sdist"),
        pytest.param("foo-1.0.tar.gz", "sdist", "2.7", True, id="a label on an sdist"),
        pytest.param("foo-1.0-py3.11.egg", "bdist_egg", "2.7", True, id="the egg's name decides"),
        pytest.param("foo-1.0-py2.7.egg", "bdist_egg", "3.11", False, id="another egg"),
        pytest.param("foo-1.0.egg", "bdist_egg", "3.11", True, id="the label where no name tells"),
        pytest.param("foo-1.0.egg", "bdist_egg", "2.7", False, id="another label"),
        pytest.param("foo-1.0.egg", "bdist_egg", None, True, id="neither"),
        pytest.param("foo-1.0.exe", "bdist_wininst", "any", True, id="any"),
        pytest.param("foo-1.0.exe", "bdist_wininst", "cp311", True, id="cp label"),
        pytest.param("foo-1.0.exe", "bdist_wininst", "py2.py3", True, id="generic label"),
        pytest.param("foo-1.0.exe", "bdist_wininst", "3.10", False, id="older Python"),
        pytest.param("foo-1.0.rpm", "bdist_rpm", "nonsense", True, id="unknown label"),
    ],
)
def test_other_files_for_python_3_11(
    filename: str, package_type: str, label: str | None, expected: bool
) -> None:
    assert fits(file_named(filename, package_type, label), target("3.11")) is expected


@pytest.mark.parametrize(
    ("filename", "package_type", "label", "expected"),
    [
        pytest.param("foo-1.0-py3-none-any.whl", None, None, {"py3"}, id="wheel"),
        pytest.param(
            "foo-1.0-py2.py3-none-any.whl",
            None,
            None,
            {"py2", "py3", "py2.py3", "any"},
            id="universal wheel",
        ),
        pytest.param("foo-1.0-cp311-cp311-win32.whl", None, "py3", {"cp311"}, id="binary wheel"),
        pytest.param("foo-1.0.tar.gz", None, "any", {"source"}, id="sdist"),
        pytest.param("foo-1.0-py2.7.egg", "bdist_egg", "2.6", {"2.7"}, id="egg"),
        pytest.param("foo-1.0.exe", "bdist_wininst", "py3", {"py3"}, id="label"),
        pytest.param("foo-1.0.exe", "bdist_wininst", None, {"any"}, id="nothing"),
    ],
)
def test_labels_of_a_file(
    filename: str, package_type: str | None, label: str | None, expected: set[str]
) -> None:
    assert labels_of(file_named(filename, package_type, label)) == expected


# --- requires-python ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        pytest.param(">=3.8", True, id="from an older one"),
        pytest.param(">=3.12", False, id="from a newer one"),
        pytest.param("<3.11", False, id="up to an older one"),
        pytest.param("<=3.11", True, id="up to its first patch"),
        pytest.param(">=3.11.5", True, id="from a later patch"),
        pytest.param("<3.11.5", True, id="up to a later patch"),
        pytest.param("==3.11.4", True, id="one patch"),
        pytest.param("!=3.11.*", False, id="all but this"),
        pytest.param("==3.*", True, id="star"),
        pytest.param("~=3.10", True, id="compatible"),
        pytest.param(">=2.7,!=3.0.*,!=3.1.*", True, id="several"),
        pytest.param(">=3.6.*", True, id="malformed, repaired"),
        pytest.param(">=3.12.*", False, id="malformed, repaired, too new"),
        pytest.param("three", True, id="unreadable constrains nothing"),
        pytest.param(">3.11.99", False, id="beyond all patches"),
        pytest.param(">=3.11.0rc1", True, id="from a pre-release"),
    ],
)
def test_requires_python_of_3_11(specifier: str, expected: bool) -> None:
    assert requires_python_admits(specifier, target("3.11")) is expected


@pytest.mark.parametrize(
    ("text", "expected"), [(">=3.6.*", ">=3.6"), ("~=3.6.*", "~=3.6"), ("==3.*", "==3.*")]
)
def test_repaired_specifier(text: str, expected: str) -> None:
    assert str(lenient_specifiers(text)) == expected


def test_specifier_beyond_repair() -> None:
    assert lenient_specifiers("three or more") is None
